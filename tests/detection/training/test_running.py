"""What a run offers beside its steps: average, log, precision, divergence, stopping."""

import csv
import signal
import sys
import time
from collections.abc import Callable, Container
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from detection import (
    CocoDataset,
    ShapesRecipe,
    TrainConfig,
    TrainingError,
    TrainReport,
    one_detector,
    train,
    write_shapes,
)
from detection.training.averaging import WeightAverage
from detection.training.checkpoint import list_checkpoints
from detection.training.step import resolve_precision
from detection.training.stopping import StopRequest
from tests.detection.training.together import SIDE, detector, open_shapes

CONFIG = TrainConfig(steps=4, batch_size=2, lr=0.005, log_every=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> CocoDataset:
    recipe = ShapesRecipe(num_train=7, num_val=1, image_hw=(SIDE, SIDE), size_px=(16, 48))
    return open_shapes(write_shapes(tmp_path_factory.mktemp("shapes"), recipe))


def run(
    dataset: CocoDataset, folder: Path, progress: Any = None, **changes: Any
) -> tuple[nn.Module, TrainReport]:
    root = detector()
    config = replace(CONFIG, **changes)
    return root, train(one_detector(root), root, dataset, config, folder, progress=progress)


def test_the_average_follows_its_formula() -> None:
    root = nn.Linear(1, 1, bias=False)
    nn.init.constant_(root.weight, 1.0)
    average = WeightAverage(root, 0.9)
    expected = 1.0
    for step in range(200):
        nn.init.constant_(root.weight, float(step))
        average.update(root, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert average.values["weight"].item() == pytest.approx(expected, rel=1e-5)
    average.write(root)
    assert root.weight.item() == pytest.approx(expected, rel=1e-5)


def test_an_averaged_run_leaves_the_average_and_goes_on_from_the_weights(
    dataset: CocoDataset, tmp_path: Path
) -> None:
    plain, _ = run(dataset, tmp_path / "plain")
    averaged, report = run(dataset, tmp_path / "averaged", ema_decay=0.5)
    names = dict(plain.named_parameters())
    assert any(not torch.equal(value, names[name]) for name, value in averaged.named_parameters())
    assert report.history == run(dataset, tmp_path / "again")[1].history
    resumed, _ = run(dataset, tmp_path / "averaged", ema_decay=0.5)
    for name, value in averaged.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])


def test_accumulation_sees_each_image_once(dataset: CocoDataset, tmp_path: Path) -> None:
    seen: list[int] = []
    root = detector()

    class Watched:
        parameters = root.parameters

        def losses(self, images: Tensor, targets: Any, generator: Any) -> dict[str, Tensor]:
            seen.append(len(images))
            return root.losses(images, targets, generator)

    train(one_detector(Watched()), root, dataset, replace(CONFIG, accumulate=2), tmp_path)
    assert seen == [1] * 8


def test_the_log_has_every_row(dataset: CocoDataset, tmp_path: Path) -> None:
    _, report = run(dataset, tmp_path)
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4]
    for row, told in zip(rows, report.history, strict=True):
        assert float(row["lr"]) == told.lr
        assert float(row["total"]) == told.total
        assert {name: float(row[name]) for name in told.losses} == told.losses


def test_tensorboard_is_wanted_but_not_there(
    dataset: CocoDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match=r"pip install 'detfit\[train\]'"):
        run(dataset, tmp_path / "run", tensorboard=True)
    assert not (tmp_path / "run").exists()


def test_tensorboard_gets_every_row_and_forgets_those_after_the_checkpoint(
    dataset: CocoDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    class Writer:  # of torch.utils.tensorboard, as far as it is used
        def __init__(self, log_dir: str, *, purge_step: int) -> None:
            told.append((log_dir, purge_step))

        def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
            told.append((tag, scalar_value, global_step))

        def close(self) -> None:
            told.append("closed")

    module = SimpleNamespace(SummaryWriter=Writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    _, report = run(dataset, tmp_path, tensorboard=True)
    assert told[0] == (str(tmp_path / "tensorboard"), 1)
    assert told[-1] == "closed"
    assert ("total", report.history[2].total, 3) in told
    told.clear()
    run(dataset, tmp_path, tensorboard=True)
    assert told == [(str(tmp_path / "tensorboard"), 5), "closed"]


class Mean(nn.Module):
    """Learn the mean of the images; no normalisation, whose bfloat16 torch gets wrong on CPUs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.seen: list[torch.dtype] = []

    def losses(self, images: Tensor, targets: Any, generator: Any) -> dict[str, Tensor]:
        features = self.conv(images)
        self.seen.append(features.dtype)
        return {"mean": (features.float() - 1).square().mean()}


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_what_is_computed_in_which_precision(
    dataset: CocoDataset, tmp_path: Path, precision: str, dtype: torch.dtype
) -> None:
    root = Mean()
    report = train(
        one_detector(root), root, dataset, replace(CONFIG, precision=precision), tmp_path
    )
    assert set(root.seen) == {dtype}
    assert root.conv.weight.dtype == torch.float32
    assert report.history[-1].total < report.history[0].total


def test_precisions() -> None:
    assert resolve_precision("auto", "cpu") == "fp32"
    assert resolve_precision("bf16", "cpu") == "bf16"
    assert resolve_precision("fp16", "cuda:0") == "fp16"
    with pytest.raises(TrainingError, match="fp16 trains on CUDA devices only, got device 'cpu'"):
        resolve_precision("fp16", "cpu")


def failing(
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]], at: Container[int], root: Any = None
) -> Any:
    root = detector() if root is None else root

    class Failing:
        parameters = root.parameters

        def __init__(self, step: int) -> None:
            self.step = step

        def losses(self, *args: Any) -> dict[str, Tensor]:
            losses = root.losses(*args)
            return change(losses) if self.step in at else losses

    return root, Failing


def test_a_loss_far_beyond_the_first_is_divergence(dataset: CocoDataset, tmp_path: Path) -> None:
    root, learner = failing(lambda losses: {k: v + 1e4 for k, v in losses.items()}, at=[3])
    with pytest.raises(TrainingError) as caught:
        train(learner, root, dataset, replace(CONFIG, checkpoint_every=2), tmp_path)
    message = str(caught.value)
    assert "the loss is beyond 100 times the first at step 3 (class=" in message
    assert "on images [" in message
    assert f"last good checkpoint: {tmp_path / 'step-00000002'}" in message


def steep(losses: dict[str, Tensor]) -> dict[str, Tensor]:
    """Make the gradient NaN and leave the losses as they are."""
    name = max(losses)
    return {**losses, name: losses[name] + (losses[name] * 0).sqrt()}


def test_a_gradient_that_is_not_finite_is_divergence(dataset: CocoDataset, tmp_path: Path) -> None:
    root, learner = failing(steep, at=[2])
    with pytest.raises(TrainingError, match="the gradient is not finite at step 2 though"):
        train(learner, root, dataset, CONFIG, tmp_path)


class KilledError(Exception):
    """Stands for the end of a process."""


def die_at(step: int) -> Callable[[str, float, float], None]:
    """Return what ends a run after a step, before its checkpoint."""

    def progress(message: str, done: float, total: float) -> None:
        if done >= step:
            raise KilledError

    return progress


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return the function that has gradients scaled from some value on, as fp16 has on a GPU."""
    real = torch.amp.GradScaler

    def begin(scale: float) -> None:
        monkeypatch.setattr(
            "torch.amp.GradScaler", lambda device, enabled: real("cpu", init_scale=scale)
        )

    return begin


def fresh_mean() -> Mean:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Mean()


def half_run(
    dataset: CocoDataset, folder: Path, bad: Container[int], progress: Any = None, **changes: Any
) -> tuple[nn.Module, TrainReport]:
    """Train with a gradient that is NaN at some steps."""
    root, learner = failing(steep, bad, fresh_mean())
    settings: dict[str, Any] = {"steps": 60, "checkpoint_every": 1, **changes}
    report = train(learner, root, dataset, replace(CONFIG, **settings), folder, progress=progress)
    return root, report


def test_a_half_precision_gradient_that_stays_nan_ends_the_run(
    dataset: CocoDataset, tmp_path: Path, scaled: Callable[[float], None]
) -> None:
    scaled(2.0**16)
    with pytest.raises(TrainingError) as caught:
        half_run(dataset, tmp_path, range(5, 60), checkpoint_every=4)
    message = str(caught.value)
    assert "the float16 gradient is not finite at step 24 though the loss is, on imag" in message
    assert "20 steps in a row skipped, losses scaled by 0.125; train with precision bf" in message
    last = tmp_path / "step-00000024"
    assert message.endswith(f"last good checkpoint: {last}")
    saved = load_file(last / "weights.safetensors")
    assert all(value.isfinite().all() for value in saved.values())


def test_so_does_a_scale_that_falls_without_end(
    dataset: CocoDataset, tmp_path: Path, scaled: Callable[[float], None]
) -> None:
    scaled(2.0**-12)  # halved at 0, 1 and 3
    with pytest.raises(TrainingError, match=r"at step 4 .*: 2 steps in a row .* 3\.05176e-05; "):
        half_run(dataset, tmp_path, {0, 1, 3, 4, 6, 7})


def test_skipped_steps_are_no_error_where_the_scale_is_found(
    dataset: CocoDataset, tmp_path: Path, scaled: Callable[[float], None]
) -> None:
    scaled(2.0**16)
    root, report = half_run(dataset, tmp_path, range(19), steps=22, checkpoint_every=19)
    assert report.steps == 22
    skipped = load_file(tmp_path / "step-00000019" / "weights.safetensors")
    before = fresh_mean().state_dict()
    assert all(torch.equal(value, before[name]) for name, value in skipped.items())
    assert not torch.equal(root.get_parameter("conv.weight"), before["conv.weight"])


def test_skipped_steps_are_counted_over_a_resume(
    dataset: CocoDataset, tmp_path: Path, scaled: Callable[[float], None]
) -> None:
    scaled(2.0**16)
    with pytest.raises(KilledError):
        half_run(dataset, tmp_path, range(2, 60), die_at(12))
    assert list_checkpoints(tmp_path)[-1].name == "step-00000011"
    with pytest.raises(TrainingError, match=r"at step 21 .*: 20 steps in a row"):
        half_run(dataset, tmp_path, range(2, 60))


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_only_finite_weights_are_saved(
    dataset: CocoDataset, tmp_path: Path, ema_decay: float
) -> None:
    root = Mean()
    root.register_parameter("spare", nn.Parameter(torch.zeros(2)))  # on which no loss depends

    def learner_for_step(step: int) -> Any:
        if step == 3:
            with torch.no_grad():
                root.get_parameter("spare")[1] = float("inf")
        return root

    config = replace(CONFIG, steps=9, checkpoint_every=2, ema_decay=ema_decay)
    with pytest.raises(TrainingError) as caught:
        train(learner_for_step, root, dataset, config, tmp_path)
    message = str(caught.value)
    assert message.startswith("weights are not finite after 4 steps (spare), so that they are not")
    kept = [tmp_path / "step-00000002"]
    assert message.endswith(f"last good checkpoint: {kept[0]}")
    assert list_checkpoints(tmp_path) == kept


@pytest.mark.parametrize(
    ("minutes", "names"), [(0.0, ["step-00000002", "step-00000003"]), (1e6, [])]
)
def test_a_checkpoint_is_written_where_the_last_one_is_old(
    dataset: CocoDataset, tmp_path: Path, minutes: float, names: list[str]
) -> None:
    with pytest.raises(KilledError):
        run(dataset, tmp_path, die_at(4), checkpoint_minutes=minutes, checkpoint_every=10**9)
    assert [path.name for path in list_checkpoints(tmp_path)] == names
    _, report = run(dataset, tmp_path)
    assert report.resumed_at == (3 if names else 0)


def test_minutes_are_counted_from_the_last_checkpoint(
    dataset: CocoDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, now = Mean(), [time.monotonic()]
    seen: list[list[int]] = []

    def one_minute(step: int) -> Any:
        now[0] += 60
        return root

    def watch(message: str, done: float, total: float) -> None:
        seen.append([int(path.name[-8:]) for path in list_checkpoints(tmp_path)])

    monkeypatch.setattr("detection.training.loop.time", SimpleNamespace(monotonic=lambda: now[0]))
    config = replace(CONFIG, steps=9, checkpoint_minutes=2.5, checkpoint_every=5)
    train(one_minute, root, dataset, config, tmp_path, progress=watch)
    before = [[], [], [], [3], [3], [3, 5], [3, 5], [3, 5], [5, 8]]  # of the step in hand
    assert seen == before
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-00000008", "step-00000009"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_obeyed_after_the_step_is_saved(
    dataset: CocoDataset, tmp_path: Path, number: signal.Signals
) -> None:
    obeyed: list[int] = []
    before = signal.signal(number, lambda number, frame: obeyed.append(number))

    def tell(message: str, done: float, total: float) -> None:
        if done == 2:
            signal.raise_signal(number)

    try:
        with pytest.raises(TrainingError, match="stopped at step 3 of 4"):
            run(dataset, tmp_path, progress=tell)
        assert obeyed == [number]
    finally:
        signal.signal(number, before)
    assert list_checkpoints(tmp_path)[-1].name == "step-00000003"
    _, report = run(dataset, tmp_path)
    assert report.resumed_at == 3


def test_a_second_signal_is_not_caught() -> None:
    obeyed: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: obeyed.append(number))
    try:
        with StopRequest() as stop:
            signal.raise_signal(signal.SIGTERM)
            assert (stop.received, obeyed) == (signal.SIGTERM, [])
            signal.raise_signal(signal.SIGTERM)
            assert obeyed == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
