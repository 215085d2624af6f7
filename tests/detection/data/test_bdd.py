import json
from pathlib import Path
from typing import Any

import pytest

from detection.data.annotations import CocoAnnotations
from detection.data.bdd import BDD_CLASSES, PUBLISHED_HW
from detection.data.layout import detect_layout, find_split, find_splits, open_split
from detection.data.preprocess import Preprocess
from detection.errors import DatasetError

from .test_voc import things
from .trees import paint, write_bdd


@pytest.mark.parametrize("form", ["2018", "2020"])
@pytest.mark.parametrize("below", ["", "bdd100k"])
def test_every_split_comes_back_as_written(tmp_path: Path, form: str, below: str) -> None:
    written = write_bdd(tmp_path / below, form)
    assert detect_layout(tmp_path) == "bdd100k"
    assert [split.name for split in find_splits(tmp_path)] == ["train", "val"]
    for name, content in written.items():
        annotations = find_split(tmp_path, name).load()
        assert annotations.class_names == BDD_CLASSES
        assert len(BDD_CLASSES) == 10
        for index, (image, picture) in enumerate(zip(annotations.images, content, strict=True)):
            assert (image.id, image.file_name) == (index + 1, f"{picture.name}.jpg")
            assert (image.height, image.width) == picture.hw
            assert things(annotations, index) == list(picture.things)
        lanes = (("lane", len(content)),) if form == "2018" else ()
        assert annotations.left_out == annotations.report().left_out == lanes
    assert len(open_split(tmp_path, "val", Preprocess((32, 32)))[0]) == 2


def read(tmp_path: Path, document: Any) -> CocoAnnotations:
    path = tmp_path / "labels" / "det_20" / "det_val.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    images_dir = tmp_path / "images" / "100k" / "val"
    images_dir.mkdir(parents=True, exist_ok=True)
    paint(images_dir / "a.jpg", (12, 20))
    return find_split(tmp_path, "val").load()


def labelled(**label: Any) -> list[dict[str, Any]]:
    box = {"x1": 1.5, "y1": 2, "x2": 3.25, "y2": 6}
    return [{"name": "a.jpg", "labels": [{"category": "car", "box2d": box, **label}]}]


def test_sizes_come_from_the_label_the_header_or_the_publication(tmp_path: Path) -> None:
    document = [{"name": "a.jpg"}, {"name": "absent.jpg", "labels": None}]
    document += [{"name": "b.jpg", "size": {"width": 7, "height": 5}, "labels": []}]
    found = read(tmp_path, {"frames": document, "config": {}})
    assert [(i.height, i.width) for i in found.images] == [(12, 20), PUBLISHED_HW, (5, 7)]


def test_boxes_include_their_last_pixel(tmp_path: Path) -> None:
    found = read(tmp_path, labelled())
    assert found.objects.boxes.tolist() == [[1.5, 2, 2.75, 5]]
    assert found.objects.areas.tolist() == [2.75 * 5]


def test_uncertain_objects_excuse_detections_and_others_are_counted(tmp_path: Path) -> None:
    found = read(tmp_path, labelled(category="trailer"))
    assert found.class_names[found.objects.labels[0]] == "truck"
    assert found.objects.crowd.tolist() == [True]
    assert read(tmp_path, labelled(category="van")).objects.labels.tolist() == [2]
    unknown = read(tmp_path, labelled(category="dragon"))
    assert unknown.left_out == (("dragon", 1),)
    assert len(unknown.objects.labels) == 0
    assert read(tmp_path, labelled(box2d=None)).left_out == (("car", 1),)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"images": []}, "not BDD100K JSON .expected a list of frames"),
        ([7], r"\[0\]: expected an object, got 7"),
        ([{"labels": []}], r"\[0\].name: expected the name of an image file, got None"),
        ([{"name": "../a.jpg"}], "expected the name of an image file"),
        ([{"name": "\ud800"}], "expected the name of an image file"),
        ([{"name": "a.jpg"}] * 2, r"\[1\].name: 'a.jpg' occurs twice"),
        ([{"name": "a.jpg", "labels": 3}], r"\[0\].labels: expected a list, got 3"),
        ([{"name": "a.jpg", "labels": [3]}], r"\[0\].labels\[0\].category: expected a text"),
        ([{"name": "a.jpg", "size": {"width": 1}}], "size: expected width and height"),
        (labelled(box2d={"x1": 1}), r"labels\[0\].box2d: expected numbers x1, y1, x2, y2"),
        (labelled(box2d=[1, 2, 3, 4]), "expected numbers x1, y1, x2, y2"),
        (labelled(attributes={"crowd": "no"}), "attributes.crowd: expected true or false"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as error:
        read(tmp_path, document)
    assert "det_val.json" in str(error.value)


def test_the_newer_labels_win_and_outlines_are_refused(tmp_path: Path) -> None:
    write_bdd(tmp_path, "2018", {"val": 3})
    document = [{"name": "a.jpg"}]
    assert len(read(tmp_path, document).images) == 1
    with pytest.raises(DatasetError, match="boxes only"):
        find_split(tmp_path, "val").load(masks=True)
