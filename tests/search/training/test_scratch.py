"""Architectures that are trained one by one and scored on images kept aside."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import search.evaluators.scratch as scratch
from detection import CheckpointError, Detector
from search import (
    Budget,
    CompletingEvaluator,
    EvaluatorError,
    Fidelity,
    ScratchEvaluator,
    SearchSettings,
    describe_result,
    graded_by,
    load_result,
)
from search.training.scratch import SCRATCH, ScratchStage
from searchspaces import make_space
from tests.search.conftest import OPTIONS, SETTINGS, TRAINING, Search

SCRATCH_SETTINGS = replace(SETTINGS, evaluator="scratch", evals=2, recalibration_images=500)
SPACE = make_space("detnas-nano", **OPTIONS)
ARCH = SPACE.decode("01-23-0000-11")


@pytest.fixture(scope="module")
def stage(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> ScratchStage:
    made = ScratchStage(SPACE, shapes, SCRATCH_SETTINGS, TRAINING)
    made.prepare(tmp_path_factory.mktemp("run"))
    return made


def test_a_search_trains_every_candidate(tmp_path: Path, run_search_in: Search) -> None:
    result = run_search_in(tmp_path / "run", settings=SCRATCH_SETTINGS)
    assert [evaluation.status for evaluation in result.history] == ["ok", "ok"]
    assert load_result(tmp_path / "run").complete
    assert not list((tmp_path / "run" / SCRATCH).glob("*"))


def test_the_score_is_that_of_the_architecture_alone(stage: ScratchStage) -> None:
    torch.manual_seed(5)
    first = stage.evaluate(ARCH)
    stage.evaluate(SPACE.decode("11-23-0000-11"))
    before = torch.get_rng_state()
    assert stage.evaluate(ARCH) == first
    assert torch.equal(torch.get_rng_state(), before)


def test_a_killed_training_goes_on(stage: ScratchStage, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = stage.evaluate(ARCH)

    def killed(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("detection.score_detector", killed)
        with pytest.raises(KeyboardInterrupt):
            stage.evaluate(ARCH)
    heard: list[float] = []
    assert stage._evaluator is not None
    monkeypatch.setattr(stage._evaluator, "_progress", lambda *told: heard.append(told[1]))
    assert stage.evaluate(ARCH) == undisturbed
    assert heard == []  # nothing was left to train


def test_a_budget_shortens_training_and_scoring(
    stage: ScratchStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[float, float]] = []
    assert stage._evaluator is not None
    monkeypatch.setattr(stage._evaluator, "_progress", lambda *told: heard.append(told[1:]))
    stage.evaluate(ARCH, Budget(epochs=1, images=2))
    assert heard[-1] == (5, 5)  # 20 images, 4 a step


def test_a_share_is_a_short_training_of_its_own(
    stage: ScratchStage, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[float, float]] = []
    assert stage._evaluator is not None
    monkeypatch.setattr(stage._evaluator, "_progress", lambda *told: heard.append(told[1:]))
    half = stage.evaluate(ARCH, Budget(share=0.5))
    assert heard[-1] == (3, 3)  # of 6 steps
    short = ScratchStage(SPACE, shapes, SCRATCH_SETTINGS, replace(TRAINING, steps=3))
    short.prepare(tmp_path)
    assert short.evaluate(ARCH) == half
    stage.evaluate(ARCH, Budget(share=0.2, epochs=2))
    assert heard[-1] == (2, 2)  # of two epochs of five steps
    assert graded_by(stage) == graded_by(CompletingEvaluator(stage, SPACE)) == "training steps"


def test_candidates_are_trained_rung_by_rung(tmp_path: Path, run_search_in: Search) -> None:
    settings = replace(SCRATCH_SETTINGS, evals=2, fidelity=Fidelity((0.34, 1.0), 2, 0.001))
    result = run_search_in(tmp_path / "run", settings=settings)
    assert sorted(e.status for e in result.history) == ["ok", "paused"]
    assert result.config.notes["graded"] == "training steps"
    assert result.complete
    assert not list((tmp_path / "run" / SCRATCH).glob("*"))
    shown = describe_result(result)["fidelity"]
    assert [each["evaluated"] for each in shown["rungs"]] == [2, 1]
    assert shown["cost"] == pytest.approx(1.68)


def test_architectures_of_several_input_sizes(shapes: Path, tmp_path: Path) -> None:
    space = make_space("detnas-nano", **OPTIONS)
    smaller = make_space("detnas-nano", **{**OPTIONS, "input_hw": (64, 96)})
    stage = ScratchStage(space, shapes, SCRATCH_SETTINGS, TRAINING)
    evaluator = ScratchEvaluator(smaller, stage._training, stage._scoring, TRAINING, tmp_path)
    assert set(evaluator.evaluate(ARCH)) == {"ap", "ap50", "ap75"}


def test_imagenet_weights_are_looked_for(shapes: Path, tmp_path: Path) -> None:
    settings = replace(SCRATCH_SETTINGS, pretrained=tmp_path)
    space = make_space("crnas-resnet18-stages", **{**OPTIONS, "head": "fpn", "proposals": 20})
    stage = ScratchStage(space, shapes, settings, TRAINING)
    stage.prepare(tmp_path)
    with pytest.raises(CheckpointError, match=r"resnet18-\w+\.pth: no such file"):
        stage.evaluate(space.decode("2-2-2-2"))


def test_the_backbone_begins_with_imagenet(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path]] = []
    monkeypatch.setattr(
        "detection.load_imagenet_backbone",
        lambda detector, network, folder: asked.append((network, folder)),
    )
    space = make_space("crnas-resnet18-stages", **{**OPTIONS, "head": "fpn", "proposals": 20})
    stage = ScratchStage(space, shapes, replace(SCRATCH_SETTINGS, pretrained=tmp_path), TRAINING)
    stage.prepare(tmp_path)
    assert isinstance(stage._evaluator, ScratchEvaluator)
    spec = space.detector(space.decode("2-2-2-2"))
    assert isinstance(stage._evaluator._fresh(spec), Detector)
    assert asked == [("resnet18", tmp_path)]


def test_wrong_settings_are_refused_before_anything_is_written(
    shapes: Path, tmp_path: Path, run_search_in: Search
) -> None:
    missing = replace(SCRATCH_SETTINGS, pretrained=tmp_path / "nothing")
    with pytest.raises(EvaluatorError, match="nothing: no such folder"):
        run_search_in(tmp_path / "run", settings=missing)
    with pytest.raises(EvaluatorError, match="scratch evaluator needs images"):
        run_search_in(tmp_path / "run", settings=SCRATCH_SETTINGS, data_dir=None)
    with pytest.raises(EvaluatorError, match="only the scratch evaluator begins with ImageNet"):
        SearchSettings(pretrained=tmp_path)
    assert not (tmp_path / "run").exists()
    with pytest.raises(EvaluatorError, match="call prepare"):
        ScratchStage(SPACE, shapes, SCRATCH_SETTINGS, TRAINING).evaluate(ARCH)
    assert scratch.require_pretrained(None) is None
