"""Scores on the way of a training: when they are taken, what is kept; no step depends on it."""

import csv
import math
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, strategies as st
from torch import Tensor, nn

from detection import (
    CheckpointError,
    CocoDataset,
    Preprocess,
    ShapesRecipe,
    TrainConfig,
    TrainingError,
    TrainReport,
    TrainRow,
    one_detector,
    open_split,
    score_detector,
    train,
    write_shapes,
)
from detection.training.checkpoint import list_checkpoints
from detection.training.detector_scores import DetectorScores
from detection.training.report import BestStep
from detection.training.validation import better_of, progress_text
from tests.detection.training.together import SIDE, open_shapes, talkative

CONFIG = TrainConfig(steps=4, batch_size=2, lr=0.005, log_every=3, evaluate_every=1)
Heard = Callable[[str, float, float], None]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = ShapesRecipe(num_train=7, num_val=3, image_hw=(SIDE, SIDE), size_px=(16, 48))
    return write_shapes(tmp_path_factory.mktemp("shapes"), recipe)


@pytest.fixture(scope="module")
def dataset(shapes: Path) -> CocoDataset:
    return open_shapes(shapes)


class KilledError(Exception):
    """Stands for the end of a process."""


class Line(nn.Module):
    """Learn one number, quickly; what it is tells the steps apart."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.norm = nn.BatchNorm2d(3)

    def losses(self, images: Tensor, targets: Any, generator: Any) -> dict[str, Tensor]:
        return {"distance": (self.norm(images).mean() + self.weight - 3).square().sum()}


class Scripted:
    """Give scores as told, one a call, and note the weights that they were asked of."""

    def __init__(self, root: Line, scores: Sequence[float]) -> None:
        self.root, self.scores = root, list(scores)
        self.seen: list[float] = []

    def __call__(self, progress: Heard) -> Mapping[str, float]:
        assert not any(module.training for module in self.root.modules())
        self.seen.append(self.root.weight.item())
        progress("scoring", 1, 2)
        return {"ap": self.scores[len(self.seen) - 1], "other": 1 - len(self.seen)}


def run_line(
    dataset: CocoDataset, folder: Path, scores: Sequence[float] = (), **changes: Any
) -> tuple[Line, Scripted, TrainReport]:
    root = Line()
    scripted = Scripted(root, scores)
    config = replace(CONFIG, **changes)
    report = train(one_detector(root), root, dataset, config, folder, validate=scripted)
    return root, scripted, report


def test_rows_and_log_hold_the_scores(dataset: CocoDataset, tmp_path: Path) -> None:
    scores = [0.25, 0.5, 0.125]
    _, _, report = run_line(dataset, tmp_path, scores, steps=5, evaluate_every=2)
    assert [row.step for row in report.history] == [2, 3, 4, 5]
    assert [row.scores.get("ap") for row in report.history] == [0.25, None, 0.5, 0.125]
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["ap"] for row in rows] == ["0.25", "", "0.5", "0.125"]
    assert [float(row["distance"]) for row in rows] == [row.total for row in report.history]
    assert list(rows[0])[-2:] == ["ap", "other"]


def test_epochs_are_the_unit_of_a_run_of_epochs(dataset: CocoDataset, tmp_path: Path) -> None:
    _, _, report = run_line(
        dataset, tmp_path, [0.1, 0.2], steps=None, epochs=3, evaluate_every=2, log_every=100
    )
    assert len(dataset) // CONFIG.batch_size == 3
    assert [row.step for row in report.history if row.scores] == [6, 9]


@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_no_step_depends_on_the_scores(
    dataset: CocoDataset, tmp_path: Path, ema_decay: float
) -> None:
    changes = {"ema_decay": ema_decay}
    scored, scripted, _ = run_line(dataset, tmp_path / "a", [0.1] * 4, **changes)
    plain, _, _ = run_line(dataset, tmp_path / "b", evaluate_every=0, **changes)
    for name, value in scored.state_dict().items():
        assert torch.equal(value, plain.state_dict()[name]), name
    assert len(set(scripted.seen)) >= 3  # the last step has a learning rate of 0
    assert scripted.seen[-1] == scored.weight.item()  # the average, where there is one


@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_the_best_weights_are_kept_and_left(
    dataset: CocoDataset, tmp_path: Path, ema_decay: float
) -> None:
    scores = [0.1, 0.7, 0.7, math.nan, 0.3, 0.2]
    root, scripted, report = run_line(
        dataset, tmp_path, scores, steps=6, keep_best=True, ema_decay=ema_decay
    )
    assert report.best == BestStep(3, 0.7)
    assert root.weight.item() == scripted.seen[2]
    names = [path.name for path in list_checkpoints(tmp_path)]
    assert names == ["step-00000003", "step-00000005", "step-00000006"]
    again, asked, resumed = run_line(
        dataset, tmp_path, steps=6, keep_best=True, ema_decay=ema_decay
    )
    assert (resumed.best, resumed.resumed_at, asked.seen) == (report.best, 6, [])
    assert again.weight.item() == root.weight.item()


def test_without_a_number_the_last_weights_are_left(dataset: CocoDataset, tmp_path: Path) -> None:
    root, scripted, report = run_line(dataset, tmp_path, [math.nan] * 4, keep_best=True)
    assert report.best is None
    assert root.weight.item() == scripted.seen[-1]


def test_the_best_checkpoint_is_gone(dataset: CocoDataset, tmp_path: Path) -> None:
    run_line(dataset, tmp_path, [0.5, 0.1, 0.1, 0.1], keep_best=True)
    (tmp_path / "step-00000001").rename(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=r"step-00000001: .* gone; .* without keep_best"):
        run_line(dataset, tmp_path, keep_best=True)
    assert run_line(dataset, tmp_path)[2].best is None


def test_killed_while_it_was_scored(dataset: CocoDataset, tmp_path: Path) -> None:
    scores = [0.1, 0.4, 0.2, 0.3]
    whole, _, undisturbed = run_line(dataset, tmp_path / "a", scores, keep_best=True)

    def killed(*_: Any) -> Mapping[str, float]:
        raise KilledError

    root = Line()
    first = Scripted(root, scores[:1])
    calls = iter([first, killed])
    config = replace(CONFIG, keep_best=True)
    with pytest.raises(KilledError):
        train(
            one_detector(root),
            root,
            dataset,
            config,
            tmp_path / "b",
            validate=lambda progress: next(calls)(progress),
        )
    assert root.training
    again, _, resumed = run_line(dataset, tmp_path / "b", scores[1:], keep_best=True)
    assert resumed.resumed_at == 2
    assert [dict(row.scores)["ap"] for row in resumed.history] == scores
    assert resumed.best == undisturbed.best
    assert again.weight.item() == whole.weight.item()


def test_a_signal_cuts_scoring_short(dataset: CocoDataset, tmp_path: Path) -> None:
    obeyed: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: obeyed.append(number))
    root = Line()

    def score(progress: Heard) -> Mapping[str, float]:
        signal.raise_signal(signal.SIGTERM)
        progress("scoring", 1, 1000)
        pytest.fail("scoring went on")

    try:
        with pytest.raises(TrainingError, match="stopped at step 1 of 4"):
            train(one_detector(root), root, dataset, CONFIG, tmp_path, validate=score)
        assert obeyed == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
    _, scripted, report = run_line(dataset, tmp_path, [0.1, 0.2, 0.3, 0.4])
    assert report.resumed_at == 1
    assert [row.scores["ap"] for row in report.history] == [0.1, 0.2, 0.3, 0.4]
    assert scripted.seen[0] == pytest.approx(root.weight.item(), abs=0)


def test_progress_tells_the_last_score(dataset: CocoDataset, tmp_path: Path) -> None:
    calls: list[tuple[str, float, float]] = []
    root = Line()
    scripted = Scripted(root, [0.256, 0.512])
    config = replace(CONFIG, evaluate_every=3)
    train(
        one_detector(root),
        root,
        dataset,
        config,
        tmp_path,
        validate=scripted,
        progress=lambda *call: calls.append(call),
    )
    texts = [text.partition(", ")[2] or text for text, *_ in calls]
    assert texts[0].startswith("loss ")
    assert texts[1:4] == ["scoring 1/2 images", "ap 25.6 at 3", "ap 25.6 at 3"]
    assert texts[-1] == "ap 51.2 at 4"
    assert {call[1:] for call in calls} == {(3, 4), (4, 4)}


def test_scores_are_asked_for_without_anything_that_scores(
    dataset: CocoDataset, tmp_path: Path
) -> None:
    root = Line()
    with pytest.raises(TrainingError, match="evaluate_every is 1, but what is trained has no"):
        train(one_detector(root), root, dataset, CONFIG, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(TrainingError, match="keep_best needs scores to compare"):
        replace(CONFIG, evaluate_every=0, keep_best=True)
    with pytest.raises(TrainingError, match="evaluate_every must be finite and not negative"):
        replace(CONFIG, evaluate_every=-1)


@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=12))
def test_the_best_is_the_last_of_the_highest(scores: list[float]) -> None:
    best = None
    for step, score in enumerate(scores):
        best = better_of(best, TrainRow(step, 0.1, {}, {"ap": score}))
    real = [score for score in scores if not math.isnan(score)]
    expected = None
    if real:
        last = len(scores) - 1 - scores[::-1].index(max(real))
        expected = BestStep(last, max(real))
    assert best == expected


def test_a_row_without_scores_is_no_best() -> None:
    row = TrainRow(3, 0.1, {"box": 1.25})
    assert better_of(None, row) is None
    assert progress_text([row]) == "loss 1.250"


def test_the_scores_of_a_detector_are_those_of_the_metric(shapes: Path) -> None:
    validation = open_split(shapes, "val", Preprocess((SIDE, SIDE)))
    root = talkative()
    heard: list[tuple[float, float]] = []
    scores = DetectorScores(root, validation)
    told = scores(lambda _, done, total: heard.append((done, total)))
    expected = score_detector(root, validation)
    assert told == pytest.approx({"ap": expected.ap, "ap50": expected.ap50, "ap75": expected.ap75})
    assert scores.report is not None
    assert scores.report.to_dict() == expected.to_dict()
    assert expected.ap50 > 0
    assert heard == [(3, 3)]
