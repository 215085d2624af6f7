import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from detection.data.annotations import CocoAnnotations
from detection.data.coco_json import CocoCategory, CocoImage
from detection.data.object_table import ObjectColumns
from detection.errors import MetricError
from detection.metric.class_ap import voc_rows
from detection.metric.detections import ImageDetections
from detection.metric.voc_ap import ap_11_points, ap_all_points, evaluate_voc

Box = tuple[float, float, float, float]


def annotated(
    objects: list[tuple[int, str, Box, bool]], images: int = 1, names: tuple[str, ...] = ("cat",)
) -> CocoAnnotations:
    """Objects as image, class, xyxy and whether difficult; image ids are 10, 20, ..."""
    columns = ObjectColumns(difficult=True)
    for image, name, (x1, y1, x2, y2), difficult in objects:
        box = [x1, y1, x2 - x1, y2 - y1]
        area = (x2 - x1) * (y2 - y1)
        columns.add(image, names.index(name), box, area, difficult=difficult)
    return CocoAnnotations(
        Path("list.txt"),
        tuple(CocoImage(10 * n, f"{n}.jpg", 100, 100) for n in range(1, images + 1)),
        tuple(CocoCategory(n, name) for n, name in enumerate(names, start=3)),
        columns.table(),
    )


def found(image_id: int, *rows: tuple[Box, float], category_id: int = 3) -> ImageDetections:
    return ImageDetections(
        image_id,
        np.array([box for box, _ in rows]),
        np.array([score for _, score in rows]),
        np.full(len(rows), category_id),
    )


A: Box = (0, 0, 10, 10)
B: Box = (50, 50, 70, 70)
AWAY: Box = (80, 0, 90, 10)


def only(annotations: CocoAnnotations, *detections: ImageDetections) -> tuple[float, float]:
    (item,) = evaluate_voc(annotations, detections).classes
    return item.ap, item.ap_11_points


def test_a_hit_a_miss_and_a_hit() -> None:
    truth = annotated([(0, "cat", A, False), (0, "cat", B, False)])
    ap, ap_11 = only(truth, found(10, (A, 0.9), (AWAY, 0.8), (B, 0.7)))
    assert ap == pytest.approx((1 + 2 / 3) / 2)
    assert ap_11 == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)


def test_a_second_detection_of_an_object_is_false() -> None:
    truth = annotated([(0, "cat", A, False), (0, "cat", B, False)])
    ap, ap_11 = only(truth, found(10, (A, 0.9), (A, 0.8), (B, 0.7)))
    assert ap == pytest.approx((1 + 2 / 3) / 2)
    assert ap_11 == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_difficult_objects_neither_count_nor_cost() -> None:
    truth = annotated([(0, "cat", A, True), (0, "cat", B, False)])
    assert only(truth, found(10, (A, 0.9), (A, 0.8), (B, 0.7))) == (1, 1)
    (item,) = evaluate_voc(truth, [found(10, (A, 0.9))]).classes
    assert (item.objects, item.ignored, item.detections) == (1, 1, 1)
    assert (item.ap, item.ap_11_points) == (0, 0)


def test_only_the_nearest_object_is_compared() -> None:
    """VOC's rule, not COCO's: a detection whose nearest object is taken hits no other one."""
    near: Box = (0, 0, 10, 8)
    truth = annotated([(0, "cat", A, False), (0, "cat", near, False)])
    ap, _ = only(truth, found(10, (A, 0.9), ((0, 0, 10, 9.5), 0.8)))
    assert ap == pytest.approx(0.5)


@pytest.mark.parametrize(("height", "hit"), [(5, 1.0), (4.999, 0.0)])
def test_the_border_of_the_overlap_counts(height: float, hit: float) -> None:
    truth = annotated([(0, "cat", A, False)])
    assert only(truth, found(10, ((0, 0, 10, height), 0.9)))[0] == hit


def test_three_objects_of_ten_reach_the_fourth_point() -> None:
    hits = np.array([True, True, True])
    assert ap_11_points(hits, 10) == pytest.approx(4 / 11)
    assert ap_all_points(hits, 10) == pytest.approx(0.3)


def test_nothing_found_and_nothing_to_be_found() -> None:
    truth = annotated([(0, "cat", A, False)], names=("cat", "dog"))
    report = evaluate_voc(truth, [])
    assert [item.ap for item in report.classes[:1]] == [0]
    assert math.isnan(report.classes[1].ap)
    assert math.isnan(report.classes[1].ap_11_points)
    assert (report.ap50, report.ap50_11_points, report.n_detections) == (0, 0, 0)
    assert math.isnan(evaluate_voc(annotated([]), [found(10, (A, 1.0))]).ap50)


def by_brute_force(
    truth: CocoAnnotations, detections: list[ImageDetections], label: int
) -> tuple[float, float]:
    """The development kit's loops, with recalls as fractions."""
    table = truth.objects
    rows = [
        (score, order, item.image_id, box)
        for order, item in enumerate(detections)
        for score, box, category in zip(
            item.scores.tolist(), item.boxes.tolist(), item.category_ids.tolist(), strict=True
        )
        if category == truth.category_ids[label]
    ]
    rows.sort(key=lambda row: -row[0])
    taken: set[int] = set()
    wanted = int(((table.labels == label) & ~table.ignored).sum())
    hits = []
    for _, _, image_id, (x1, y1, x2, y2) in rows:
        best, nearest = -1.0, -1
        for index in range(len(table.labels)):
            if table.labels[index] != label:
                continue
            if truth.images[table.image_index[index]].id != image_id:
                continue
            x, y, w, h = table.boxes[index].tolist()
            inside = max(min(x2, x + w) - max(x1, x), 0) * max(min(y2, y + h) - max(y1, y), 0)
            overlap = inside / ((x2 - x1) * (y2 - y1) + w * h - inside)
            if overlap > best:
                best, nearest = overlap, index
        if best >= 0.5 and table.ignored[nearest]:
            continue
        hits.append(best >= 0.5 and nearest not in taken)
        if best >= 0.5:
            taken.add(nearest)
    if not wanted:
        return math.nan, math.nan
    points = [(sum(hits[: n + 1]), sum(hits[: n + 1]) / (n + 1)) for n in range(len(hits))]

    def at_or_above(reached: float) -> float:
        return max((p for tp, p in points if tp >= reached), default=0.0)

    eleven = [max((p for tp, p in points if 10 * tp >= n * wanted), default=0) for n in range(11)]
    return sum(at_or_above(n) for n in range(1, wanted + 1)) / wanted, sum(eleven) / 11


@given(st.integers(0, 10_000))
def test_against_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ("cat", "dog", "cow")
    objects = []
    for _ in range(int(rng.integers(0, 12))):
        x, y, w, h = rng.integers(1, 7, 4).tolist()
        name = str(rng.choice(names[:2]))
        box = (x, y, x + w, y + h)
        objects.append((int(rng.integers(0, 3)), name, box, bool(rng.random() < 0.3)))
    truth = annotated(objects, 3, names)
    detections = []
    for image in rng.permutation(3).tolist():
        count = int(rng.integers(0, 8))
        near = rng.integers(1, 7, (count, 2))
        boxes = np.hstack([near, near + rng.integers(1, 7, (count, 2))]).astype(float)
        scores = rng.integers(1, 5, count) / 4  # ties
        categories = rng.integers(3, 6, count)
        detections.append(ImageDetections(10 * image + 10, boxes, scores, categories))
    report = evaluate_voc(truth, detections)
    for label, item in enumerate(report.classes):
        expected = by_brute_force(truth, detections, label)
        np.testing.assert_allclose((item.ap, item.ap_11_points), expected, atol=1e-12)
        np.testing.assert_array_equal(item.ap_s, item.ap)  # all are small
        assert math.isnan(item.ap_m)


SMALL: Box = (0, 0, 30, 30)
MIDDLE: Box = (30, 30, 95, 95)


def test_sizes_apart() -> None:
    truth = annotated([(0, "cat", SMALL, False), (0, "cat", MIDDLE, False)])
    near_middle: Box = (30, 35, 95, 95)
    detections = found(10, (MIDDLE, 0.9), (near_middle, 0.8), (AWAY, 0.7), (SMALL, 0.6))
    (item,) = evaluate_voc(truth, [detections]).classes
    assert item.ap == pytest.approx((1 + 2 / 4) / 2)
    assert item.ap_m == 1  # the second of the object comes behind it
    assert item.ap_s == pytest.approx(1 / 2)  # AWAY is small, and before it
    assert math.isnan(item.ap_l)


def test_a_small_object_that_a_middling_detection_is_of() -> None:
    truth = annotated([(0, "cat", SMALL, False)])
    (item,) = evaluate_voc(truth, [found(10, ((0, 0, 35, 35), 0.9))]).classes
    assert (item.ap, item.ap_s) == (1, 1)
    assert math.isnan(item.ap_m)


@pytest.mark.parametrize("side", [32, 96])
def test_a_border_belongs_to_both_sizes(side: int) -> None:
    box: Box = (0, 0, side, side)
    (item,) = evaluate_voc(annotated([(0, "cat", box, False)]), [found(10, (box, 0.9))]).classes
    sizes = (item.ap_s, item.ap_m, item.ap_l)
    assert sum(ap == 1 for ap in sizes) == 2
    assert sum(map(math.isnan, sizes)) == 1


def test_reports_are_json_and_tables() -> None:
    truth = annotated([(0, "cat", A, False)], names=("cat", "dog"))
    report = evaluate_voc(truth, [found(10, (A, 0.9), (AWAY, 0.95))])
    fields: dict[str, Any] = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert (fields["ap50"], fields["ap50_11_points"]) == (0.5, 0.5)
    assert [item["ap"] for item in fields["classes"]] == [0.5, None]
    rows = voc_rows(report)
    assert [row["class"] for row in rows] == ["all", "cat", "dog"]
    assert [row["ap50"] for row in rows] == [50, 50, None]
    assert (rows[0]["objects"], rows[0]["detections"]) == (1, 2)
    assert [row["ap50_s"] for row in rows] == [50, 50, None]
    assert fields["ap50_s"] == 0.5
    assert fields["ap50_l"] is None


def test_misuse_is_refused() -> None:
    truth = annotated([(0, "cat", A, False)])
    for least_iou in (0, 1.1, math.nan):
        with pytest.raises(MetricError, match="least_iou must be above 0"):
            evaluate_voc(truth, [], least_iou=least_iou)
    with pytest.raises(MetricError, match="image 11 is unknown"):
        evaluate_voc(truth, [found(11, (A, 1.0))])
    with pytest.raises(MetricError, match="category id 9 is unknown"):
        evaluate_voc(truth, [found(10, (A, 1.0), category_id=9)])
