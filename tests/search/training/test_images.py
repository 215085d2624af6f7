"""Which images a search learns from, and which ones score."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from detection import DatasetError, ImageSettings, draw_split, find_split
from search import RunError, SearchSettings
from search.training.images import SearchImages, open_search_images
from searchspaces import make_space
from tests.search.conftest import OPTIONS, SETTINGS

SPACE = make_space("detnas-nano", **OPTIONS)
ARCHVAL = replace(SETTINGS, search_split="archval")


@pytest.fixture(scope="module")
def drawn(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shapes with six training images held out."""
    folder = Path(shutil.copytree(shapes, tmp_path_factory.mktemp("drawn") / "shapes"))
    draw_split(folder, "arch", held_out=6)
    return folder


def opened(
    folder: Path, settings: SearchSettings = SETTINGS, images: ImageSettings | None = None
) -> SearchImages:
    return open_search_images(SPACE, folder, settings, images or ImageSettings())


def files(folder: Path, split: str) -> set[Path]:
    found = find_split(folder, split)
    return {found.images_dir / image.file_name for image in found.load().images}


def sides(images: SearchImages) -> tuple[set[Path], set[Path]]:
    learnt, scored = (
        {side.images_dir / image.file_name for image in side.annotations.images}
        for side in (images.training, images.scoring)
    )
    assert learnt.isdisjoint(scored)
    return learnt, scored


def test_images_are_held_out_of_what_is_learnt(drawn: Path) -> None:
    images = opened(drawn)
    learnt, scored = sides(images)
    assert (len(learnt), len(scored), images.shared) == (20, 4, 4)
    assert learnt | scored == files(drawn, "train")
    assert images.scored == "held out of train"
    assert images.identity.keys() == {"annotations_sha256", "images"}  # as in older runs


def test_a_drawn_split_scores_and_is_not_learnt(drawn: Path) -> None:
    images = opened(drawn, replace(ARCHVAL, search_images=100))
    learnt, scored = sides(images)
    assert scored == files(drawn, "archval")
    assert learnt == files(drawn, "archtrain")
    assert (images.scored, images.shared) == ("of archval", 6)
    assert images.identity["search_split"] == "archval"
    assert "split" not in images.identity


def test_what_was_held_out_for_the_search_scores_by_itself(drawn: Path) -> None:
    settings = replace(SETTINGS, search_images=100)
    images = opened(drawn, settings, ImageSettings(split="archtrain"))
    assert sides(images) == (files(drawn, "archtrain"), files(drawn, "archval"))
    assert images.shared == 0
    assert images.identity["split"] == "archtrain"
    settings = replace(settings, search_split="val")
    asked = opened(drawn, settings, ImageSettings(split="archtrain"))
    assert sides(asked) == (files(drawn, "archtrain"), files(drawn, "val"))


def test_no_more_score_than_are_asked_for(drawn: Path) -> None:
    images = [opened(drawn, replace(ARCHVAL, seed=seed)) for seed in (0, 0, 1)]
    chosen = [sides(each)[1] for each in images]
    assert [len(each) for each in chosen] == [4, 4, 4]
    assert chosen[0] < files(drawn, "archval")
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]
    digests = [each.identity["scored_sha256"] for each in images]
    assert digests[0] == digests[1] != digests[2]
    learnt = sides(images[0])[0]
    assert learnt == files(drawn, "train") - chosen[0]


def test_only_what_is_learnt_is_varied(drawn: Path) -> None:
    still = ImageSettings(flip=0.0, scale=(1.0, 1.0))
    for settings in (SETTINGS, ARCHVAL):
        images = opened(drawn, settings, still)
        assert images.training[0][1]["letterbox"] is None
        assert images.scoring[0][1]["letterbox"] is not None
        again = images.training.at_epoch(1)
        assert again[0][0].equal(images.training[0][0])


def test_a_split_that_leaves_nothing_to_learn_is_refused(drawn: Path) -> None:
    with pytest.raises(RunError, match=r"train scores on every image of train, .*detfit data spl"):
        opened(drawn, replace(SETTINGS, search_split="train", search_images=100))


def test_a_split_that_was_not_drawn_is_refused(shapes: Path) -> None:
    with pytest.raises(DatasetError, match="archval"):
        opened(shapes, ARCHVAL)


def test_two_answers_to_one_question_are_refused(drawn: Path) -> None:
    with pytest.raises(RunError, match="--search-split archval and score_split=val"):
        opened(drawn, ARCHVAL, ImageSettings(score_split="val"))


def test_a_split_of_empty_images_scores_nothing(drawn: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(drawn, tmp_path / "data"))
    (path,) = (folder / "annotations").glob("*val*.json")
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"annotations": []}))
    with pytest.raises(RunError, match=r"none of the 4 images of val .*--search-split"):
        opened(folder, replace(SETTINGS, search_split="val"))


def test_splits_of_other_classes_are_refused(drawn: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(drawn, tmp_path / "data"))
    (path,) = (folder / "annotations").glob("*val*.json")
    content = json.loads(path.read_text())
    content["categories"][0]["name"] = "ring"
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"has the classes ring, .* has circle; give both"):
        opened(folder, replace(SETTINGS, search_split="val"))


def test_images_of_one_name_in_two_splits_are_told_apart(drawn: Path) -> None:
    """The generated images of both splits are numbered from 1."""
    own = opened(drawn, replace(SETTINGS, search_split="val"))
    names = {image.file_name for image in own.scoring.annotations.images}
    assert names < {path.name for path in files(drawn, "train")}
    assert own.scored_sha256 != opened(drawn).scored_sha256
    moved = opened(drawn / ".." / drawn.name, replace(SETTINGS, search_split="val"))
    assert moved.scored_sha256 == own.scored_sha256
