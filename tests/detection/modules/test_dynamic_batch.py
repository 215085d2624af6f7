"""All images at once find what the images one by one find."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torchvision.ops import nms

from detection import Detector, dynamic_batch
from detection.modules.dynamic_batch import batch_is_dynamic, kept_rows, with_image_index
from detection.modules.select import INVALID_SCORE, suppress_images
from tests.detection.test_export import spread_boxes
from tests.detection.variants import SIDE, VARIANTS


def drawn(images: int, rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    corner = rng.random((images, rows, 2)) * 40
    boxes = np.concatenate((corner, corner + 1 + rng.random((images, rows, 2)) * 30), -1)
    scores = np.where(rng.random((images, rows)) < 0.2, INVALID_SCORE, rng.random((images, rows)))
    return torch.tensor(boxes, dtype=torch.float32), torch.tensor(scores, dtype=torch.float32)


@given(images=st.integers(1, 4), rows=st.integers(1, 20), seed=st.integers(0, 99))
def test_kept_rows_are_those_of_each_image(images: int, rows: int, seed: int) -> None:
    boxes, scores = drawn(images, rows, seed)
    mask = kept_rows(boxes, scores, 0.5)
    for image in range(images):
        expected = torch.zeros(rows)
        expected[nms(boxes[image], scores[image], 0.5)] = 1
        assert torch.equal(mask[image], expected)


@settings(max_examples=30)
@given(images=st.integers(1, 3), seed=st.integers(0, 99), levels=st.sampled_from([None, (5, 7)]))
def test_suppression_is_the_same(images: int, seed: int, levels: tuple[int, int] | None) -> None:
    boxes, scores = drawn(images, 12, seed)
    one_by_one = suppress_images(boxes, scores, 0.4, levels)
    with dynamic_batch():
        at_once = suppress_images(boxes, scores, 0.4, levels)
    assert torch.equal(one_by_one, at_once)


def test_boxes_begin_with_their_image() -> None:
    boxes = torch.arange(24.0).reshape(2, 3, 4)
    rows = with_image_index(boxes)
    assert rows[:, 0].tolist() == [0, 0, 0, 1, 1, 1]
    assert torch.equal(rows[:, 1:], boxes.flatten(0, 1))


def test_the_batch_is_dynamic_as_long_as_asked_for() -> None:
    assert not batch_is_dynamic()
    with dynamic_batch():
        assert batch_is_dynamic()
    assert not batch_is_dynamic()
    with pytest.raises(KeyError), dynamic_batch():
        raise KeyError
    assert not batch_is_dynamic()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_detector_gives_the_same(name: str) -> None:
    torch.set_num_threads(1)
    detector = Detector(VARIANTS[name]).eval()
    spread_boxes(detector)
    images = torch.randn(3, 3, SIDE, SIDE)
    with torch.no_grad():
        one_by_one = detector(images)
        with dynamic_batch():
            at_once = detector(images)
    for left, right in zip(one_by_one, at_once, strict=True):
        assert torch.equal(left, right)
