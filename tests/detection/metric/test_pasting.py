"""Pasted masks against torch's grid_sample and by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.nn import functional as F  # noqa: N812

from detection.data.letterbox import Letterbox
from detection.data.rle import decode_rle
from detection.metric.pasting import paste_masks

SQUARE = Letterbox((40, 50), (40, 50), (64, 64))


def paste(mask: np.ndarray, box: list[float], letterbox: Letterbox = SQUARE) -> np.ndarray:
    (rle,) = paste_masks(mask[None], np.array([box]), letterbox)
    return decode_rle(rle)


def sampled(mask: np.ndarray, box: np.ndarray, hw: tuple[int, int]) -> np.ndarray:
    """The probability at every pixel's centre, as the reference implementations sample it."""
    y, x = (torch.arange(side, dtype=torch.float64) + 0.5 for side in hw)
    y, x = ((v - box[a]) / (box[a + 2] - box[a]) * 2 - 1 for v, a in ((y, 1), (x, 0)))
    grid = torch.stack((x.expand(hw[0], -1), y.unsqueeze(1).expand(-1, hw[1])), -1)
    return F.grid_sample(torch.from_numpy(mask)[None, None], grid[None], align_corners=False)[
        0, 0
    ].numpy()


def test_a_full_mask_fills_its_box() -> None:
    expected = np.zeros((40, 50), bool)
    expected[8:30, 5:45] = True
    np.testing.assert_array_equal(paste(np.ones((28, 28)), [5, 8, 45, 30]), expected)


def test_half_a_mask_fills_half_of_the_box() -> None:
    mask = np.zeros((28, 28))
    mask[:, 14:] = 1
    expected = np.zeros((40, 50), bool)
    expected[0:28, 24:38] = True
    np.testing.assert_array_equal(paste(mask, [10, 0, 38, 28]), expected)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.tuples(st.floats(-20, 45), st.floats(-20, 35), st.floats(0.5, 70), st.floats(0.5, 70)),
)
def test_it_is_bilinear_sampling_at_pixel_centres(
    seed: int, place: tuple[float, float, float, float]
) -> None:
    mask = np.random.default_rng(seed).random((7, 7))
    x, y, width, height = place
    box = np.array([x, y, x + width, y + height])
    expected = sampled(mask, box, (40, 50))
    for threshold in (0.2, 0.5):
        (rle,) = paste_masks(mask[None], box[None], SQUARE, threshold)
        certain = abs(expected - threshold) > 1e-6
        found = decode_rle(rle)
        np.testing.assert_array_equal(found[certain], (expected >= threshold)[certain])


def test_boxes_are_mapped_back_to_the_original_image() -> None:
    letterbox = Letterbox.fit((80, 200), (64, 64))
    box = [16.0, 4.8, 48.0, 16.0]
    x, y, far_x, far_y = letterbox.to_original(np.array([box]))[0]
    mask = paste(np.ones((28, 28)), box, letterbox)
    assert mask.shape == (80, 200)
    rows, columns = np.nonzero(mask)
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(found, [x, y, far_x, far_y], atol=1)


def test_what_lies_in_the_padding_is_cut_not_squeezed() -> None:
    """A box twice the image's height shows its upper half only."""
    letterbox = Letterbox.fit((32, 64), (64, 64))
    mask = np.zeros((28, 28))
    mask[:14, :14] = 1
    pasted = paste(mask, [0, 0, 64, 64], letterbox)
    expected = np.zeros((32, 64), bool)
    expected[:, :32] = True
    np.testing.assert_array_equal(pasted, expected)


@pytest.mark.parametrize("box", [[5, 5, 5, 5], [60, 60, 80, 80], [-9, -9, -2, -2], [5, 9, 5, 20]])
def test_boxes_without_pixels_are_empty(box: list[float]) -> None:
    assert not paste(np.ones((28, 28)), box).any()


def test_nothing_gives_nothing() -> None:
    assert paste_masks(np.zeros((0, 28, 28)), np.zeros((0, 4)), SQUARE) == ()
