"""A supernet that a recipe has trained is searched as it is: DetNAS' step 2 meets its step 3."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from detection import (
    CheckpointError,
    ImageSettings,
    Preprocess,
    Supernet,
    TrainSettings,
    WeightsInfo,
    draw_split,
    load_weights,
    open_split,
    read_weights_info,
    save_weights,
    score_detector,
    score_path,
    train_by_recipe,
    train_detector,
)
from latency import Predictor
from search import (
    EvaluatorError,
    RunError,
    SearchResult,
    SearchSettings,
    choose_finalist,
    describe_result,
    extract_finalist,
    load_result,
    make_recipe_task,
    search_detectors,
    train_anchors,
)
from search.training.images import HELD_OUT, SPLIT
from search.training.supernet_files import CHECKPOINTS, SUPERNET_FILE, new_supernet
from searchspaces import make_space, sha256_of_file
from tests.search.conftest import OPTIONS, SETTINGS, TRAINING, Search

SPACE = make_space("detnas-nano", **OPTIONS)
ASKED = {
    "steps": 6,
    "batch_size": 4,
    "lr": 0.01,
    "optimizer": "adamw",
    "warmup_steps": 0,
    "split": "archtrain",
}


@pytest.fixture(scope="module")
def drawn(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shapes with four training images held out for the search."""
    folder = Path(shutil.copytree(shapes, tmp_path_factory.mktemp("drawn") / "shapes"))
    draw_split(folder, "arch", held_out=4)
    return folder


@pytest.fixture(scope="module")
def supernet(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a recipe has left."""
    task = make_recipe_task(
        "detnas-supernet-voc", ASKED, target="detnas-nano", options=OPTIONS, start="scratch"
    )
    path = tmp_path_factory.mktemp("trained") / "trained.safetensors"
    train_by_recipe(task, drawn, path)
    return path


@pytest.fixture(scope="module")
def settings(supernet: Path) -> SearchSettings:
    return replace(SETTINGS, supernet=supernet, evals=5)


@pytest.fixture(scope="module")
def search_given(run_search_in: Search, drawn: Path, settings: SearchSettings) -> Search:
    def run(folder: Path, **changes: Any) -> SearchResult:
        usual: dict[str, Any] = {"settings": settings, "data_dir": drawn, "training": None}
        return run_search_in(folder, **usual | changes)

    return run


@pytest.fixture(scope="module")
def searched(search_given: Search, tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return search_given(tmp_path_factory.mktemp("searched") / "run")


class KilledError(Exception):
    """Stands for the end of a process."""


def die_when(word: str, done_at_least: float) -> Callable[[str, float, float], None]:
    def progress(message: str, done: float, total: float) -> None:
        if word in message and done >= done_at_least:
            raise KilledError

    return progress


def story(result: SearchResult) -> list[tuple[Any, ...]]:
    return [(e.index, e.code, e.status, e.values, e.error) for e in result.history]


def changed(path: Path, to: Path, **changes: Any) -> Path:
    """Write the same weights with another header."""
    module, info = Supernet(SPACE), read_weights_info(path)
    load_weights(path, module)
    return save_weights(to, module, WeightsInfo(**{**asdict(info), **changes}))


def test_every_path_has_the_score_that_it_has_by_itself(
    searched: SearchResult, supernet: Path, drawn: Path
) -> None:
    assert [e.status for e in searched.history] == ["ok"] * 5
    assert len(set(searched.values[:, 1].tolist())) > 1
    whole = new_supernet(SPACE, 0)
    load_weights(supernet, whole)
    preprocess = Preprocess((64, 64))
    learnt = open_split(drawn, "archtrain", preprocess).first(SETTINGS.recalibration_images)
    statistics = torch.stack([learnt[index][0] for index in range(len(learnt))])
    scoring = open_split(drawn, "archval", preprocess)
    for evaluation in searched.history:
        report = score_path(
            whole,
            evaluation.architecture,
            [statistics],
            lambda detector: score_detector(detector, scoring),
        )
        assert evaluation.values[1] == pytest.approx(100 * report.ap, abs=1e-9)


def test_the_run_holds_the_very_file_and_trains_nothing(
    searched: SearchResult, supernet: Path, drawn: Path
) -> None:
    assert (searched.folder / SUPERNET_FILE).read_bytes() == supernet.read_bytes()
    assert not (searched.folder / CHECKPOINTS).exists()
    context, notes = searched.config.context, searched.config.notes
    assert context["supernet_sha256"] == sha256_of_file(supernet)
    assert context["supernet"] is None
    assert context["data"]["search_split"] == "archval"
    assert notes["supernet"] == str(supernet.resolve())
    said = "4 images of archval, from which trained.safetensors has not learnt"
    assert notes["scored_on"] == describe_result(searched)["scored_on"] == said


def test_usual_runs_tell_nothing_of_it(finished: SearchResult) -> None:
    """Else runs from before could not be resumed."""
    new = {"supernet_sha256", "macs_bins", "flip", "scale"}
    assert not new & finished.config.context.keys()
    assert finished.config.context["data"].keys() == {"annotations_sha256", "images"}
    assert describe_result(finished)["scored_on"] is None


@pytest.mark.parametrize(("word", "done"), [("checking", 1), (": latency_ms", 1), ("AP", 3)])
def test_a_killed_run_goes_on_as_if_undisturbed(
    search_given: Search, searched: SearchResult, tmp_path: Path, word: str, done: int
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(KilledError):
        search_given(folder, progress=die_when(word, done))
    assert story(search_given(folder, resume=True)) == story(searched)


def test_a_moved_file_is_the_same_and_another_is_not(
    search_given: Search, searched: SearchResult, supernet: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(searched.folder, tmp_path / "run"))
    own = replace(SETTINGS, supernet=folder / SUPERNET_FILE, evals=5)
    assert story(search_given(folder, settings=own, resume=True)) == story(searched)
    other = changed(supernet, tmp_path / "other.safetensors", notes={SPLIT: "archtrain"})
    again = replace(own, supernet=other)
    with pytest.raises(RunError, match=r"context\.supernet_sha256"):
        search_given(folder, settings=again, resume=True)


def test_a_search_on_the_supernet_of_another_search(
    run_search_in: Search, finished: SearchResult, tmp_path: Path
) -> None:
    """The same images are held out by the same seed, and the same scores come out."""
    given = replace(SETTINGS, supernet=finished.folder / SUPERNET_FILE)
    again = run_search_in(tmp_path / "run", settings=given, training=None)
    assert story(again) == story(finished)
    assert again.config.notes["scored_on"] == (
        "4 images held out of train, from which supernet.safetensors has not learnt"
    )
    other = run_search_in(tmp_path / "other", settings=replace(given, seed=1), training=None)
    said = other.config.notes["scored_on"]
    assert "supernet.safetensors may have learnt from 4 of them, which flatters its scores" in said


def test_what_a_file_does_not_say_is_not_made_up(
    run_search_in: Search, supernet: Path, drawn: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    mute = changed(supernet, tmp_path / "mute.safetensors", notes={})
    given = replace(SETTINGS, supernet=mute, evals=1)
    run_search_in(tmp_path / "a", settings=given, training=None, data_dir=drawn, tell=told.append)
    (said,) = told
    assert said == (
        "4 images held out of train; mute.safetensors does not say what it has learnt from: if "
        "from these, its scores flatter it"
    )
    seen = changed(supernet, tmp_path / "seen.safetensors", notes={SPLIT: "train"})
    given = replace(SETTINGS, supernet=seen, evals=1, search_split="archval")
    run_search_in(tmp_path / "b", settings=given, training=None, data_dir=drawn, tell=told.append)
    assert "seen.safetensors may have learnt from 4 of them" in told[-1]


def test_what_follows_a_search_works_on_the_run(
    searched: SearchResult, drawn: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(searched.folder, tmp_path / "run"))
    finalist = choose_finalist(str(run))
    inherited = finalist.inherited()
    assert inherited is not None
    trained = train_detector(
        finalist.space,
        finalist.architecture,
        drawn,
        replace(TRAINING, steps=1),
        tmp_path / "w.safetensors",
        space_options=finalist.options,
        start=inherited,
    )
    assert trained.weights.is_file()
    taken = extract_finalist(str(run), drawn, tmp_path / "path.safetensors", images=4)
    code = finalist.space.encode(finalist.architecture)
    assert taken.architecture == f"detnas-nano:{code}"
    train_anchors(load_result(run), drawn, replace(TRAINING, steps=1), 5)
    assert len(json.loads((run / "anchors.json").read_text())["scores"]) == 5


# --- refusals


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "0000000000"}, "holds one detector, detnas-nano:0000000000, wh"),
        ({"space": "detnas-small"}, "is a supernet of detnas-small, the search is one of"),
        ({"label_names": ()}, "has learnt to classify images, .*--start"),
        ({"label_names": ("ring",)}, r"has learnt the classes ring \(1\), the data has circle"),
    ],
)
def test_what_is_no_supernet_of_the_search_is_refused(
    search_given: Search,
    settings: SearchSettings,
    supernet: Path,
    tmp_path: Path,
    changes: dict[str, Any],
    message: str,
) -> None:
    other = changed(supernet, tmp_path / "other.safetensors", **changes)
    with pytest.raises(EvaluatorError, match=rf"other\.safetensors {message}") as caught:
        search_given(tmp_path / "run", settings=replace(settings, supernet=other))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_other_options_of_the_space_are_named(
    search_given: Search, settings: SearchSettings, supernet: Path, tmp_path: Path
) -> None:
    wide = {**OPTIONS, "input_hw": (96, 96)}
    info = replace(read_weights_info(supernet), space_options=wide)
    whole = Supernet(make_space("detnas-nano", **wide))
    other = save_weights(tmp_path / "w.safetensors", whole, info)
    told = r"input_hw=\[96, 96\].* input_hw=\[64, 64\]"
    with pytest.raises(EvaluatorError, match=told) as caught:
        search_given(tmp_path / "run", settings=replace(settings, supernet=other))
    assert "does not fit the model" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_missing_file_is_refused(
    search_given: Search, settings: SearchSettings, tmp_path: Path
) -> None:
    missing = replace(settings, supernet=tmp_path / "nothing.safetensors")
    with pytest.raises(CheckpointError, match="no such weights file"):
        search_given(tmp_path / "run", settings=missing)
    assert not (tmp_path / "run").exists()


def test_nothing_is_trained_beside_it(
    search_given: Search, supernet: Path, predictor: Predictor, tmp_path: Path
) -> None:
    with pytest.raises(EvaluatorError, match=r"is trained already \(--supernet\), and nothing is"):
        search_given(tmp_path / "run", training=TRAINING)
    with pytest.raises(EvaluatorError, match="needs images; give --data DIR"):
        search_detectors(predictor, replace(SETTINGS, supernet=supernet), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": Path("w")}, r"begins with no other weights \(--start\); give one of them"),
        ({"evaluator": "scratch"}, r"only the supernet evaluator .*\(--supernet\); the"),
        ({"evaluator": "proxy"}, r"only the supernet evaluator .*\(--supernet\); the"),
        ({"macs_bins": 8}, "macs_bins are those of a supernet's training"),
    ],
)
def test_settings_that_contradict_it(options: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluatorError, match=message):
        SearchSettings(supernet=Path("s.safetensors"), **options)


def test_a_supernet_of_a_search_says_what_it_has_not_learnt(finished: SearchResult) -> None:
    notes = read_weights_info(finished.folder / SUPERNET_FILE).notes
    assert notes[SPLIT] == "train"
    assert len(notes[HELD_OUT]) == 64


# --- what a supernet began with


@pytest.fixture(scope="module")
def seen(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A supernet that has learnt from all training images, those of archval too."""
    return by_recipe(tmp_path_factory.mktemp("seen") / "seen.safetensors", drawn, split="train")


def by_recipe(path: Path, data: Path, start: str = "scratch", **asked: Any) -> Path:
    short = {**ASKED, "steps": 1, **asked}
    task = make_recipe_task(
        "detnas-supernet-voc", short, target="detnas-nano", options=OPTIONS, start=start
    )
    train_by_recipe(task, data, path)
    return path


def test_what_a_recipes_supernet_began_with_is_told(
    search_given: Search, seen: Path, drawn: Path, tmp_path: Path
) -> None:
    path = by_recipe(tmp_path / "b.safetensors", drawn, start=str(seen))
    assert read_weights_info(path).notes["learnt_before"] == [{"split": "train"}]
    given = replace(SETTINGS, supernet=path, evals=1)
    said = search_given(tmp_path / "run", settings=given).config.notes["scored_on"]
    assert "from which b.safetensors itself has not learnt; what b.safetensors began wit" in said
    assert "has learnt train, and may have seen them there" in said


def test_what_a_search_began_its_supernet_with_is_told(
    run_search_in: Search, seen: Path, drawn: Path, tmp_path: Path
) -> None:
    learning = TrainSettings(replace(TRAINING, steps=1), ImageSettings(split="archtrain"))
    changes: dict[str, Any] = {"data_dir": drawn, "training": learning}
    settings = replace(SETTINGS, start=seen, evals=1)
    told: list[str] = []
    run = run_search_in(tmp_path / "run", settings=settings, tell=told.append, **changes)
    assert told == [run.config.notes["scored_on"]]
    assert "seen.safetensors, which the training begins with, has learnt train" in told[0]
    again = replace(SETTINGS, supernet=run.folder / SUPERNET_FILE, evals=1)
    given = run_search_in(tmp_path / "given", settings=again, data_dir=drawn, training=None)
    assert "itself has not learnt; what supernet.safetensors" in given.config.notes["scored_on"]


def test_what_an_earlier_release_has_written_does_not_say_what_it_began_with(
    search_given: Search, supernet: Path, tmp_path: Path
) -> None:
    old = changed(supernet, tmp_path / "old.safetensors", notes={SPLIT: "archtrain"})
    given = replace(SETTINGS, supernet=old, evals=1)
    said = search_given(tmp_path / "run", settings=given).config.notes["scored_on"]
    assert "what old.safetensors began with does not say what it has learnt from" in said


def test_classified_images_are_none_that_score(
    run_search_in: Search, supernet: Path, drawn: Path, tmp_path: Path
) -> None:
    pretrained = changed(supernet, tmp_path / "p.safetensors", label_names=(), notes={})
    learning = TrainSettings(replace(TRAINING, steps=1), ImageSettings(split="archtrain"))
    settings = replace(SETTINGS, start=pretrained, evals=1)
    run = run_search_in(tmp_path / "run", settings=settings, data_dir=drawn, training=learning)
    assert "scored_on" not in run.config.notes
    assert read_weights_info(run.folder / SUPERNET_FILE).notes["learnt_before"] == []
