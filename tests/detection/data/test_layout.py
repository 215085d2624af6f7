import shutil
from pathlib import Path
from typing import Any

import pytest

from detection.data.coco_layout import find_coco
from detection.data.layout import LAYOUTS, detect_layout, find_split, open_split
from detection.data.preprocess import Preprocess
from detection.errors import DatasetError

from .conftest import WriteCoco
from .trees import voc_0712, write_bdd


@pytest.fixture
def root(write_coco: WriteCoco, document: dict[str, Any]) -> Path:
    write_coco(document, split="train2017")
    return write_coco(document, split="val2017")


def test_finds_every_split_with_images(root: Path) -> None:
    (root / "annotations" / "instances_test.json").write_text("{}")  # without images
    assert [split.name for split in find_coco(root)] == ["train2017", "val2017"]


def test_finds_images_below_images(root: Path) -> None:
    (root / "images").mkdir()
    shutil.move(root / "val2017", root / "images" / "val2017")
    assert find_split(root, "val").images_dir == root / "images" / "val2017"
    assert len(open_split(root, "val", Preprocess((16, 16)))) == 3


@pytest.mark.parametrize("name", ["val", "val2017", "v"])
def test_split_by_name_or_beginning(root: Path, name: str) -> None:
    assert find_split(root, name).name == "val2017"


def test_exact_name_wins_over_beginnings(root: Path, write_coco: WriteCoco, document: Any) -> None:
    write_coco(document, split="val")
    assert find_split(root, "val").name == "val"
    with pytest.raises(DatasetError, match="'va' fits several splits, name one of val, val2017"):
        find_split(root, "va")


@pytest.mark.parametrize("name", ["test", "", "2017"])
def test_unknown_split_lists_what_was_found(root: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="is no split, found train2017, val2017"):
        find_split(root, name)


def test_folders_without_coco_layout(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such data folder"):
        find_coco(tmp_path / "absent")
    with pytest.raises(DatasetError, match="found an empty folder"):
        find_coco(tmp_path)
    for number in range(10):
        (tmp_path / f"f{number}").touch()
    with pytest.raises(DatasetError, match=r"no COCO split.*found f0, .*, f7 and 2 more"):
        find_coco(tmp_path)


def test_real_folder(coco80: Path) -> None:
    assert [split.name for split in find_coco(coco80)] == ["train2017", "val2017"]
    assert find_split(coco80, "train").name == "train2017"


def test_every_layout_is_recognised_or_all_are_listed(root: Path, tmp_path: Path) -> None:
    assert detect_layout(root) == "coco"
    voc_0712(tmp_path / "voc")
    assert detect_layout(tmp_path / "voc") == "voc"
    other = tmp_path / "other"
    (other / "pictures").mkdir(parents=True)
    with pytest.raises(DatasetError, match="no data set found") as error:
        detect_layout(other)
    for name, layout in LAYOUTS.items():
        assert f"{name}: {layout.expected}" in str(error.value)
    assert "image-folder: train/CLASS/" in str(error.value)
    assert str(error.value).endswith("found pictures")
    with pytest.raises(DatasetError, match="no such data folder"):
        detect_layout(tmp_path / "absent")


def test_several_layouts_in_one_folder_are_refused(root: Path) -> None:
    write_bdd(root)
    with pytest.raises(DatasetError, match=r"several data sets \(coco, bdd100k\); keep each in"):
        find_split(root, "val")
