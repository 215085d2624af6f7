from pathlib import Path
from typing import Any

import pytest

from detection.data.layout import find_split, open_split
from detection.data.preprocess import Preprocess
from detection.data.splits.joined import common_folder
from detection.errors import DatasetError
from tests.detection.data.conftest import WriteCoco


@pytest.fixture
def root(write_coco: WriteCoco, document: dict[str, Any]) -> Path:
    write_coco(document, split="train2014")
    for image in document["images"]:
        image["id"] += 100
    for row in document["annotations"]:
        row["image_id"] += 100
    return write_coco(document, split="val2014")


def test_images_follow_each_other_with_their_folders(root: Path) -> None:
    joined = find_split(root, "train2014+val")
    annotations = joined.load()
    assert joined.name == "train2014+val"
    assert joined.images_dir == root
    assert [image.file_name for image in annotations.images] == [
        *("train2014/a.png", "train2014/b.png", "train2014/empty.png"),
        *("val2014/a.png", "val2014/b.png", "val2014/empty.png"),
    ]
    assert [image.id for image in annotations.images] == [7, 3, 5, 107, 103, 105]
    first = find_split(root, "train2014").load().ground_truth()["annotations"]
    both = annotations.ground_truth()["annotations"]
    assert both[: len(first)] == first
    assert [row["image_id"] for row in both[len(first) :]] == [r["image_id"] + 100 for r in first]
    assert len(open_split(root, "train2014+val2014", Preprocess((16, 16)))) == 6


def test_shared_ids_are_numbered_anew(write_coco: WriteCoco, document: Any, root: Path) -> None:
    write_coco(document, split="val2014")
    write_coco(document, split="other")
    annotations = find_split(root, "val2014+other").load()
    assert [image.id for image in annotations.images] == [1, 2, 3, 4, 5, 6]


def test_what_does_not_fit_together_is_refused(
    write_coco: WriteCoco, document: Any, root: Path
) -> None:
    with pytest.raises(DatasetError, match=r"image .*a\.png. is in several of the splits"):
        find_split(root, "val2014+val2014").load()
    document["categories"][0]["name"] = "wolf"
    write_coco(document, split="other")
    with pytest.raises(DatasetError, match="has other categories than"):
        find_split(root, "val2014+other").load()
    with pytest.raises(DatasetError, match="'absent' is no split"):
        find_split(root, "val2014+absent")


def test_outlines_are_joined(write_coco: WriteCoco, document: Any, root: Path) -> None:
    for row in document["annotations"]:
        row["segmentation"] = [[0, 0, 5, 0, 5, 5]]
    write_coco(document, split="train2014")
    write_coco(document, split="other")
    assert find_split(root, "train2014+other").load(masks=True).has_masks


def test_the_common_folder() -> None:
    assert common_folder([Path("/a/b/c"), Path("/a/b/d")]) == Path("/a/b")
    assert common_folder([Path("/a/b")]) == Path("/a/b")
