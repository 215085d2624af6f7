"""The order of a run beside that of architectures trained by themselves."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detection import (
    ImageSettings,
    ShapesRecipe,
    TrainingError,
    TrainSettings,
    train,
    write_shapes,
)
from search import (
    CallableEvaluator,
    EvaluatorError,
    Objective,
    ProxyEvaluator,
    RunError,
    SearchResult,
    counted_objective,
    describe_result,
    load_result,
    read_agreement,
    run_search,
    train_anchors,
)
from search.fidelity.kendall import FEWEST
from search.ranking.anchors import ANCHORS_FILE, _on_the_runs_images, _stage, choose_anchors
from search.training.scratch import ScratchStage
from searchspaces import Architecture, make_space
from tests.search.conftest import OPTIONS, TRAINING

SPACE = make_space("detnas-nano", **OPTIONS)


def length(arch: Architecture) -> float:
    return float(sum(map(int, arch.genes)))


@pytest.fixture
def searched(tmp_path: Path) -> SearchResult:
    """A run of twelve evaluations; its order is that of the genes' sum."""
    goals = (counted_objective("macs", SPACE), Objective("ap", "max"))
    return run_search(
        SPACE,
        "random",
        CallableEvaluator(length, objective="ap"),
        goals,
        evals=12,
        out_dir=tmp_path / "run",
        space_options=OPTIONS,
    )


def with_anchors(result: SearchResult, scores: dict[str, float], **changes: Any) -> None:
    content = {"schema_version": 1, "objective": "ap", "identity": {}, "scores": scores}
    (result.folder / ANCHORS_FILE).write_text(json.dumps(content | changes))


def test_anchors_are_drawn_and_more_begin_with_the_same(searched: SearchResult) -> None:
    five, eight = choose_anchors(searched, 5), choose_anchors(searched, 8)
    assert eight[:5] == five
    assert len({anchor.code for anchor in eight}) == 8
    assert choose_anchors(searched, 5, seed=1) != five
    for count in (FEWEST - 1, 13):
        with pytest.raises(RunError, match=f"{count} anchors cannot be drawn of the 12"):
            choose_anchors(searched, count)


def test_the_run_says_what_its_anchors_tell(searched: SearchResult) -> None:
    assert read_agreement(searched) is None
    assert describe_result(searched)["ranking"] is None
    anchors = choose_anchors(searched, 8)
    with_anchors(searched, {a.code: -length(a.architecture) for a in anchors})
    found = read_agreement(searched)
    assert found is not None
    assert found.kendall_tau == pytest.approx(-1)
    told = describe_result(load_result(searched.folder))["ranking"]
    assert told["anchors"] == 8
    assert "not to be trusted" in told["warning"]


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"schema_version": 1, "objective": "ap", "identity": {}}']
)
def test_a_damaged_file_is_refused(searched: SearchResult, content: str) -> None:
    (searched.folder / ANCHORS_FILE).write_text(content)
    with pytest.raises(RunError, match=r"anchors\.json: no file of anchors, or a damaged one"):
        read_agreement(searched)


def test_an_unknown_version_is_refused(searched: SearchResult) -> None:
    with_anchors(searched, {}, schema_version=9)
    with pytest.raises(RunError, match="schema version 9"):
        read_agreement(searched)


def test_anchors_of_another_objective_are_refused(searched: SearchResult) -> None:
    with_anchors(searched, {}, objective="ap50")
    with pytest.raises(RunError, match="tells of 'ap50', the run evaluates 'ap'"):
        read_agreement(searched)


def test_anchors_are_trained_once_and_go_on(searched: SearchResult, shapes: Path) -> None:
    first = train_anchors(searched, shapes, TRAINING, 5)
    content = json.loads((searched.folder / ANCHORS_FILE).read_text())
    assert len(content["scores"]) == 5
    told: list[str] = []
    again = train_anchors(
        searched, shapes, TRAINING, 5, progress=lambda message, *_: told.append(message)
    )
    assert again == first
    assert set(told) == {"training anchors"}
    train_anchors(searched, shapes, TRAINING, 6)
    more = json.loads((searched.folder / ANCHORS_FILE).read_text())["scores"]
    assert len(more) == 6
    assert content["scores"].items() <= more.items()
    with pytest.raises(RunError, match="trained otherwise"):
        train_anchors(searched, shapes, replace(TRAINING, steps=7), 6)


def test_other_images_than_the_runs_are_refused(
    finished_copy: Path, tmp_path: Path, shapes: Path
) -> None:
    recipe = ShapesRecipe(
        num_train=20, num_val=2, image_hw=(64, 64), size_px=(32, 56), num_classes=1, seed=3
    )
    other = write_shapes(tmp_path / "other", recipe)
    result = load_result(finished_copy)
    with pytest.raises(RunError, match="4 evaluations"):
        train_anchors(result, shapes, TRAINING, 5)
    with pytest.raises(RunError, match="searched on other images"):
        _stage(result, other, TrainSettings(TRAINING), None, "cpu")


def test_the_threshold_is_kept_with_the_anchors(searched: SearchResult, shapes: Path) -> None:
    path, short = searched.folder / ANCHORS_FILE, replace(TRAINING, steps=1)
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(RunError, match=r"threshold of tau must lie in 0\.\.1"):
            train_anchors(searched, shapes, short, 5, threshold=threshold)
    train_anchors(searched, shapes, short, 5, threshold=0.25)
    assert json.loads(path.read_text())["threshold"] == 0.25
    train_anchors(searched, shapes, short, 5)  # trains nothing more
    assert json.loads(path.read_text())["threshold"] == 0.5


def test_tau_is_compared_with_the_threshold_of_the_anchors(searched: SearchResult) -> None:
    anchors = choose_anchors(searched, 8)
    scores = {a.code: length(a.architecture) for a in anchors}
    with_anchors(searched, scores, threshold=0.25)
    found, asked = read_agreement(searched), read_agreement(searched, threshold=0.75)
    assert found is not None
    assert asked is not None
    assert (found.threshold, asked.threshold) == (0.25, 0.75)


def test_anchors_of_older_versions_have_the_usual_threshold(searched: SearchResult) -> None:
    anchors = choose_anchors(searched, 8)
    with_anchors(searched, {a.code: length(a.architecture) for a in anchors})
    found = read_agreement(searched)
    assert found is not None
    assert found.threshold == 0.5
    assert found.statement.endswith("the order is confirmed")
    with_anchors(searched, {a.code: length(a.architecture) for a in anchors}, threshold="high")
    with pytest.raises(RunError, match="a damaged one"):
        read_agreement(searched)


def test_how_anchors_are_trained_is_compared(searched: SearchResult, shapes: Path) -> None:
    short = replace(TRAINING, steps=1)
    varied = TrainSettings(short, ImageSettings(flip=0.0, scale=(1.0, 1.0)))
    told: list[str] = []
    train_anchors(searched, shapes, varied, 5, tell=told.append)
    assert told == []
    identity = json.loads((searched.folder / ANCHORS_FILE).read_text())["identity"]
    assert (identity["flip"], identity["scale"]) == (0.0, [1.0, 1.0])
    with pytest.raises(RunError, match="trained otherwise"):
        train_anchors(searched, shapes, short, 5)
    other = TrainSettings(short, ImageSettings(split="val"))
    with pytest.raises(RunError, match="learnt from train; leave split and score_split out"):
        train_anchors(searched, shapes, other, 5)


def test_the_score_without_training_is_compared_with_trained_ap(
    tmp_path: Path, shapes: Path
) -> None:
    goals = (counted_objective("macs", SPACE), Objective("entropy", "max"))
    result = run_search(
        SPACE,
        "random",
        ProxyEvaluator(SPACE),
        goals,
        evals=5,
        out_dir=tmp_path / "run",
        space_options=OPTIONS,
    )
    train_anchors(result, shapes, replace(TRAINING, steps=1), 5)
    content = json.loads((result.folder / ANCHORS_FILE).read_text())
    assert content["objective"] == "entropy"
    assert len(content["scores"]) == 5


# --- anchors of other settings


class KilledError(Exception):
    """Stands for the end of a process."""


def begun_at(
    monkeypatch: pytest.MonkeyPatch, result: SearchResult, shapes: Path, **asked: Any
) -> int:
    """Train the first anchor, die before it is scored, and return the step that it went on at."""
    seen: list[int] = []

    def watch(*args: Any, **options: Any) -> None:
        seen.append(train(*args, **options).resumed_at)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("detection.train", watch)
        patch.setattr("detection.imagenet_network", lambda graph: "resnet18")
        patch.setattr("detection.load_imagenet_backbone", lambda *args: None)
        with pytest.raises(KilledError):
            train_anchors(result, shapes, **{"training": TRAINING, "count": 5, **asked})
    return seen[0]


def test_a_killed_anchor_goes_on_by_its_own_settings_alone(
    searched: SearchResult, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[dict[str, Any]] = [
        {"training": TrainSettings(TRAINING, ImageSettings(flip=0.0))},
        {"training": TrainSettings(TRAINING, ImageSettings(scale=(1.0, 1.0)))},
        {"training": replace(TRAINING, lr=0.005)},  # as the error of one that diverges advises
        {"pretrained": tmp_path},
    ]
    assert begun_at(monkeypatch, searched, shapes) == 0
    assert not (searched.folder / ANCHORS_FILE).exists()
    assert [begun_at(monkeypatch, searched, shapes, **other) for other in others] == [0] * 4
    assert begun_at(monkeypatch, searched, shapes) == TRAINING.steps
    assert begun_at(monkeypatch, searched, shapes, **others[0]) == TRAINING.steps


def test_a_file_that_is_removed_is_begun_anew(
    searched: SearchResult, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One anchor is scored, the next one diverges: what the errors say leads on."""
    first = choose_anchors(searched, 5)[0].code
    calmer = replace(TRAINING, lr=0.005)
    with monkeypatch.context() as patch:
        patch.setattr(ScratchStage, "evaluate", lambda *args: {"ap": 1.0})
        train_anchors(searched, shapes, TRAINING, 5)
    path = searched.folder / ANCHORS_FILE
    content = json.loads(path.read_text())
    content["scores"] = {first: 1.0}
    path.write_text(json.dumps(content))
    begun_at(monkeypatch, searched, shapes)
    with pytest.raises(RunError, match="remove the file to train all of them anew by these"):
        train_anchors(searched, shapes, calmer, 5)
    path.unlink()
    assert begun_at(monkeypatch, searched, shapes, training=calmer) == 0


def test_a_warm_up_that_is_shortened_is_another_training(
    searched: SearchResult, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScratchStage, "evaluate", lambda *args: {"ap": 1.0})
    config = replace(TRAINING, warmup_steps=5)
    train_anchors(searched, shapes, TrainSettings(config), 5)
    usual = TrainSettings(config, warmup_asked=False)
    with pytest.raises(RunError, match="trained otherwise"):
        train_anchors(searched, shapes, usual, 5)
    path = searched.folder / ANCHORS_FILE
    content = json.loads(path.read_text())
    assert content["identity"].pop("warmup_steps") == 5
    path.write_text(json.dumps(content))  # as an earlier release has written it
    train_anchors(searched, shapes, usual, 5)


def test_what_is_not_here_is_refused_before_an_anchor(
    searched: SearchResult, shapes: Path
) -> None:
    before = sorted(searched.folder.rglob("*"))
    with pytest.raises(TrainingError, match="fp16 trains on CUDA devices only"):
        train_anchors(searched, shapes, replace(TRAINING, precision="fp16"), 5)
    with pytest.raises(EvaluatorError, match="leave tensorboard=true out"):
        train_anchors(searched, shapes, replace(TRAINING, tensorboard=True), 5)
    assert sorted(searched.folder.rglob("*")) == before


def test_a_split_that_was_asked_for_is_the_runs(searched: SearchResult) -> None:
    context = {"data": {"split": "archtrain"}}
    run = replace(searched, config=replace(searched.config, context=context))
    usual = TrainSettings(TRAINING)
    assert _on_the_runs_images(run, usual).images.split == "archtrain"
    with pytest.raises(RunError, match="learnt from archtrain; leave split and score_split out"):
        _on_the_runs_images(run, replace(usual, split_asked=True))
    own = TrainSettings(TRAINING, ImageSettings(split="archtrain"), split_asked=True)
    assert _on_the_runs_images(run, own) == own
