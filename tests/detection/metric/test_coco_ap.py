import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detection.data.annotations import CocoAnnotations
from detection.data.layout import find_split
from detection.data.rle import Rle, encode_rle
from detection.errors import MetricError
from detection.metric.coco_ap import METRIC_BACKENDS, NUMBERS, CocoReport, evaluate_coco
from detection.metric.detections import ImageDetections
from detection.metric.score import score_detections

from .conftest import CATEGORY_IDS, Load, noisy_detections, random_document

ONE = pytest.approx(1, abs=1e-12)  # pycocotools adds an epsilon to denominators
BOTH = pytest.mark.parametrize("backend", sorted(METRIC_BACKENDS))


def one_image(*objects: tuple[list[float], int, int]) -> dict[str, Any]:
    """Objects as (bbox, category id, iscrowd) in one image of 400 x 300."""
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": 300, "width": 400}],
        "categories": [{"id": id_, "name": f"c{id_}"} for id_ in CATEGORY_IDS],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": category, "bbox": bbox, "iscrowd": crowd}
            for i, (bbox, category, crowd) in enumerate(objects)
        ],
    }


def found(*rows: tuple[list[float], float, int], image_id: int = 1) -> ImageDetections:
    boxes, scores, categories = zip(*rows, strict=True)
    return ImageDetections(image_id, np.array(boxes), np.array(scores), np.array(categories))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ties", [False, True])
def test_both_backends_give_the_same_numbers(load: Load, seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    document = random_document(rng, images=12, most=8)
    detections = noisy_detections(document, rng, ties)
    annotations = load(document)
    fast, reference = (
        evaluate_coco(annotations, detections, backend=backend)
        for backend in ("faster-coco-eval", "pycocotools")
    )
    np.testing.assert_allclose(fast.numbers, reference.numbers, rtol=0, atol=1e-12)
    for mine, theirs in zip(fast.class_ap, reference.class_ap, strict=True):
        assert mine[:2] == theirs[:2]
        np.testing.assert_allclose(mine[2], theirs[2], rtol=0, atol=1e-12)
    assert 0.05 < reference.ap < 0.95
    assert reference.n_detections == sum(map(len, detections))


@BOTH
def test_numbers_are_those_of_pycocotools_on_the_file(load: Load, backend: str) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(11)
    document = random_document(rng, images=15, most=6)
    detections = noisy_detections(document, rng, ties=True)
    annotations = load(document)
    rows = [
        {
            "image_id": item.image_id,
            "category_id": int(category),
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "score": float(score),
        }
        for item in detections
        for box, score, category in zip(
            item.boxes.tolist(), item.scores, item.category_ids, strict=True
        )
    ]
    truth = COCO(str(annotations.path))
    evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    report = evaluate_coco(annotations, detections, backend=backend)
    np.testing.assert_allclose(report.numbers, evaluation.stats, rtol=0, atol=1e-12)


@BOTH
def test_perfect_detections_reach_one(load: Load, backend: str) -> None:
    box = [10.0, 20, 50, 60]
    annotations = load(one_image((box, 5, 0), ([100, 100, 200, 150], 90, 0)))
    report = evaluate_coco(
        annotations,
        [found(([10, 20, 60, 80], 0.3, 5), ([100, 100, 300, 250], 0.2, 90))],
        backend=backend,
    )
    measured = [number for number in report.numbers if not math.isnan(number)]
    assert measured == pytest.approx([1.0] * 10, abs=1e-12)  # without small objects
    assert math.isnan(report.ap_s)  # no small object to measure on
    assert math.isnan(report.class_ap[0][2])  # no object of the class
    assert [row[:2] for row in report.class_ap] == [("c2", 2), ("c5", 5), ("c90", 90)]
    assert [row[2] for row in report.class_ap[1:]] == [ONE, ONE]
    assert (report.n_images, report.n_detections, report.backend) == (1, 2, backend)


@BOTH
def test_ap_by_hand(load: Load, backend: str) -> None:
    """A false one above two of three objects: precision 2/3 up to recall 2/3."""
    objects = [([100.0 * i, 0, 50, 50], 2, 0) for i in range(3)]
    rows = [([300.0, 200, 350, 250], 0.9, 2)] + [
        ([100.0 * i, 0, 100 * i + 50, 50], 0.5 - i / 10, 2) for i in range(2)
    ]
    report = evaluate_coco(load(one_image(*objects)), [found(*rows)], backend=backend)
    expected = 67 / 101 * 2 / 3  # recall levels 0.00 .. 0.66 of 101
    assert report.ap == pytest.approx(expected, abs=1e-12)
    assert report.ar100 == pytest.approx(2 / 3)
    assert report.ar1 == 0


@BOTH
def test_detections_on_crowds_count_neither_way(load: Load, backend: str) -> None:
    annotations = load(one_image(([0, 0, 50, 50], 2, 0), ([100, 100, 200, 150], 2, 1)))
    on_crowd = [([100.0 + i, 110, 140 + i, 150], 0.9, 2) for i in range(5)]
    hit = ([0.0, 0, 50, 50], 0.5, 2)
    assert evaluate_coco(annotations, [found(*on_crowd, hit)], backend=backend).ap == ONE


@BOTH
def test_the_object_with_annotation_id_zero_can_be_found(load: Load, backend: str) -> None:
    annotations = load(one_image(([0, 0, 50, 50], 2, 0)))
    assert evaluate_coco(annotations, [found(([0, 0, 50, 50], 0.5, 2))], backend=backend).ap == ONE


@BOTH
def test_no_detections_at_all(load: Load, backend: str) -> None:
    annotations = load(one_image(([0, 0, 50, 50], 2, 0)))
    for detections in ([], [ImageDetections(1, [], [], [])]):  # type: ignore[arg-type]
        report = evaluate_coco(annotations, detections, backend=backend)
        assert report.ap == report.ap50 == report.ar100 == 0
        assert report.n_detections == 0


@BOTH
def test_no_ground_truth_at_all_is_not_a_number(load: Load, backend: str) -> None:
    report = evaluate_coco(load(one_image()), [found(([0, 0, 50, 50], 0.5, 2))], backend=backend)
    assert all(map(math.isnan, report.numbers))
    assert not report.ap >= 0
    assert report.to_dict()["ap"] is None


@BOTH
def test_false_detections_in_images_without_objects_lower_ap(load: Load, backend: str) -> None:
    document = one_image(([0, 0, 50, 50], 2, 0))
    document["images"].append({"id": 2, "file_name": "b.png", "height": 300, "width": 400})
    hit = found(([0, 0, 50, 50], 0.5, 2))
    false = found(([0, 0, 50, 50], 0.9, 2), image_id=2)
    annotations = load(document)
    assert evaluate_coco(annotations, [hit], backend=backend).ap == ONE
    assert evaluate_coco(annotations, [hit, false], backend=backend).ap == pytest.approx(0.5)
    part = annotations.subset([1])
    assert evaluate_coco(part, [hit], backend=backend).ap == ONE


def test_nothing_is_printed(load: Load, capfd: pytest.CaptureFixture[str]) -> None:
    for backend in METRIC_BACKENDS:
        evaluate_coco(load(one_image(([0, 0, 50, 50], 2, 0))), [], backend=backend)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_what_cannot_be_scored(load: Load) -> None:
    annotations = load(one_image(([0, 0, 50, 50], 2, 0)))
    hit = found(([0, 0, 50, 50], 0.5, 2))
    with pytest.raises(MetricError, match="known: faster-coco-eval, pycocotools"):
        evaluate_coco(annotations, [hit], backend="fast")
    with pytest.raises(MetricError, match="image 1 is unknown or has two entries"):
        evaluate_coco(annotations, [hit, hit])
    with pytest.raises(MetricError, match="image 9 is unknown"):
        evaluate_coco(annotations, [replace(hit, image_id=9)])
    with pytest.raises(MetricError, match="image 1: category id 3 is unknown"):
        evaluate_coco(annotations, [found(([0, 0, 50, 50], 0.5, 3))])
    with pytest.raises(MetricError, match="no images"):
        evaluate_coco(annotations.subset([]), [])


def test_report_round_trips_through_json(load: Load) -> None:
    annotations = load(one_image(([0, 0, 50, 50], 2, 0)))
    report = evaluate_coco(annotations, [found(([0, 0, 50, 40], 0.5, 2))])
    text = json.dumps(report.to_dict(), allow_nan=False)
    again = CocoReport.from_dict(json.loads(text))
    assert again.to_dict() == report.to_dict()
    np.testing.assert_array_equal(again.numbers, report.numbers)
    assert len(report.numbers) == len(NUMBERS) == 12


@pytest.mark.parametrize("change", [{"ap": "high"}, {"other": 1}, {"class_ap": [{}]}])
def test_reports_of_the_wrong_form(load: Load, change: dict[str, Any]) -> None:
    good = evaluate_coco(load(one_image(([0, 0, 50, 50], 2, 0))), []).to_dict()
    with pytest.raises(MetricError, match="not a COCO report"):
        CocoReport.from_dict({**good, **change})
    with pytest.raises(MetricError, match="not a COCO report"):
        CocoReport.from_dict({})


def test_real_annotations_with_perfect_detections(coco80: Any) -> None:
    annotations = CocoAnnotations.load(find_split(coco80, "val").annotations)
    detections = []
    for index, image in enumerate(annotations.images):
        rows = annotations.objects.rows_of(index)
        keep = ~annotations.objects.crowd[rows]
        boxes = annotations.objects.boxes[rows][keep].copy()
        boxes[:, 2:] += boxes[:, :2]
        labels = annotations.objects.labels[rows][keep]
        categories = np.array(annotations.category_ids)[labels]
        detections.append(ImageDetections(image.id, boxes, np.ones(len(boxes)), categories))
    for backend in METRIC_BACKENDS:
        report = evaluate_coco(annotations, detections, backend=backend)
        assert report.ap == ONE


def blob(rng: np.random.Generator, box: list[float], hw: tuple[int, int] = (300, 400)) -> Rle:
    """An ellipse in a box (xyxy), shaken."""
    x1, y1, x2, y2 = np.asarray(box) + rng.normal(0, 2, 4)
    y, x = np.indices(hw) + 0.5
    x, y = (x - (x1 + x2) / 2) / max(x2 - x1, 2), (y - (y1 + y2) / 2) / max(y2 - y1, 2)
    return encode_rle(x * x + y * y <= 0.25, hw)


def masked(
    tmp_path: Any, seed: int
) -> tuple[CocoAnnotations, list[ImageDetections], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    document = random_document(rng, images=6, most=6)
    for row in document["annotations"]:
        x, y, w, h = row["bbox"]
        row["segmentation"] = blob(rng, [x, y, x + w, y + h])
    path = tmp_path / "masks.json"
    path.write_text(json.dumps(document))
    detections = [
        replace(item, masks=tuple(blob(rng, box) for box in item.boxes))
        for item in noisy_detections(document, rng, ties=True)
    ]
    return CocoAnnotations.load(path, masks=True), detections, document


@BOTH
@pytest.mark.parametrize("seed", [1, 2])
def test_mask_numbers_are_those_of_pycocotools(tmp_path: Any, backend: str, seed: int) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    annotations, detections, _ = masked(tmp_path, seed)
    rows = [
        {
            "image_id": item.image_id,
            "category_id": int(category),
            "segmentation": mask,
            "score": float(score),
        }
        for item in detections
        for mask, score, category in zip(
            item.masks or (), item.scores, item.category_ids, strict=True
        )
    ]
    truth = COCO(str(annotations.path))
    evaluation = COCOeval(truth, truth.loadRes(rows), "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    expected = np.where(evaluation.stats < 0, np.nan, evaluation.stats)  # no large objects
    report = evaluate_coco(annotations, detections, backend=backend, iou_type="segm")
    np.testing.assert_allclose(report.numbers, expected, rtol=0, atol=1e-12)
    assert report.iou_type == "segm"
    assert 0.05 < report.ap < 0.95
    assert report.ap != evaluate_coco(annotations, detections, backend=backend).ap


@BOTH
def test_the_annotated_masks_reach_one(tmp_path: Any, backend: str) -> None:
    annotations, _, document = masked(tmp_path, 5)
    detections = []
    for image in document["images"]:
        rows = [
            row
            for row in document["annotations"]
            if row["image_id"] == image["id"] and not row["iscrowd"]
        ]
        detections.append(
            ImageDetections(
                image["id"],
                np.zeros((len(rows), 4)),  # boxes do not count
                np.ones(len(rows)),
                np.array([row["category_id"] for row in rows], np.int64),
                tuple(row["segmentation"] for row in rows),
            )
        )
    report = evaluate_coco(annotations, detections, backend=backend, iou_type="segm")
    assert report.ap == ONE


def test_masks_that_cannot_be_scored(tmp_path: Any, load: Load) -> None:
    annotations, detections, _ = masked(tmp_path, 1)
    with pytest.raises(MetricError, match="iou_type must be one of bbox, segm, got 'mask'"):
        evaluate_coco(annotations, detections, iou_type="mask")
    with pytest.raises(MetricError, match="have no masks to compare"):
        evaluate_coco(annotations, [replace(d, masks=None) for d in detections], iou_type="segm")
    with pytest.raises(MetricError, match="outlines were not read"):
        evaluate_coco(load(one_image()), [], iou_type="segm")


def test_reports_with_masks_round_trip(tmp_path: Any) -> None:
    annotations, detections, _ = masked(tmp_path, 1)
    report = score_detections(annotations, detections)
    assert report.masks is not None
    assert report.masks.ap == evaluate_coco(annotations, detections, iou_type="segm").ap
    assert (report.iou_type, report.masks.iou_type) == ("bbox", "segm")
    again = CocoReport.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False)))
    assert again == report or again.to_dict() == report.to_dict()
    assert again.masks is not None
    unmasked = [replace(item, masks=None) for item in detections]
    assert score_detections(annotations, unmasked).masks is None
