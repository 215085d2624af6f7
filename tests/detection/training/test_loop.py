"""Training: resume bit by bit, errors that say where, and that it learns."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from detection import (
    CheckpointError,
    CocoDataset,
    Detector,
    Preprocess,
    ShapesRecipe,
    Supernet,
    TrainAugment,
    TrainConfig,
    TrainingError,
    TrainReport,
    detect_dataset,
    evaluate_coco,
    one_detector,
    open_split,
    run_module,
    train,
    uniform_paths,
    write_shapes,
)
from detection.training.paths import LearnerForStep
from searchspaces import DetNasSpace

MakeSpace = Callable[..., DetNasSpace]
SIDE = 64
CONFIG = TrainConfig(
    steps=5, batch_size=2, lr=0.01, warmup_steps=2, log_every=2, checkpoint_every=100
)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = ShapesRecipe(num_train=7, num_val=1, image_hw=(SIDE, SIDE), size_px=(16, 48))
    return write_shapes(tmp_path_factory.mktemp("shapes"), recipe)


@pytest.fixture
def dataset(shapes: Path) -> CocoDataset:
    return open_split(
        shapes, "train", Preprocess((SIDE, SIDE)), augment=TrainAugment((SIDE, SIDE)), train=True
    )


def build(make_space: MakeSpace, head: str, supernet: bool) -> tuple[nn.Module, LearnerForStep]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        space = make_space(head)
        if supernet:
            root = Supernet(space)
            return root, uniform_paths(root, seed=3)
        detector = Detector(space.detector(space.decode("0123012301")))
        return detector, one_detector(detector)


class KilledError(Exception):
    """Stands for the end of a process."""


def die_at(step: int) -> Callable[[str, float, float], None]:
    def progress(message: str, done: float, total: float) -> None:
        if done >= step:
            raise KilledError

    return progress


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())


@pytest.mark.parametrize(
    ("head", "supernet", "optimizer"),
    [("retinanet", False, "sgd"), ("fpn", True, "sgd"), ("retinanet", True, "adamw")],
)
def test_a_killed_and_resumed_run_equals_an_undisturbed_one(
    make_space: MakeSpace,
    dataset: CocoDataset,
    tmp_path: Path,
    head: str,
    supernet: bool,
    optimizer: str,
) -> None:
    config = replace(CONFIG, optimizer=optimizer, checkpoint_every=3)
    whole, step_of = build(make_space, head, supernet)
    undisturbed = train(step_of, whole, dataset, config, tmp_path / "whole")

    first, step_of = build(make_space, head, supernet)
    with pytest.raises(KilledError):
        train(step_of, first, dataset, config, tmp_path / "two", progress=die_at(4))
    again, step_of = build(make_space, head, supernet)
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.add_(1.0)  # whatever it starts from is replaced
    resumed = train(step_of, again, dataset, config, tmp_path / "two")

    assert (resumed.resumed_at, resumed.steps) == (3, 5)
    assert same(whole, again)
    assert resumed.history == undisturbed.history
    assert [row.step for row in resumed.history] == [2, 4, 5]
    assert not same(whole, build(make_space, head, supernet)[0])


def run_once(
    make_space: MakeSpace, dataset: CocoDataset, folder: Path, **options: Any
) -> TrainReport:
    root, step_of = build(make_space, "retinanet", False)
    return train(step_of, root, dataset, replace(CONFIG, **options), folder)


def test_a_finished_run_is_not_repeated(
    make_space: MakeSpace, dataset: CocoDataset, tmp_path: Path
) -> None:
    first = run_once(make_space, dataset, tmp_path)
    again = run_once(make_space, dataset, tmp_path)
    assert (again.resumed_at, again.steps, again.history) == (5, 5, first.history)


def test_what_an_interrupted_save_left_is_ignored(
    make_space: MakeSpace, dataset: CocoDataset, tmp_path: Path
) -> None:
    report = run_once(make_space, dataset, tmp_path)
    shutil.copytree(report.checkpoint, tmp_path / ".partial-step-00000009")
    (tmp_path / ".partial-step-00000009" / "state.pt").write_bytes(b"torn")
    assert run_once(make_space, dataset, tmp_path).resumed_at == 5


def test_only_the_last_two_checkpoints_are_kept(
    make_space: MakeSpace, dataset: CocoDataset, tmp_path: Path
) -> None:
    run_once(make_space, dataset, tmp_path, checkpoint_every=1)
    kept = sorted(p.name for p in tmp_path.iterdir() if p.is_dir())
    assert kept == ["step-00000004", "step-00000005"]


def test_another_setting_is_refused_or_starts_anew(
    make_space: MakeSpace, dataset: CocoDataset, tmp_path: Path
) -> None:
    run_once(make_space, dataset, tmp_path)
    with pytest.raises(CheckpointError, match=r"lr: 0\.01 then, 0\.5 now"):
        run_once(make_space, dataset, tmp_path, lr=0.5)
    root, step_of = build(make_space, "retinanet", False)
    report = train(step_of, root, dataset, CONFIG, tmp_path, resume=False)
    assert report.resumed_at == 0


def test_another_model_is_refused(
    make_space: MakeSpace, dataset: CocoDataset, tmp_path: Path
) -> None:
    run_once(make_space, dataset, tmp_path)
    root, step_of = build(make_space, "fpn", False)
    with pytest.raises(CheckpointError, match="does not fit the model"):
        train(step_of, root, dataset, CONFIG, tmp_path)


@pytest.mark.parametrize("name", ["state.pt", "weights.safetensors"])
def test_a_damaged_checkpoint_is_refused(
    make_space: MakeSpace, dataset: CocoDataset, tmp_path: Path, name: str
) -> None:
    path = run_once(make_space, dataset, tmp_path).checkpoint / name
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CheckpointError, match=name.partition(".")[0]):
        run_once(make_space, dataset, tmp_path)


def test_divergence_names_step_images_and_checkpoint(
    make_space: MakeSpace, dataset: CocoDataset, tmp_path: Path
) -> None:
    root, step_of = build(make_space, "retinanet", False)

    def poisoned(step: int) -> Detector:
        if step == 3:
            with torch.no_grad():
                root.get_parameter("nodes.retinanet_head.deltas.bias").fill_(float("inf"))
        return step_of(step)

    with pytest.raises(TrainingError) as caught:
        train(poisoned, root, dataset, replace(CONFIG, checkpoint_every=2), tmp_path)
    message = str(caught.value)
    assert "not finite at step 3" in message
    assert "box=inf" in message or "box=nan" in message
    assert "on images [" in message
    assert "step-00000002" in message


def test_a_warm_up_as_long_as_the_run_is_cut(
    make_space: MakeSpace, dataset: CocoDataset, tmp_path: Path
) -> None:
    root, step_of = build(make_space, "retinanet", False)
    config = replace(CONFIG, warmup_steps=5, log_every=1)
    report = train(step_of, root, dataset, config, tmp_path)
    assert report.changes == ("warmup_steps 5 -> 0, as the run is of 5 steps",)
    assert report.history[0].lr == CONFIG.lr


def test_progress_and_modes(make_space: MakeSpace, dataset: CocoDataset, tmp_path: Path) -> None:
    root, step_of = build(make_space, "retinanet", False)
    calls: list[tuple[str, float, float]] = []
    train(step_of, root, dataset, CONFIG, tmp_path, progress=lambda *a: calls.append(a))
    assert [call[1:] for call in calls] == [(2, 5), (4, 5), (5, 5)]
    assert all(call[0].startswith("loss ") for call in calls)
    assert not root.training
    assert all(p.is_contiguous() for p in root.parameters())


@pytest.mark.gpu
def test_half_precision_on_a_gpu(
    make_space: MakeSpace, dataset: CocoDataset, tmp_path: Path
) -> None:
    for head in ("fpn", "retinanet"):
        root, step_of = build(make_space, head, True)
        report = train(step_of, root, dataset, CONFIG, tmp_path / head, device="cuda")
        assert report.steps == 5


@pytest.mark.slow
@pytest.mark.parametrize("head", ["fpn", "retinanet"])
def test_eight_images_are_learnt(make_space: MakeSpace, tmp_path: Path, head: str) -> None:
    recipe = ShapesRecipe(num_train=8, num_val=1, image_hw=(128, 128))
    write_shapes(tmp_path / "data", recipe)
    preprocess = Preprocess((128, 128))
    learnt = open_split(tmp_path / "data", "train", preprocess, train=True)
    scored = open_split(tmp_path / "data", "train", preprocess)
    space = make_space(head, num_classes=len(scored.annotations.categories), side=128)
    torch.manual_seed(0)
    detector = Detector(space.detector(space.decode("0123012301")))
    config = TrainConfig(steps=220, batch_size=8, lr=0.1, warmup_steps=20)
    train(one_detector(detector), detector, learnt, config, tmp_path / "run")
    found = detect_dataset(run_module(detector), scored, batch_size=8)
    assert evaluate_coco(scored.annotations, found).ap50 >= 0.9
