"""Run-length encoding against pycocotools and by hand."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco_mask

from detection.data.rle import compress, decode_rle, decompress, encode_rle, mask_of, runs_of

SIDES = st.tuples(st.integers(1, 20), st.integers(1, 20))
MASKS = SIDES.flatmap(lambda hw: arrays.arrays(np.bool_, hw))


@given(MASKS)
def test_texts_are_those_of_pycocotools(mask: np.ndarray) -> None:
    theirs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    mine = encode_rle(mask, mask.shape)
    assert mine == {"size": list(mask.shape), "counts": theirs["counts"].decode()}
    np.testing.assert_array_equal(decode_rle(mine), mask)


@given(MASKS, st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_a_mask_in_an_empty_image(
    mask: np.ndarray, top: int, left: int, below: int, right: int
) -> None:
    whole = np.pad(mask, ((top, below), (left, right)))
    assert runs_of(mask, whole.shape, top, left) == runs_of(whole)


@given(st.lists(st.integers(0, 2**38), max_size=12))
def test_any_runs_come_back(runs: list[int]) -> None:
    assert decompress(compress(runs)) == runs


@pytest.mark.parametrize(
    ("mask", "runs"),
    [
        (np.zeros((2, 3), bool), [6]),
        (np.ones((2, 3), bool), [0, 6]),
        (np.array([[True, False], [True, True]]), [0, 2, 1, 1]),
        (np.array([[False], [True]]), [1, 1]),
        (np.zeros((0, 4), bool), [0]),
    ],
)
def test_runs_by_hand(mask: np.ndarray, runs: list[int]) -> None:
    assert runs_of(mask) == runs


def test_a_column_that_ends_inside_goes_on_in_the_next() -> None:
    mask = np.array([[False, True], [True, True], [True, False]])
    assert runs_of(mask) == [1, 4, 1]


@pytest.mark.parametrize("runs", [[3], [5, -1], [2, 3], []])
def test_runs_that_do_not_fill_the_image(runs: list[int]) -> None:
    with pytest.raises(ValueError, match="add up to 2x2 pixels"):
        mask_of(runs, (2, 2))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0 1", "' ' after 1 runs"),
        ("é", "does not belong"),
        ("0P", "ends within a number"),
        ("o" * 9, "'o' after 0 runs"),
    ],
)
def test_damaged_texts(text: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        decompress(text)
