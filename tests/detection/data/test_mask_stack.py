import numpy as np
import pytest

from detection.data.mask_stack import of_image, resize, stack, to_image


def rectangle(hw: tuple[int, int], y1: int, y2: int, x1: int, x2: int) -> np.ndarray:
    mask = np.zeros(hw, bool)
    mask[y1:y2, x1:x2] = True
    return mask


def test_a_mask_survives_as_an_image() -> None:
    mask = np.random.default_rng(0).random((7, 9)) < 0.5
    np.testing.assert_array_equal(of_image(to_image(mask)), mask)


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
def test_growing_by_whole_factors_keeps_straight_edges(factor: int) -> None:
    mask = rectangle((10, 12), 2, 7, 3, 9)
    expected = mask.repeat(factor, 0).repeat(factor, 1)
    grown = resize(mask, (10 * factor, 12 * factor))
    assert (grown != expected).sum() <= 4 * factor  # corners become round


def test_halving_keeps_what_covers_half_a_pixel() -> None:
    mask = rectangle((8, 8), 0, 8, 2, 6)
    np.testing.assert_array_equal(resize(mask, (4, 4)), rectangle((4, 4), 0, 4, 1, 3))


def test_masks_lie_at_the_top_left() -> None:
    placed = stack([np.ones((2, 3), bool), np.ones((4, 1), bool)], (4, 5))
    assert placed.shape == (2, 4, 5)
    assert placed.dtype == np.bool_
    assert placed.sum((1, 2)).tolist() == [6, 4]
    assert placed[0, :2, :3].all()
    assert stack([], (4, 5)).shape == (0, 4, 5)
