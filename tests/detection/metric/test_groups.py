from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from detection import ImageDetections, MatchGroup, MatchOptions, match_all, match_detections
from detection.metric.groups import add_groups


def found(image_id: int, sides: list[float], classes: list[int]) -> ImageDetections:
    """Squares of these sides, far from each other."""
    left = 1000.0 * np.arange(len(sides))
    boxes = np.stack([left, left * 0, left + sides, np.asarray(sides)], 1)
    return ImageDetections(image_id, boxes, np.full(len(sides), 0.9), np.array(classes, np.int64))


def test_classes_and_sizes_are_counted_on_both_sides() -> None:
    torch = found(1, [10, 50, 200, 31.9], [7, 7, 3, 3])
    engine = found(1, [10, 50, 200], [7, 7, 2])
    report = match_detections(torch, engine)
    assert report.groups == (
        MatchGroup(2, "", 1, 0),
        MatchGroup(3, "", 2, 0),
        MatchGroup(7, "", 4, 4),
        MatchGroup(None, "small", 3, 2),
        MatchGroup(None, "medium", 2, 2),
        MatchGroup(None, "large", 2, 0),
    )
    assert (report.n_pairs, report.iou_sum, report.mean_iou) == (2, 2.0, 1.0)


def test_what_needs_no_partner_is_in_no_group() -> None:
    low = ImageDetections(1, np.array([[0, 0, 9, 9.0]]), np.array([0.1]), np.array([1]))
    nothing = ImageDetections(1, np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    assert match_detections(low, nothing, MatchOptions(score_floor=0.5)).groups == ()
    assert match_detections(nothing, nothing).groups == ()
    assert match_detections(nothing, nothing).mean_iou == 1.0
    assert match_detections(nothing, nothing).mean_score_diff == 0.0


def test_means_are_over_the_pairs_of_all_images() -> None:
    torch = [found(1, [10, 10], [1, 1]), found(2, [10], [1])]
    engine = [replace(torch[0], scores=torch[0].scores - [0.2, 0.1]), torch[1]]
    report = match_all(torch, engine)
    assert report.n_pairs == 3
    assert report.mean_score_diff == pytest.approx(0.1)
    assert report.mean_iou == 1.0


@given(
    st.lists(
        st.lists(st.tuples(st.floats(1, 300), st.integers(1, 4)), max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_groups_add_up_to_the_whole(images: list[list[tuple[float, int]]]) -> None:
    sides = [found(i, [s for s, _ in one], [c for _, c in one]) for i, one in enumerate(images)]
    engine = [
        found(i, [s for s, _ in one[:3]], [c for _, c in one[:3]]) for i, one in enumerate(images)
    ]
    report = match_all(sides, engine)
    for by_class in (True, False):
        chosen = [g for g in report.groups if (g.category_id is not None) == by_class]
        assert sum(g.needed for g in chosen) == report.n_a + report.n_b
        assert sum(g.matched for g in chosen) == report.matched_a + report.matched_b


def test_equal_groups_are_added() -> None:
    one, other = MatchGroup(1, "", 2, 1), MatchGroup(None, "large", 2, 2)
    assert add_groups([one, other, one]) == (MatchGroup(1, "", 4, 2), other)
    assert add_groups([]) == ()
