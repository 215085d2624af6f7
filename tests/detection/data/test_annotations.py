import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection.data.annotations import CocoAnnotations
from detection.errors import DatasetError


@pytest.fixture
def annotations(tmp_path: Path, document: dict[str, Any]) -> CocoAnnotations:
    return write_and_load(tmp_path, document)


def write_and_load(tmp_path: Path, document: dict[str, Any]) -> CocoAnnotations:
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(document))
    return CocoAnnotations.load(path)


def test_category_ids_with_gaps_become_contiguous_labels(annotations: CocoAnnotations) -> None:
    assert annotations.category_ids == (4, 90)
    assert annotations.class_names == ("cat", "dog")
    assert [annotations.label_of(id_) for id_ in annotations.category_ids] == [0, 1]
    with pytest.raises(DatasetError, match=r"category id 5 is unknown; known: \(4, 90\)"):
        annotations.label_of(5)


def test_training_sees_clipped_boxes_without_crowd_and_degenerate(
    annotations: CocoAnnotations,
) -> None:
    boxes, labels = annotations.training_objects(0)
    assert boxes.tolist() == [[50, 30, 60, 40]]
    assert labels.tolist() == [0]
    boxes, labels = annotations.training_objects(1)
    assert boxes.tolist() == [[1, 2, 11, 14]]
    assert labels.tolist() == [1]
    boxes, labels = annotations.training_objects(2)
    assert boxes.shape == (0, 4)
    assert labels.shape == (0,)


def test_report_counts_everything(annotations: CocoAnnotations) -> None:
    report = annotations.report()
    assert (report.images, report.objects, report.usable) == (3, 4, 2)
    assert (report.crowd, report.degenerate, report.clipped, report.empty_images) == (1, 1, 1, 1)
    assert report.unused_categories == ()
    assert report.usable + report.crowd + report.degenerate == report.objects


@pytest.mark.parametrize(
    "bbox", [[100, 5, 10, 10], [-20, 5, 10, 10], [5, 5, -3, 10], [59.5, 0, 9, 9], [0, 0, 0, 0]]
)
def test_boxes_with_nothing_inside_are_degenerate(
    tmp_path: Path, document: dict[str, Any], bbox: list[float]
) -> None:
    document["annotations"] = [{"id": 0, "image_id": 7, "category_id": 4, "bbox": bbox}]
    annotations = write_and_load(tmp_path, document)
    assert annotations.report().degenerate == 1
    assert annotations.report().unused_categories == ("cat", "dog")
    assert len(annotations.training_objects(0)[0]) == 0


def test_a_box_of_exactly_one_pixel_is_kept(tmp_path: Path, document: dict[str, Any]) -> None:
    document["annotations"] = [{"id": 0, "image_id": 7, "category_id": 4, "bbox": [59, 39, 9, 9]}]
    annotations = write_and_load(tmp_path, document)
    assert annotations.training_objects(0)[0].tolist() == [[59, 39, 60, 40]]


def test_evaluation_sees_the_file_as_it_is(annotations: CocoAnnotations) -> None:
    truth = annotations.ground_truth()
    assert [row["id"] for row in truth["images"]] == [7, 3, 5]
    by_box = {tuple(row["bbox"]): row for row in truth["annotations"]}
    assert len(by_box) == 4
    assert by_box[0, 0, 60, 40]["iscrowd"] == 1
    assert by_box[50, 30, 20, 20]["area"] == 400  # not in the file: width times height
    assert by_box[1, 2, 10, 12]["area"] == 100
    assert by_box[1, 2, 10, 12]["category_id"] == 90
    assert sorted(row["id"] for row in truth["annotations"]) == [1, 2, 3, 4]


def test_annotation_id_zero_is_numbered_anew(tmp_path: Path, document: dict[str, Any]) -> None:
    document["annotations"][0]["id"] = 0
    truth = write_and_load(tmp_path, document).ground_truth()
    assert min(row["id"] for row in truth["annotations"]) == 1


def test_no_objects_and_no_images(tmp_path: Path) -> None:
    empty = {"images": [], "annotations": [], "categories": []}
    annotations = write_and_load(tmp_path, empty)
    assert annotations.report().objects == 0
    assert annotations.ground_truth() == empty


def test_subset_keeps_images_with_their_objects(annotations: CocoAnnotations) -> None:
    part = annotations.subset([5, 3])
    assert [image.id for image in part.images] == [3, 5]
    assert part.training_objects(0)[0].tolist() == annotations.training_objects(1)[0].tolist()
    assert part.report().objects == 1
    assert part.category_ids == annotations.category_ids
    with pytest.raises(DatasetError, match="image id 99 is not in the file"):
        annotations.subset([99])


def test_pickles_for_workers(annotations: CocoAnnotations) -> None:
    copy = pickle.loads(pickle.dumps(annotations))
    np.testing.assert_array_equal(copy.objects.boxes, annotations.objects.boxes)


@pytest.mark.parametrize(("split", "objects", "crowd"), [("train", 705, 6), ("val", 815, 11)])
def test_real_annotations(coco80: Path, split: str, objects: int, crowd: int) -> None:
    path = coco80 / "annotations" / f"instances_{split}2017.json"
    report = CocoAnnotations.load(path).report()
    assert (report.images, report.objects, report.crowd) == (80, objects, crowd)


def outlined(document: dict[str, Any]) -> dict[str, Any]:
    """The document with a rectangle drawn as each object's outline."""
    for row in document["annotations"]:
        x, y, w, h = row["bbox"]
        row["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    return document


def load_masks(tmp_path: Path, document: dict[str, Any]) -> CocoAnnotations:
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(document))
    return CocoAnnotations.load(path, masks=True)


def test_masks_of_what_training_sees(tmp_path: Path, document: dict[str, Any]) -> None:
    annotations = load_masks(tmp_path, outlined(document))
    assert annotations.has_masks
    (mask,) = annotations.training_masks(0)  # neither crowd nor degenerate
    assert mask.shape == (40, 60)
    expected = np.zeros((40, 60), bool)
    expected[30:, 50:] = True
    np.testing.assert_array_equal(mask, expected)
    (other,) = annotations.training_masks(1)
    assert (int(other.sum()), other[2:14, 1:11].all()) == (120, True)
    assert list(annotations.training_masks(2)) == []


def test_masks_follow_into_subsets(tmp_path: Path, document: dict[str, Any]) -> None:
    annotations = load_masks(tmp_path, outlined(document))
    (mask,) = annotations.subset([3]).training_masks(0)
    assert mask.shape == (30, 20)


def test_the_metric_sees_outlines_if_they_were_read(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    rows = load_masks(tmp_path, outlined(document)).ground_truth()["annotations"]
    assert [row["segmentation"]["size"] for row in rows] == [[40, 60]] * 3 + [[30, 20]]
    plain = CocoAnnotations.load(tmp_path / "instances.json")
    assert not plain.has_masks
    assert "segmentation" not in plain.ground_truth()["annotations"][0]
    with pytest.raises(DatasetError, match="outlines were not read; load it with masks=True"):
        next(plain.training_masks(0))


@pytest.mark.parametrize(
    ("segmentation", "match"),
    [
        (None, r"annotations\[1\]\.segmentation: missing; a detector with masks needs"),
        ([], r"annotations\[1\]\.segmentation: missing"),
        ([[1, 2]], r"annotations\[1\]\.segmentation: expected polygons"),
        ({"size": [1, 1], "counts": [1]}, r"annotations\[1\]\.segmentation: size must be"),
    ],
)
def test_bad_outlines_are_named(
    tmp_path: Path, document: dict[str, Any], segmentation: Any, match: str
) -> None:
    outlined(document)["annotations"][1]["segmentation"] = segmentation
    with pytest.raises(DatasetError, match=match):
        load_masks(tmp_path, document)
    assert not CocoAnnotations.load(tmp_path / "instances.json").has_masks
