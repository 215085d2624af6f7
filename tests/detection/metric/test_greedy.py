import numpy as np
import pytest

from detection.metric.greedy import FALSE, HIT, IGNORED, match_greedily

THRESHOLDS = np.array([0.5, 0.75])


def statuses(
    iou: list[list[float]], ignored: list[bool] | None = None, crowd: list[bool] | None = None
) -> list[list[int]]:
    objects = len(iou[0])
    none = [False] * objects
    found = match_greedily(
        np.array(iou), np.array([ignored or none]), np.array(crowd or none), THRESHOLDS
    )
    return found[0].tolist()


def test_the_best_free_object_is_taken_by_the_best_detection() -> None:
    assert statuses([[0.6, 0.9], [0.8, 0.95]]) == [[HIT, HIT], [HIT, HIT]]
    assert statuses([[0.6, 0.9], [0.4, 0.95]]) == [[HIT, FALSE], [HIT, FALSE]]


def test_an_overlap_of_exactly_the_threshold_is_enough() -> None:
    assert statuses([[0.5]]) == [[HIT], [FALSE]]
    found = match_greedily(np.ones((1, 1)), np.zeros((1, 1), bool), np.zeros(1, bool), np.ones(1))
    assert found.tolist() == [[[HIT]]]


def test_of_equal_overlaps_the_last_object_is_taken() -> None:
    # The second detection overlaps only the last object: which the first one has taken.
    assert statuses([[0.8, 0.8], [0.1, 0.9]]) == [[HIT, FALSE], [HIT, FALSE]]
    assert statuses([[0.8, 0.8], [0.9, 0.1]]) == [[HIT, HIT], [HIT, HIT]]


def test_an_object_that_counts_goes_before_one_that_does_not() -> None:
    assert statuses([[0.6, 0.9]], ignored=[False, True]) == [[HIT], [IGNORED]]


def test_only_a_crowd_is_taken_twice() -> None:
    rows = [[0.9], [0.9], [0.9]]
    assert statuses(rows, ignored=[True], crowd=[True]) == [[IGNORED] * 3] * 2
    assert statuses(rows, ignored=[True]) == [[IGNORED, FALSE, FALSE]] * 2


@pytest.mark.parametrize("shape", [(0, 2), (3, 1)])
def test_without_overlap_nothing_is_found(shape: tuple[int, int]) -> None:
    none = np.zeros(shape[1], bool)
    found = match_greedily(np.zeros(shape), np.stack([none] * 4), none, THRESHOLDS)
    assert found.shape == (4, 2, shape[0])
    assert not found.any()
