import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from detection.data.layout import find_split, find_splits, open_split
from detection.data.preprocess import Preprocess
from detection.data.splits.drawing import draw_split
from detection.data.splits.kinds import (
    SPLIT_KINDS,
    drawing_command,
    kind_drawing,
    score_split_of,
)
from detection.errors import DatasetError
from tests.detection.data.conftest import WriteCoco
from tests.detection.data.trees import voc_0712

IMAGES = 20


def many(first_id: int) -> dict[str, Any]:
    """Twenty images with an object each."""
    ids = range(first_id, first_id + IMAGES)
    return {
        "images": [{"id": n, "file_name": f"{n:04d}.png", "height": 10, "width": 12} for n in ids],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, n % 7 + 1, 4]} for n in ids
        ],
    }


@pytest.fixture
def root(write_coco: WriteCoco) -> Path:
    write_coco(many(0), split="train2014")
    return write_coco(many(100), split="val2014")


def ids(root: Path, split: str) -> set[int]:
    return {image.id for image in find_split(root, split).load().images}


def test_held_out_and_rest_are_the_whole(root: Path) -> None:
    held, rest = draw_split(root, "arch", held_out=6, seed=1)
    assert (held.name, held.images, rest.name, rest.images) == ("archval", 6, "archtrain", 14)
    assert ids(root, "archval") | ids(root, "archtrain") == set(range(IMAGES))
    assert not ids(root, "archval") & ids(root, "archtrain")
    dataset = open_split(root, "archtrain", Preprocess((16, 16)), train=True)
    assert len(dataset) == 14
    index = [image.id for image in dataset.annotations.images].index(min(ids(root, "archtrain")))
    whole = open_split(root, "train2014", Preprocess((16, 16)), train=True)
    assert dataset[index][1]["boxes"].equal(whole[min(ids(root, "archtrain"))][1]["boxes"])


def test_drawn_splits_do_not_get_in_the_way_of_beginnings(root: Path) -> None:
    draw_split(root, "minival", held_out=5)
    assert find_split(root, "train").name == "train2014"
    assert [split.name for split in find_splits(root)] == ["train2014", "val2014"]
    with pytest.raises(DatasetError, match="'trainval' is no split"):
        find_split(root, "trainval")


def test_minival_adds_the_rest_to_train_and_can_be_drawn_from(root: Path) -> None:
    held, rest = draw_split(root, "minival", held_out=5)
    assert (held.images, rest.images) == (5, 2 * IMAGES - 5)
    assert ids(root, "minival") < set(range(100, 100 + IMAGES))
    assert ids(root, "trainval35k") == {*range(IMAGES), *range(100, 120)} - ids(root, "minival")
    assert len(open_split(root, "trainval35k", Preprocess((16, 16)))) == 35
    held, rest = draw_split(root, "arch", source="trainval35k", held_out=7)
    assert ids(root, "archtrain") | ids(root, "archval") == ids(root, "trainval35k")
    assert rest.images == 28


def test_a_seed_gives_the_same_files(root: Path) -> None:
    saved = draw_split(root, "arch", held_out=6, seed=3)
    before = [item.path.read_bytes() for item in saved]
    again = draw_split(root, "arch", held_out=6, seed=3)
    assert [item.path.read_bytes() for item in again] == before
    assert json.loads(before[0])["seed"] == 3
    with pytest.raises(DatasetError, match="exists and holds other images; remove it"):
        draw_split(root, "arch", held_out=6, seed=4)
    for item in saved:
        item.path.unlink()
    other = draw_split(root, "arch", held_out=6, seed=4)
    assert [item.path.read_bytes() for item in other] != before


def test_every_image_is_held_out_about_as_often(root: Path) -> None:
    counts = dict.fromkeys(range(IMAGES), 0)
    for seed in range(60):
        saved = draw_split(root, "arch", held_out=5, seed=seed)
        (part,) = json.loads(saved[0].path.read_bytes())["parts"]
        for name in part["files"]:
            counts[int(name[:4])] += 1
        for item in saved:
            item.path.unlink()
    assert sum(counts.values()) == 60 * 5
    assert min(counts.values()) > 3  # 15 expected, standard deviation 3.4
    assert max(counts.values()) < 27


def test_other_layouts_are_drawn_from_in_the_same_way(tmp_path: Path) -> None:
    written = voc_0712(tmp_path)
    held, rest = draw_split(tmp_path, "arch", held_out=2)
    names = {image.file_name for image in find_split(tmp_path, "archtrain").load().images}
    names |= {image.file_name for image in find_split(tmp_path, "archval").load().images}
    whole = {image.file_name for image in find_split(tmp_path, "trainval0712").load().images}
    assert names == whole < set(written)
    assert held.images + rest.images == len(whole)


def test_what_cannot_be_drawn(root: Path, write_coco: WriteCoco) -> None:
    with pytest.raises(DatasetError, match=f"'x' is unknown; known: {', '.join(SPLIT_KINDS)}"):
        draw_split(root, "x")
    for count in (0, IMAGES):
        told = rf"cannot hold {count} out of the 20 images .* 1 to 19 \(--hold-out\)"
        with pytest.raises(DatasetError, match=told):
            draw_split(root, "arch", held_out=count)
    write_coco(many(0), split="archval")
    with pytest.raises(DatasetError, match="has a split archval already; nothing was drawn"):
        draw_split(root, "arch", held_out=2)


def refusal(root: Path, split: str) -> str:
    """Return what is said of a split that is not there, one line."""
    with pytest.raises(DatasetError) as caught:
        find_split(root, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("split", "told", "options"),
    [
        ("archtrain", "archtrain", "--kind arch --hold-out 2"),
        ("train2014+minival", "minival", "--kind minival --hold-out 2"),
        ("trainval35k", "trainval35k", "--kind minival --hold-out 2"),
    ],
)
def test_what_is_not_drawn_yet_is_told_with_a_command_that_draws_it(
    root: Path, split: str, told: str, options: str
) -> None:
    begin, _, command = refusal(root, split).partition("; draw it: ")
    assert begin == f"{root}: split {told} was not drawn yet"
    assert command == f"detfit data split {root} {options}"
    obey(command)
    assert find_split(root, split).name == split


def obey(command: str) -> None:
    """Draw as a command says."""
    _, _, _, folder, *rest = shlex.split(command)
    asked = dict(zip(rest[::2], rest[1::2], strict=True))
    draw_split(
        folder,
        asked["--kind"],
        source=asked.get("--from"),
        held_out=int(asked["--hold-out"]),
    )


def test_the_search_holds_its_images_out_of_what_the_papers_learn(root: Path) -> None:
    draw_split(root, "minival", held_out=5)
    command = refusal(root, "archval").partition("; draw it: ")[2]
    assert command.endswith("--kind arch --from trainval35k --hold-out 3")  # of 35
    obey(command)
    assert ids(root, "archtrain") | ids(root, "archval") == ids(root, "trainval35k")


def test_many_images_are_not_counted_for_a_refusal(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("layout", "splits.kinds"):
        monkeypatch.setattr(f"detection.data.{place}.HELD_OUT", IMAGES - 1)
    (root / "annotations" / "instances_train2014.json").write_text("not to be read")
    assert refusal(root, "archtrain").endswith(f"detfit data split {root} --kind arch")


def test_coco_2017_has_the_papers_splits_by_other_names(write_coco: WriteCoco) -> None:
    write_coco(many(0), split="train2017")
    root = write_coco(many(100), split="val2017")
    for split, same in (("trainval35k", "train2017"), ("minival", "val2017")):
        message = f"split {split} is drawn from COCO 2014; of COCO 2017 it is {same}: name that"
        assert refusal(root, split) == f"{root}: {message}"
        assert find_split(root, same).name == same
    assert "--kind arch" in refusal(root, "archtrain")


def test_minival_is_offered_for_coco_alone(write_coco: WriteCoco) -> None:
    write_coco(many(0), split="train")
    root = write_coco(many(100), split="val")
    assert refusal(root, "minival") == f"{root}: 'minival' is no split, found train, val"


def test_what_to_draw_from_has_to_be_one_split(root: Path, write_coco: WriteCoco) -> None:
    write_coco(many(200), split="train2017")
    assert refusal(root, "archtrain") == (
        f"{root}: split archtrain was not drawn yet; give `detfit data split --kind arch` --from "
        "SPLIT, as 'train' fits several splits, name one of train2014, train2017"
    )
    draw_split(root, "arch", source="train2014", held_out=6)
    assert len(ids(root, "archtrain")) == 14


def test_a_folder_is_named_as_a_shell_takes_it() -> None:
    found = drawing_command(Path("/my data"), "arch", "train", 5001)
    assert found == "detfit data split '/my data' --kind arch"
    assert drawing_command(Path("x"), "arch", "train", 5000).endswith("arch --hold-out 500")
    assert kind_drawing("val", ()) is None
    assert kind_drawing("minival", ["val2014"]) == "minival"


@pytest.mark.parametrize(
    ("split", "scored"),
    [("archtrain", "archval"), ("trainval35k", "minival"), ("train", "val"), ("x+y", "val")],
)
def test_what_was_held_out_scores_the_rest(split: str, scored: str) -> None:
    assert score_split_of(split) == scored


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a split of detfit"),
        ("[]", "schema and version None are unknown"),
        ('{"schema": "detfit-split", "version": 2}', r"\('detfit-split', 2\) are unknown"),
        ('{"schema": "detfit-split", "version": 1, "parts": []}', "parts: expected a list"),
        (
            '{"schema": "detfit-split", "version": 1, "parts": [{"split": "val", "files": [1]}]}',
            "parts: expected a list",
        ),
    ],
)
def test_damaged_files_are_refused(root: Path, content: str, message: str) -> None:
    (root / "splits").mkdir()
    (root / "splits" / "mine.json").write_text(content)
    with pytest.raises(DatasetError, match=message):
        find_split(root, "mine").load()


def test_files_of_other_data_are_refused(root: Path, write_coco: WriteCoco) -> None:
    draw_split(root, "arch", held_out=6)
    write_coco(many(50), split="train2014")
    with pytest.raises(DatasetError, match=r"images are not in .*draw the split anew"):
        find_split(root, "archtrain").load()
