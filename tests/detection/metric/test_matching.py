import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from detection.data.rle import Rle, encode_rle
from detection.errors import MetricError
from detection.metric.detections import ImageDetections
from detection.metric.matching import MatchOptions, match_all, match_detections
from detection.metric.overlap import box_iou

A, B, C = [0.0, 0, 100, 100], [200.0, 0, 300, 100], [0.0, 200, 100, 300]


def shifted(box: list[float], by: float) -> list[float]:
    return [box[0] + by, box[1], box[2] + by, box[3]]


def found(*rows: tuple[list[float], float, int], image_id: int = 1) -> ImageDetections:
    return ImageDetections(
        image_id,
        np.array([row[0] for row in rows]).reshape(-1, 4),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows], np.int64),
    )


@st.composite
def detection_lists(draw: st.DrawFn, most: int = 5) -> ImageDetections:
    """Boxes on a coarse grid, so that overlaps, duplicates and empty boxes are common."""
    corner = st.integers(0, 4)
    rows = draw(
        st.lists(
            st.tuples(
                corner, corner, corner, corner, st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 1)
            ),
            max_size=most,
        )
    )
    return found(
        *(
            ([min(x, u), min(y, v), max(x, u), max(y, v)], score, category)
            for x, y, u, v, score, category in rows
        )
    )


def most_pairs_by_brute_force(a: ImageDetections, b: ImageDetections, iou: float) -> int:
    allowed = (box_iou(a.boxes, b.boxes) >= iou) & (a.category_ids[:, None] == b.category_ids)
    if len(a) > len(b):
        allowed = allowed.T
    rows = range(allowed.shape[0])
    columns = itertools.permutations(range(allowed.shape[1]), allowed.shape[0])
    return max(sum(bool(allowed[r, c]) for r, c in zip(rows, p, strict=True)) for p in columns)


@settings(max_examples=150)
@given(a=detection_lists(), b=detection_lists(), iou=st.sampled_from([0.25, 0.5, 1.0]))
def test_pairing_is_as_large_as_possible(
    a: ImageDetections, b: ImageDetections, iou: float
) -> None:
    report = match_detections(a, b, MatchOptions(iou=iou))
    pairs = most_pairs_by_brute_force(a, b, iou)
    assert report.matched_a == report.matched_b == pairs
    assert (report.n_a, report.n_b) == (len(a), len(b))
    assert report.n_orphans == len(a) + len(b) - 2 * pairs == len(report.orphans)
    assert pairs == 0 or report.min_iou >= iou


@given(a=detection_lists(most=30), b=detection_lists(most=30), floor=st.sampled_from([0, 0.3]))
def test_matching_is_symmetric_and_knows_itself(
    a: ImageDetections, b: ImageDetections, floor: float
) -> None:
    options = MatchOptions(iou=0.5, score_floor=floor)
    forth, back = match_detections(a, b, options), match_detections(b, a, options)
    assert forth.f1 == back.f1
    assert 0 <= forth.f1 <= 1
    assert (forth.n_a, forth.n_b) == (back.n_b, back.n_a)
    same = match_detections(a, a, options)
    assert (same.f1, same.n_orphans, same.max_score_diff, same.min_iou) == (1, 0, 0, 1)


@given(data=st.data(), a=detection_lists(most=12))
def test_order_within_the_lists_does_not_matter(data: st.DataObject, a: ImageDetections) -> None:
    order = np.array(data.draw(st.permutations(range(len(a)))), np.int64)
    b = ImageDetections(1, a.boxes[order], a.scores[order], a.category_ids[order])
    report = match_detections(a, b)
    assert (report.f1, report.max_score_diff) == (1, 0)


def test_duplicates_are_paired_by_score() -> None:
    a = found((A, 0.9, 1), (A, 0.1, 1), (A, 0.5, 1))
    b = found((A, 0.1, 1), (A, 0.5, 1), (A, 0.9, 1))
    assert match_detections(a, b).max_score_diff == 0


def test_class_and_iou_decide() -> None:
    a = found((A, 0.9, 1), (B, 0.8, 1), (C, 0.7, 1))
    b = found((shifted(A, 0.4), 0.85, 1), (shifted(B, 0.6), 0.8, 1), (C, 0.7, 2))
    report = match_detections(a, b)  # IoU 0.992, 0.988, other class
    assert (report.matched_a, report.matched_b) == (1, 1)
    assert report.f1 == pytest.approx(1 / 3)
    assert report.max_score_diff == pytest.approx(0.05)
    assert report.min_iou == pytest.approx(99.6 / 100.4)
    assert report.max_orphan_score == 0.8
    assert [(o.side, o.category_id, o.score) for o in report.orphans] == [
        ("a", 1, 0.8),
        ("b", 1, 0.8),
        ("a", 1, 0.7),
        ("b", 2, 0.7),
    ]
    assert report.orphans[0].box == tuple(B)


def test_a_pair_on_both_sides_of_the_floor_is_a_pair() -> None:
    a, b = found((A, 0.501, 1), (B, 0.2, 1)), found((A, 0.499, 1))
    report = match_detections(a, b, MatchOptions(score_floor=0.5))
    assert (report.n_a, report.n_b, report.f1, report.n_orphans) == (1, 0, 1, 0)
    assert report.max_score_diff == pytest.approx(0.002)


def test_a_tie_at_the_cut_off_is_excused() -> None:
    a = found((A, 0.9, 1), (B, 0.30000, 1))
    b = found((A, 0.9, 1), (C, 0.30001, 1))
    assert match_detections(a, b).f1 == 0.5
    report = match_detections(a, b, MatchOptions(top_d=2))
    assert (report.f1, report.excused, report.n_orphans) == (1, 2, 0)
    assert (report.n_a, report.n_b) == (1, 1)


def test_only_a_full_list_and_a_tie_excuse() -> None:
    a, b = found((A, 0.9, 1), (B, 0.5, 1)), found((A, 0.9, 1), (C, 0.3, 1))
    report = match_detections(a, b, MatchOptions(top_d=2))
    assert (report.excused, report.n_orphans) == (1, 1)  # C at 0.3 may have fallen off A's list
    assert report.orphans[0].side == "a"
    assert match_detections(a, b, MatchOptions(top_d=3)).excused == 0


def test_nothing_against_nothing_and_something() -> None:
    nothing = found()
    assert match_detections(nothing, nothing).f1 == 1
    report = match_detections(nothing, found((A, 0.5, 1)))
    assert (report.f1, report.n_orphans, report.max_orphan_score) == (0, 1, 0.5)


def test_reports_add_up_over_images() -> None:
    a = [found((A, 0.9, 1)), found((B, 0.4, 1), (C, 0.3, 1), image_id=2)]
    b = [found((B, 0.5, 1), image_id=2), found((A, 0.9, 1))]
    report = match_all(a, b)
    assert (report.n_images, report.n_a, report.n_b) == (2, 3, 2)
    assert report.f1 == pytest.approx(4 / 5)
    assert report.max_score_diff == pytest.approx(0.1)
    assert [orphan.image_id for orphan in report.orphans] == [2]
    assert json.loads(json.dumps(report.to_dict()))["f1"] == pytest.approx(0.8)
    assert match_all([], []).f1 == 1


def test_only_the_highest_orphans_are_listed_but_all_are_counted() -> None:
    many = [found((A, i / 100, 1), image_id=i) for i in range(50)]
    report = match_all(many, [found(image_id=i) for i in range(50)])
    assert report.n_orphans == 50
    assert [orphan.score for orphan in report.orphans] == [i / 100 for i in range(49, 29, -1)]
    assert report.max_orphan_score == 0.49


def test_large_crowded_lists_are_matched_completely() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (300, 2))
    boxes = np.hstack([corners, corners + rng.uniform(20, 60, (300, 2))])
    a = ImageDetections(1, boxes, rng.random(300), np.zeros(300, np.int64))
    order = rng.permutation(300)
    b = ImageDetections(1, boxes[order] + 0.001, a.scores[order] + 1e-5, a.category_ids)
    report = match_detections(a, b)
    assert report.f1 == 1
    assert report.max_score_diff == pytest.approx(1e-5)


def test_other_images_are_refused() -> None:
    a, b = found((A, 0.9, 1)), found((A, 0.9, 1), image_id=2)
    with pytest.raises(MetricError, match="image 1 against those of 2"):
        match_detections(a, b)
    for left, right in (([a], [b]), ([a, a], [a, a]), ([a], []), ([a], [a, a])):
        with pytest.raises(MetricError, match="the same images once each"):
            match_all(left, right)


@pytest.mark.parametrize(
    "options", [{"iou": 0.0}, {"iou": 1.1}, {"top_d": 0}, {"tie_tolerance": -1.0}]
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(MetricError, match=next(iter(options))):
        MatchOptions(**options)


def square(x: int, side: int = 10) -> Rle:
    return encode_rle(np.ones((side, side), bool), (40, 60), 5, x)


def with_masks(*masks: Rle) -> ImageDetections:
    boxes = [[30.0 * i, 0, 30 * i + 20, 20] for i in range(len(masks))]
    count = len(masks)
    return ImageDetections(1, np.array(boxes), np.ones(count), np.ones(count, np.int64), masks)


def test_masks_of_pairs_are_compared() -> None:
    empty = encode_rle(np.zeros((40, 60), bool), (40, 60))
    report = match_detections(
        with_masks(square(0), square(20), empty), with_masks(square(0), square(25), empty)
    )
    assert sorted(report.mask_ious) == pytest.approx([1 / 3, 1.0, 1.0])
    assert report.mean_mask_iou == pytest.approx(7 / 9)
    assert report.to_dict()["mean_mask_iou"] == report.mean_mask_iou
    both = match_all([with_masks(square(0))], [with_masks(square(5))])
    assert both.mask_ious == (pytest.approx(1 / 3),)


def test_without_masks_on_a_side_there_is_nothing_to_compare() -> None:
    masked = with_masks(square(0))
    plain = ImageDetections(1, masked.boxes, masked.scores, masked.category_ids)
    report = match_detections(masked, plain)
    assert report.mask_ious == ()
    assert report.mean_mask_iou == 1.0
