import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from detection.data.check.check import DataCheck, check_data
from detection.data.check.describe import describe_check, summarize_check
from detection.errors import DatasetError
from tests.detection.data.conftest import WriteCoco
from tests.detection.data.trees import voc_0712, write_bdd, write_classes


@pytest.fixture
def root(write_coco: WriteCoco, document: dict[str, Any]) -> Path:
    write_coco(document, split="train2017")
    for image in document["images"]:
        image["file_name"] = f"v{image['file_name']}"
        image["id"] += 100  # other noise
    for row in document["annotations"]:
        row["image_id"] += 100
    return write_coco(document, split="val2017")


def described(check: DataCheck) -> dict[str, Any]:
    """Through JSON, as the command prints it."""
    fields: dict[str, Any] = json.loads(json.dumps(describe_check(check), allow_nan=False))
    return fields


def test_counts_of_a_good_folder(root: Path) -> None:
    seen = []
    check = check_data(root, progress=lambda *told: seen.append(told))
    assert check.passed
    assert check.layout == "coco"
    fields = described(check)
    assert [split["name"] for split in fields["splits"]] == ["train2017", "val2017"]
    train = fields["splits"][0]
    expected = {"images": 3, "objects": 4, "usable": 2, "crowd": 1, "degenerate": 1, "clipped": 1}
    assert {name: train[name] for name in expected} == expected
    assert train["sizes"] == {"s": 3, "m": 1, "l": 0}  # 100, 400, 2400 and 4.5 pixels
    assert train["classes"] == [
        {"name": "cat", "objects": 2, "images": 1, "sizes": {"s": 1, "m": 1, "l": 0}},
        {"name": "dog", "objects": 2, "images": 2, "sizes": {"s": 2, "m": 0, "l": 0}},
    ]
    assert (train["missing_images"], train["damaged_images"]) == ([], [])
    assert seen[-1] == ("checking images", 6, 6)


def test_missing_damaged_and_resized_images_fail(root: Path) -> None:
    (root / "train2017" / "a.png").unlink()
    path = root / "train2017" / "b.png"
    path.write_bytes(path.read_bytes()[:-200])
    Image.new("RGB", (11, 10)).save(root / "train2017" / "empty.png")
    check = check_data(root)
    assert not check.passed
    train, val = described(check)["splits"]
    assert train["missing_images"] == ["a.png"]
    assert [item["file"] for item in train["damaged_images"]] == ["b.png", "empty.png"]
    assert train["damaged_images"][1]["problem"] == (
        "the file is 11x10, the annotations say 10x10"
    )
    assert train["problems"][0] == "image files missing: 1, first a.png"
    assert train["problems"][1].startswith("image files damaged: 2, first b.png: ")
    assert val["problems"] == []
    assert check_data(root, ["val2017"]).passed


def test_a_quick_check_reads_headers_only(root: Path) -> None:
    path = root / "train2017" / "b.png"
    path.write_bytes(path.read_bytes()[:-200])
    quick = check_data(root, quick=True)
    assert quick.passed
    assert any("only headers" in note for note in summarize_check(quick)["notes"])
    path.write_bytes(b"nothing")
    (split, _) = check_data(root, quick=True).splits
    assert split.files is not None
    assert split.files.damaged[0].problem.startswith("not a readable image")


def test_unreadable_annotations_are_a_finding(root: Path) -> None:
    (root / "annotations" / "instances_train2017.json").write_text("{")
    check = check_data(root)
    assert not check.passed
    train, val = check.splits
    assert "not COCO JSON" in train.problems[0]
    assert train.files is None
    assert val.problems == ()


def test_other_classes_and_no_objects_fail(
    root: Path, write_coco: WriteCoco, document: dict[str, Any]
) -> None:
    document["categories"][0]["name"] = "wolf"
    document["annotations"] = []
    write_coco(document, split="val2017")
    check = check_data(root)
    assert check.problems == ("val2017 has other classes than train2017: labels would not fit",)
    assert check.splits[1].problems == ("no object to learn from or to measure on",)


def test_duplicates_are_notes(write_coco: WriteCoco, document: dict[str, Any]) -> None:
    document["annotations"].append({**document["annotations"][0], "id": 9})
    write_coco(document, split="train2017")
    check = check_data(write_coco(document, split="val2017"))  # equal ids, equal noise
    assert check.passed
    assert ("train2017/a.png", "val2017/a.png") in check.duplicate_images
    assert described(check)["splits"][0]["duplicate_boxes"] == 1
    notes = summarize_check(check)["notes"]
    assert "train2017: boxes that occur twice: 1" in notes
    assert any("images that are there more than once: 3, such as" in note for note in notes)


def test_the_other_layouts(tmp_path: Path) -> None:
    voc_0712(tmp_path / "voc")
    voc = check_data(tmp_path / "voc", threads=2)
    assert voc.passed
    assert [split.name for split in voc.splits] == [
        *("test2007", "train2007", "trainval2007", "val2007", "trainval2012")
    ]
    assert [split.name for split in check_data(tmp_path / "voc", ["train"]).splits] == [
        "trainval0712"
    ]
    write_bdd(tmp_path / "bdd", "2018")
    bdd = check_data(tmp_path / "bdd")
    assert bdd.passed
    assert described(bdd)["splits"][0]["left_out"] == {"lane": 5}
    assert "train: left out: lane x 5" in summarize_check(bdd)["notes"]
    write_classes(tmp_path / "classes", {"train": {"a": 2, "b": 0}, "val": {"a": 1}})
    classes = check_data(tmp_path / "classes")
    assert classes.passed
    assert [c["images"] for c in described(classes)["splits"][0]["classes"]] == [2, 0]
    summary = summarize_check(classes)
    assert summary["classes"] == [{"class": "a", "train": 2, "val": 1}, *summary["classes"][1:]]
    assert "train: classes without an image: b" in summary["notes"]


def test_classified_images_fail_where_classes_differ(tmp_path: Path) -> None:
    write_classes(tmp_path, {"train": {"a": 2}, "val": {"b": 1}})
    check = check_data(tmp_path)
    assert not check.passed
    assert "classes are not in train/" in check.splits[1].problems[0]
    with pytest.raises(DatasetError, match="'test' is no split, found train, val"):
        check_data(tmp_path, ["test"])


def test_misuse_is_an_error(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such data folder"):
        check_data(tmp_path / "absent")
    with pytest.raises(DatasetError, match="no data set found"):
        check_data(root / "train2017")
    with pytest.raises(DatasetError, match="'test' is no split"):
        check_data(root, ["test"])


def test_real_photographs(coco80: Path) -> None:
    check = check_data(coco80, quick=True)
    assert check.passed, check
    assert [split.files.images for split in check.splits if split.files] == [80, 80]
