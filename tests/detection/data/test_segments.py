"""COCO's three forms of an outline give the mask that pycocotools gives."""

import math
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from detection.data.rle import compress, runs_of
from detection.data.segments import decode_segment, read_segment

HW = (30, 40)
SQUARE = [[4.0, 6.0, 20.0, 6.0, 20.0, 16.0, 4.0, 16.0]]


def test_a_polygon_is_filled() -> None:
    mask = decode_segment(read_segment(SQUARE, HW), HW)
    expected = np.zeros(HW, bool)
    expected[6:16, 4:20] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_several_polygons_are_united_as_pycocotools_does() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        polygons = [
            (rng.random(2 * int(rng.integers(3, 9))) * 45 - 3).tolist()
            for _ in range(int(rng.integers(1, 4)))
        ]
        theirs = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, *HW)))
        mine = decode_segment(read_segment(polygons, HW), HW)
        np.testing.assert_array_equal(mine, theirs.astype(bool))


def test_run_lengths_as_numbers_and_as_text() -> None:
    mask = np.random.default_rng(1).random(HW) < 0.3
    for counts in (runs_of(mask), compress(runs_of(mask))):
        segment = read_segment({"size": list(HW), "counts": counts}, HW)
        np.testing.assert_array_equal(decode_segment(segment, HW), mask)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("text", "expected polygons"),
        ([], "expected polygons"),
        ([[1, 2, 3, 4]], "expected polygons"),  # pycocotools would read a box
        ([[1, 2, 3, 4, 5, 6, 7]], "expected polygons"),
        ([SQUARE[0], "x"], "expected polygons"),
        ([[1, 2, 3, 4, 5, math.nan]], "expected polygons"),
        ([[1, 2, 3, 4, 5, 1e300]], "expected polygons"),
        ([[1, 2, 3, 4, 5, 100_001]], "within 1e5 pixels"),
        ([[1, 2, 3, 4, 5, True]], "expected polygons"),
        ({"counts": [1200]}, "size must be the image's"),
        ({"size": [40, 30], "counts": [1200]}, r"size must be the image's \[30, 40\]"),
        ({"size": [30, 40], "counts": [1, 2]}, "add up to the image's 1200 pixels, got 2"),
        ({"size": [30, 40], "counts": [1300, -100]}, "at least 0"),
        ({"size": [30, 40], "counts": [1200.0]}, "whole numbers or COCO's text"),
        ({"size": [30, 40], "counts": None}, "whole numbers or COCO's text"),
        ({"size": [30, 40], "counts": "0 0"}, "does not belong"),
    ],
)
def test_refuses(value: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        read_segment(value, HW)
