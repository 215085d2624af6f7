from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image

from detection.data.augment import TrainAugment
from detection.errors import PreprocessError


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def white_box_image(hw: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    pixels = np.zeros((*hw, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    return Image.fromarray(pixels)


@settings(max_examples=60)
@given(
    hw=st.tuples(st.integers(20, 120), st.integers(20, 120)),
    input_hw=st.tuples(st.integers(32, 96), st.integers(32, 96)),
    seed=st.integers(0, 10_000),
)
def test_the_box_follows_the_pixels(
    hw: tuple[int, int], input_hw: tuple[int, int], seed: int
) -> None:
    box = (hw[1] // 4, hw[0] // 4, hw[1] * 3 // 4, hw[0] * 3 // 4)
    image, boxes, labels, _ = TrainAugment(input_hw, scale=(0.7, 1.6))(
        white_box_image(hw, box), np.array([box], np.float64), np.array([2]), generator(seed)
    )
    assert image.height <= input_hw[0]
    assert image.width <= input_hw[1]
    assert labels.tolist() == [2]
    rows, columns = np.nonzero(np.asarray(image)[:, :, 0] > 127)
    found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    np.testing.assert_allclose(found, boxes[0], atol=1.01)


def test_flip_alone_mirrors_boxes() -> None:
    image = white_box_image((10, 20), (2, 3, 7, 9))
    flipped, boxes, *_ = TrainAugment((10, 20), flip=1.0, scale=(1.0, 1.0))(
        image, np.array([[2.0, 3, 7, 9]]), np.array([0]), generator(0)
    )
    assert boxes.tolist() == [[13, 3, 18, 9]]
    np.testing.assert_array_equal(np.asarray(flipped), np.asarray(image)[:, ::-1])


def test_without_flip_and_jitter_it_is_the_letterbox() -> None:
    image = white_box_image((30, 60), (6, 6, 30, 24))
    same, boxes, *_ = TrainAugment((20, 20), flip=0.0, scale=(1.0, 1.0))(
        image, np.array([[6.0, 6, 30, 24]]), np.array([0]), generator(0)
    )
    np.testing.assert_array_equal(
        np.asarray(same), np.asarray(image.resize((20, 10), Image.Resampling.BILINEAR))
    )
    np.testing.assert_allclose(boxes, [[2, 2, 10, 8]])


def test_same_seed_same_result_and_global_state_untouched() -> None:
    augment = TrainAugment((40, 40))
    image = white_box_image((50, 50), (10, 10, 30, 30))
    arguments: Any = (image, np.array([[10.0, 10, 30, 30]]), np.array([0]))
    before = torch.random.get_rng_state()
    results = [augment(*arguments, generator(seed)) for seed in (1, 1, 2)]
    assert torch.equal(before, torch.random.get_rng_state())
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert not np.array_equal(results[0][1], results[2][1])


def test_boxes_cropped_away_are_dropped_with_their_labels() -> None:
    corners = np.array([[0.0, 0, 4, 4], [60, 60, 64, 64], [0, 60, 4, 64], [60, 0, 64, 4]])
    lost = 0
    for seed in range(10):
        _, boxes, labels, _ = TrainAugment((64, 64), flip=0.0, scale=(3.0, 3.0))(
            Image.new("RGB", (64, 64)), corners, np.arange(4), generator(seed)
        )
        assert len(boxes) == len(labels) <= 1  # a third of the side shows one corner at most
        lost += 4 - len(boxes)
        assert ((boxes[:, 2:] - boxes[:, :2]) >= 1).all()
    assert lost > 20


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (2000, 3)])
def test_extreme_sizes_and_no_boxes(size: tuple[int, int]) -> None:
    image, boxes, labels, _ = TrainAugment((32, 48))(
        Image.new("RGB", size), np.zeros((0, 4)), np.zeros(0, np.int64), generator(3)
    )
    assert 1 <= image.height <= 32
    assert 1 <= image.width <= 48
    assert boxes.shape == (0, 4)
    assert labels.shape == (0,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flip": 1.5}, "flip must be a probability"),
        ({"scale": (1.2, 0.8)}, "scale must be 0 < low <= high"),
        ({"scale": (0.0, 0.8)}, "scale must be"),
        ({"scale": (0.5, float("inf"))}, "scale must be"),
        ({"min_box_px": 0.0}, "min_box_px must be positive"),
        ({"input_hw": (0, 4)}, "input_hw must be positive"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PreprocessError, match=message):
        TrainAugment(**{"input_hw": (8, 8), **options})


@settings(max_examples=40)
@given(
    hw=st.tuples(st.integers(20, 120), st.integers(20, 120)),
    input_hw=st.tuples(st.integers(32, 96), st.integers(32, 96)),
    seed=st.integers(0, 10_000),
)
def test_masks_follow_the_pixels(
    hw: tuple[int, int], input_hw: tuple[int, int], seed: int
) -> None:
    box = (hw[1] // 4, hw[0] // 4, hw[1] * 3 // 4, hw[0] * 3 // 4)
    whole = white_box_image(hw, box)
    mask = np.asarray(whole)[:, :, 0] > 0
    image, _, _, (moved,) = TrainAugment(input_hw, scale=(0.7, 1.6))(
        whole, np.array([box], np.float64), np.array([2]), generator(seed), [mask]
    )
    np.testing.assert_array_equal(moved, np.asarray(image)[:, :, 0] >= 128)


def test_a_flip_mirrors_masks() -> None:
    mask = np.zeros((10, 20), bool)
    mask[3:9, 2:7] = True
    *_, masks = TrainAugment((10, 20), flip=1.0, scale=(1.0, 1.0))(
        white_box_image((10, 20), (2, 3, 7, 9)),
        np.array([[2.0, 3, 7, 9]]),
        np.array([0]),
        generator(0),
        iter([mask]),
    )
    np.testing.assert_array_equal(masks[0], mask[:, ::-1])


def test_masks_are_dropped_with_their_boxes() -> None:
    corners = np.array([[0.0, 0, 4, 4], [60, 60, 64, 64], [0, 60, 4, 64], [60, 0, 64, 4]])
    masks = [np.asarray(white_box_image((64, 64), b))[:, :, 0] > 0 for b in corners.astype(int)]
    for seed in range(10):
        image, boxes, _, kept = TrainAugment((64, 64), flip=0.0, scale=(3.0, 3.0))(
            Image.new("RGB", (64, 64)), corners, np.arange(4), generator(seed), masks
        )
        assert len(kept) == len(boxes)
        for mask, (x1, y1, x2, y2) in zip(kept, boxes, strict=True):
            assert mask.shape == (image.height, image.width)
            assert mask.sum() == pytest.approx((x2 - x1) * (y2 - y1), rel=0.2)
