"""The split of the images, and a supernet that is there or not."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, strategies as st

from detection import CheckpointError, CocoDataset, Supernet, read_weights_info, train
from search import EvaluatorError, RunError, SearchResult, SearchSettings, load_supernet
from search.evaluators.supernet import SupernetEvaluator
from search.training.images import split_for_search
from search.training.supernet import SupernetStage
from search.training.supernet_files import (
    CHECKPOINTS,
    SUPERNET_FILE,
    refuse_stray_supernet,
)
from searchspaces import make_space
from tests.search.conftest import OPTIONS, SETTINGS, TRAINING


@given(
    ids=st.lists(st.integers(0, 10**6), min_size=5, max_size=80, unique=True),
    wanted=st.integers(1, 100),
    seed=st.integers(0, 2**31),
)
def test_the_split_is_a_partition_of_the_size_asked_for(
    ids: list[int], wanted: int, seed: int
) -> None:
    settings = SearchSettings(search_images=wanted, seed=seed)
    training, scoring = split_for_search(tuple(ids), settings)
    assert sorted(training + scoring) == sorted(ids)
    assert len(scoring) == min(wanted, len(ids) // 5)
    assert training == sorted(training)
    assert scoring == sorted(scoring)
    shuffled = random.Random(0).sample(ids, len(ids))
    assert split_for_search(tuple(shuffled), settings) == (training, scoring)


def test_the_split_follows_the_seed() -> None:
    ids = tuple(range(100))
    splits = {tuple(split_for_search(ids, SearchSettings(seed=seed))[1]) for seed in range(5)}
    assert len(splits) == 5
    hits = [image for split in splits for image in split]
    assert len(set(hits)) > 40  # spread over the data, not taken from one end


@pytest.mark.parametrize("count", [0, 1, 4])
def test_too_few_images_to_split(count: int) -> None:
    with pytest.raises(RunError, match=f"{count} training images are too few"):
        split_for_search(tuple(range(count)), SearchSettings())


def test_the_weights_say_what_they_are(finished: SearchResult) -> None:
    info = read_weights_info(finished.folder / SUPERNET_FILE)
    assert (info.space, info.architecture, info.num_classes) == ("detnas-nano", None, 1)
    assert info.label_names == ("circle",)
    assert info.notes["images"] == 20
    assert info.notes["config"]["steps"] == TRAINING.steps


def test_a_supernet_of_another_space_is_refused(finished: SearchResult, tmp_path: Path) -> None:
    space = make_space("detnas-nano", **OPTIONS)
    assert isinstance(load_supernet(finished.folder, space), Supernet)
    other = make_space("detnas-nano", **(OPTIONS | {"num_classes": 2}))
    with pytest.raises(CheckpointError, match="does not fit the model"):
        load_supernet(finished.folder, other)
    with pytest.raises(CheckpointError, match="no such weights file"):
        load_supernet(tmp_path, space)


def test_nothing_is_scored_before_the_supernet_is_there(shapes: Path, tmp_path: Path) -> None:
    space = make_space("detnas-nano", **OPTIONS)
    stage = SupernetStage(space, OPTIONS, shapes, SETTINGS, TRAINING)
    with pytest.raises(EvaluatorError, match=r"call prepare\(\) first"):
        stage.evaluate(space.decode("0" * 10))
    assert list(tmp_path.iterdir()) == []


def test_training_leaves_torchs_random_state_alone(shapes: Path, tmp_path: Path) -> None:
    space = make_space("detnas-nano", **OPTIONS)
    before = torch.get_rng_state()
    SupernetStage(space, OPTIONS, shapes, SETTINGS, TRAINING).prepare(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_scores_was_not_trained_on(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, CocoDataset] = {}

    def watch_training(
        paths: Any, root: Any, dataset: CocoDataset, *rest: Any, **more: Any
    ) -> Any:
        seen["training"] = dataset
        return train(paths, root, dataset, *rest, **more)

    class Watched(SupernetEvaluator):
        def __init__(
            self, supernet: Any, recalibration: Any, scoring: Any, *rest: Any, **more: Any
        ):
            seen.update(recalibration=recalibration, scoring=scoring)
            super().__init__(supernet, recalibration, scoring, *rest, **more)

    monkeypatch.setattr("detection.train", watch_training)
    monkeypatch.setattr("search.evaluators.supernet.SupernetEvaluator", Watched)
    space = make_space("detnas-nano", **OPTIONS)
    SupernetStage(space, OPTIONS, shapes, SETTINGS, TRAINING).prepare(tmp_path)
    ids = {
        name: {image.id for image in dataset.annotations.images} for name, dataset in seen.items()
    }
    assert {name: len(part) for name, part in ids.items()} == {
        "training": 20,
        "recalibration": SETTINGS.recalibration_images,
        "scoring": 4,
    }
    assert ids["recalibration"] < ids["training"]
    assert ids["training"].isdisjoint(ids["scoring"])
    augmented = {name for name, dataset in seen.items() if dataset[0][1]["letterbox"] is None}
    assert augmented == {"training"}


@pytest.mark.parametrize("name", [SUPERNET_FILE, CHECKPOINTS])
def test_strays(tmp_path: Path, name: str) -> None:
    refuse_stray_supernet(tmp_path)
    refuse_stray_supernet(tmp_path / "missing")
    (tmp_path / name).mkdir()
    with pytest.raises(RunError, match=f"holds {name} but no run; choose another -o"):
        refuse_stray_supernet(tmp_path)
