"""A supernet's path as weights of its own: what is the supernet's, what is computed anew."""

from pathlib import Path

import pytest
import torch

from detection import (
    BuildError,
    CheckpointError,
    DatasetError,
    Detector,
    Preprocess,
    ShapesRecipe,
    WeightsInfo,
    extract_path,
    load_weights,
    open_split,
    read_weights_info,
    recalibrate_bn,
    save_weights,
    score_weights,
    write_shapes,
)
from detection.training.starts import fresh_supernet
from searchspaces import ArchitectureError, make_space

OPTIONS = {"head": "retinanet", "input_hw": (64, 64), "num_classes": 3}
SPACE = make_space("detnas-nano", **OPTIONS)
CODE = "01-23-0123-01"


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = ShapesRecipe(num_train=6, num_val=2, image_hw=(64, 64), size_px=(16, 48))
    return write_shapes(tmp_path_factory.mktemp("shapes"), recipe)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("supernet") / "supernet.safetensors"
    info = WeightsInfo("detnas-nano", 3, space_options={**OPTIONS, "input_hw": [64, 64]})
    return save_weights(path, fresh_supernet(SPACE, 4), info)


def test_the_path_has_the_supernets_weights_and_its_own_statistics(
    weights: Path, shapes: Path, tmp_path: Path
) -> None:
    heard: list[tuple[float, float]] = []
    found = extract_path(
        weights,
        CODE,
        shapes,
        tmp_path / "w.safetensors",
        images=4,
        progress=lambda _, done, total: heard.append((done, total)),
    )
    assert (found.architecture, found.images, heard) == (f"detnas-nano:{CODE}", 4, [(4, 4)])
    detector = Detector(SPACE.detector(SPACE.decode(CODE)))
    info = load_weights(found.weights, detector)
    assert (info.architecture, info.notes["recalibrated_on"]) == (CODE, 4)
    assert info.label_names == ("circle", "square", "triangle")
    expected = fresh_supernet(SPACE, 4).extract(SPACE.decode(CODE))
    images = open_split(shapes, "train", Preprocess((64, 64)))
    recalibrate_bn(expected, [torch.stack([images[index][0] for index in range(4)])])
    for name, value in expected.state_dict().items():
        assert torch.equal(detector.state_dict()[name], value), name
    picture = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mine, theirs = detector.eval()(picture), expected.eval()(picture)
    for a, b in zip(mine, theirs, strict=True):
        assert torch.equal(a, b)
    assert score_weights(found.weights, shapes).report.n_images == 2


def test_misuse_is_refused(weights: Path, shapes: Path, tmp_path: Path) -> None:
    output = tmp_path / "w.safetensors"
    with pytest.raises(ArchitectureError):
        extract_path(weights, "01-23", shapes, output)
    with pytest.raises(CheckpointError, match="no such weights file"):
        extract_path(tmp_path / "nowhere.safetensors", CODE, shapes, output)
    with pytest.raises(CheckpointError, match=r"such as w\.safetensors"):
        extract_path(weights, CODE, shapes, tmp_path / "w")
    assert not list(tmp_path.iterdir())
    extract_path(weights, CODE, shapes, output, images=2)
    with pytest.raises(CheckpointError, match="exists already"):
        extract_path(weights, CODE, shapes, output)
    with pytest.raises(BuildError, match=f"one detector, detnas-nano:{CODE}, which is no"):
        extract_path(output, CODE, shapes, tmp_path / "again.safetensors")


def test_data_of_other_classes_is_refused(weights: Path, tmp_path: Path) -> None:
    recipe = ShapesRecipe(
        num_train=2, num_val=1, image_hw=(64, 64), size_px=(16, 48), num_classes=2
    )
    other = write_shapes(tmp_path / "other", recipe)
    with pytest.raises(DatasetError, match="has 2 classes"):
        extract_path(weights, CODE, other, tmp_path / "w.safetensors")
    assert read_weights_info(weights).architecture is None
