"""Weights with group normalisation become ones with batch normalisation: what stays the same."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from detection import (
    BuildError,
    CheckpointError,
    DatasetError,
    Detector,
    Preprocess,
    ShapesRecipe,
    WeightsInfo,
    convert_weights,
    draw_split,
    load_weights,
    open_split,
    read_weights_info,
    save_weights,
    score_weights,
    write_shapes,
)
from detection.renorming import fold_norm, to_batch_norm, with_batch_norm
from detection.training.starts import seeded
from searchspaces import make_space, parse_arch

SIDE = 64
ROWS = 4  # of boxes
SMALL: dict[str, Any] = {"input_hw": (SIDE, SIDE), "num_classes": 3}
TEXT = "detnas-nano:01-23-0123-01"
OPTIONS: dict[str, Any] = {**SMALL, "head": "retinanet", "norm": "gn_ws"}
DETECTORS = pytest.mark.parametrize(
    ("text", "options"),
    [
        (TEXT, {"head": "retinanet"}),
        (TEXT, {"head": "fpn"}),
        ("zoo:E0", {}),
        ("crnas-resnet18-stages:2-2-2-2", {"head": "cascade-mask", "base_channels": 8}),
        ("crnas-resnet18-stages:2-2-2-2", {"head": "nas-fpn", "base_channels": 8}),
    ],
)


def disturbed(text: str, options: dict[str, Any]) -> Detector:
    """Return a detector with batch normalisation everywhere, as no space has it."""
    space, arch = parse_arch(text, **SMALL, **options, norm="gn_ws")
    torch.manual_seed(0)
    detector = Detector(with_batch_norm(space.detector(arch)))
    for layer in detector.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
            nn.init.normal_(layer.get_buffer("running_mean"))
            nn.init.uniform_(layer.get_buffer("running_var"), 0.5, 2)
    return detector.eval()


def outputs(module: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    with torch.no_grad():
        found = module(*inputs)
    return [found] if isinstance(found, Tensor) else list(found)


@DETECTORS
def test_folding_changes_no_output_of_any_module(text: str, options: dict[str, Any]) -> None:
    before = disturbed(text, options)
    space, arch = parse_arch(text, **SMALL, **options)
    after = fold_norm(before, space.detector(arch))
    assert after.spec == space.detector(arch)
    count = {each: len(norms(each)) for each in (before, after)}
    assert count[before] >= count[after] > 0
    assert (count[before] > count[after]) == (options.get("head") not in ("fpn", "nas-fpn"))
    for node in before.graph.nodes:
        mine, theirs = before.nodes[node.name], after.nodes[node.name]
        if not list(mine.parameters()):
            continue
        shapes = [tensor.shape for tensor in node.spec.inputs]
        inputs = [torch.randn(min(rows, ROWS), *rest) for rows, *rest in shapes]
        for a, b in zip(outputs(mine, inputs), outputs(theirs, inputs), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def norms(detector: Detector) -> list[nn.BatchNorm2d]:
    return [layer for layer in detector.modules() if isinstance(layer, nn.BatchNorm2d)]


@DETECTORS
def test_all_group_normalisation_becomes_batch_normalisation(
    text: str, options: dict[str, Any]
) -> None:
    space, arch = parse_arch(text, **SMALL, **options, norm="gn_ws")
    spec = space.detector(arch)
    changed = with_batch_norm(spec)
    given = {dict(module.params).get("norm") for module, _ in changed.modules()}
    assert not {"gn", "gn_ws"} & given
    assert with_batch_norm(changed) == changed
    plain, _ = parse_arch(text, **SMALL, **options)
    assert changed.backbone == plain.detector(arch).backbone
    assert changed.num_classes == spec.num_classes


def test_the_statistics_are_those_of_the_images() -> None:
    space, arch = parse_arch(TEXT, **OPTIONS)
    grouped = seeded(lambda: Detector(space.detector(arch)), 0).eval()
    kept = {name: value.clone() for name, value in grouped.state_dict().items()}
    images = torch.randn(8, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) + 3
    wanted = make_space("detnas-nano", **{**OPTIONS, "norm": "bn"}).detector(arch)
    after = to_batch_norm(grouped, wanted, [images])
    first = norms(after)[0]
    seen: list[Tensor] = []
    handle = first.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0]))
    outputs(after, [images])
    handle.remove()
    mean, variance = seen[0].mean((0, 2, 3)), seen[0].var((0, 2, 3))
    torch.testing.assert_close(first.get_buffer("running_mean"), mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(first.get_buffer("running_var"), variance, rtol=1e-3, atol=1e-4)
    assert mean.abs().max() > 0.1
    for name, value in grouped.state_dict().items():
        assert torch.equal(value, kept[name]), name


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = ShapesRecipe(num_train=6, num_val=2, image_hw=(SIDE, SIDE), size_px=(16, 48))
    return write_shapes(tmp_path_factory.mktemp("shapes"), recipe)


INFO = WeightsInfo(
    "detnas-nano",
    3,
    "0123012301",
    {**OPTIONS, "input_hw": [SIDE, SIDE]},
    ("circle", "square", "triangle"),
    {"ap": 0.9, "ap50": 0.9, "seed": 7},
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    space, arch = parse_arch(TEXT, **OPTIONS)
    detector = seeded(lambda: Detector(space.detector(arch)), 5)
    return save_weights(tmp_path_factory.mktemp("w") / "gn.safetensors", detector, INFO)


def test_a_file_becomes_one_of_the_space_with_batch_normalisation(
    weights: Path, shapes: Path, tmp_path: Path
) -> None:
    heard: list[str] = []
    found = convert_weights(
        weights,
        shapes,
        tmp_path / "bn.safetensors",
        images=4,
        progress=lambda message, done, total: heard.append(message),
    )
    assert (found.norm_before, found.images, found.source) == ("gn_ws", 4, weights)
    assert dict.fromkeys(heard) == dict.fromkeys(["detecting", "recalibrating"])
    info = read_weights_info(found.weights)
    assert info == replace(
        INFO, space_options={**INFO.space_options, "norm": "bn"}, notes=info.notes
    )
    assert info.notes["seed"] == 7
    assert (info.notes["converted_from"], info.notes["recalibrated_on"]) == ("gn_ws", 4)
    score = score_weights(found.weights, shapes)
    assert found.after is not None
    assert info.notes["ap"] == found.after.ap == score.report.to_dict()["ap"]
    assert info.notes["score_split"] == found.score_split == "val"
    assert found.to_dict()["score_split"] == "val"
    images = open_split(shapes, "train", Preprocess((SIDE, SIDE)))
    space, arch = parse_arch(TEXT, **OPTIONS)
    before = Detector(space.detector(arch))
    load_weights(weights, before)
    wanted = make_space("detnas-nano", **{**OPTIONS, "norm": "bn"}).detector(arch)
    batch = torch.stack([images[index][0] for index in range(4)])
    expected = to_batch_norm(before.eval(), wanted, [batch])
    after = Detector(wanted)
    load_weights(found.weights, after)
    for name, value in expected.state_dict().items():
        assert torch.equal(after.state_dict()[name], value), name
    fields = found.to_dict()
    assert fields["ap_lost"] == fields["ap_before"] - fields["ap"]


def test_without_images_to_score_on_nothing_is_scored(
    weights: Path, shapes: Path, tmp_path: Path
) -> None:
    bare = Path(shutil.copytree(shapes, tmp_path / "bare"))
    (bare / "annotations" / "instances_val.json").unlink()
    found = convert_weights(weights, bare, tmp_path / "bn.safetensors", images=2)
    assert (found.before, found.after) == (None, None)
    assert found.to_dict()["ap_lost"] is None
    assert "ap" not in read_weights_info(found.weights).notes
    named = convert_weights(
        weights, bare, tmp_path / "two.safetensors", images=2, score_split="train"
    )
    assert named.after is not None
    assert named.after.n_images == 6


@pytest.mark.parametrize(
    ("notes", "asked", "scored", "images"),
    [
        ({"split": "archtrain", "score_split": "archval"}, None, "archval", 1),
        ({"split": "archtrain"}, None, "archval", 1),
        ({"split": "archtrain", "score_split": "val"}, None, "val", 2),
        ({"split": "archtrain", "score_split": "archval"}, "val", "val", 2),
        ({"split": "train"}, None, "val", 2),
        ({"split": "trainval35k", "score_split": "minival"}, None, None, None),
    ],
)
def test_what_was_not_learnt_scores_and_is_noted(
    shapes: Path,
    tmp_path: Path,
    notes: dict[str, str],
    asked: str | None,
    scored: str | None,
    images: int | None,
) -> None:
    data = Path(shutil.copytree(shapes, tmp_path / "data"))
    draw_split(data, "arch", held_out=1)
    space, arch = parse_arch(TEXT, **OPTIONS)
    detector = seeded(lambda: Detector(space.detector(arch)), 5)
    info = replace(INFO, notes={**INFO.notes, **notes})
    weights = save_weights(tmp_path / "gn.safetensors", detector, info)
    output = tmp_path / "bn.safetensors"
    found = convert_weights(weights, data, output, images=2, score_split=asked)
    assert found.score_split == read_weights_info(output).notes.get("score_split") == scored
    assert (None if found.after is None else found.after.n_images) == images
    assert read_weights_info(output).notes["split"] == notes["split"]


def test_misuse_is_refused_before_anything_is_written(
    weights: Path, shapes: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.safetensors"
    done = tmp_path / "done.safetensors"
    convert_weights(weights, shapes, done, images=2)
    with pytest.raises(BuildError, match=r"norm=bn, and what was trained with norm=gn or norm=gn"):
        convert_weights(done, shapes, output)
    with pytest.raises(CheckpointError, match="exists already"):
        convert_weights(weights, shapes, done)
    with pytest.raises(CheckpointError, match="no such weights file"):
        convert_weights(tmp_path / "nowhere.safetensors", shapes, output)
    with pytest.raises(DatasetError, match="nowhere"):
        convert_weights(weights, shapes, output, score_split="nowhere")
    other = write_shapes(
        tmp_path / "other",
        ShapesRecipe(num_train=2, num_val=1, image_hw=(64, 64), size_px=(16, 48), num_classes=2),
    )
    with pytest.raises(DatasetError, match="has the 2 classes"):
        convert_weights(weights, other, output)
    space = make_space("detnas-nano", **OPTIONS)
    detector = Detector(space.detector(space.decode("0123012301")))
    whole = save_weights(tmp_path / "s.safetensors", detector, replace(INFO, architecture=None))
    with pytest.raises(BuildError, match="the weights of a whole supernet"):
        convert_weights(whole, shapes, output)
    assert not output.exists()
