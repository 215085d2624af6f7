"""Pooling with fixed shapes is `MultiScaleRoIAlign`, box by box."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torchvision.ops import MultiScaleRoIAlign

from detection import BuildError, dynamic_batch
from detection.foreign.pooling import Pooling
from detection.foreign.spec import Layout

INPUT_HW = (64, 96)
NAMES = ["0", "1", "2", "3"]


def layout(strides: tuple[int, ...] = (4, 8, 16, 32)) -> Layout:
    sizes = {name: (64 // s, 96 // s) for name, s in zip(NAMES, strides, strict=False)}
    return Layout(INPUT_HW, sizes, torch.zeros(0, 4), (0,) * len(strides))


def maps(levels: Layout, images: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(images, 3, *size, generator=generator)
        for name, size in levels.levels.items()
    }


def boxes(seed: int, images: int = 2, rows: int = 12) -> torch.Tensor:
    """Boxes inside the image, many of them thin and at its right and lower border."""
    rng = np.random.default_rng(seed)
    sides = np.exp(rng.uniform(np.log(0.2), np.log([96, 64]), (images, rows, 2)))
    corner = (np.array([96, 64]) - sides) * rng.choice([0.0, 0.5, 1.0], (images, rows, 2))
    return torch.tensor(np.concatenate((corner, corner + sides), -1), dtype=torch.float32)


@given(seed=st.integers(0, 200))
def test_every_box_is_pooled_from_its_level(seed: int) -> None:
    levels, given_boxes = layout(), boxes(seed)
    pool = MultiScaleRoIAlign(NAMES, 3, 2, canonical_scale=48)
    expected = pool(maps(levels), list(given_boxes), [INPUT_HW] * 2)
    ours = Pooling(MultiScaleRoIAlign(NAMES, 3, 2, canonical_scale=48), levels)
    torch.testing.assert_close(ours(maps(levels), given_boxes), expected)
    with dynamic_batch():
        torch.testing.assert_close(ours(maps(levels), given_boxes), expected)


def test_maps_of_equal_scale() -> None:
    """MobileNetV3's pyramid has two; torchvision pools from the first alone."""
    levels = layout((32, 32))
    pool = MultiScaleRoIAlign(NAMES, 3, 2)
    expected = pool(maps(levels), list(boxes(1)), [INPUT_HW] * 2)
    ours = Pooling(MultiScaleRoIAlign(NAMES, 3, 2), levels)
    torch.testing.assert_close(ours(maps(levels), boxes(1)), expected)
    assert list(ours.levels) == ["0"]


def test_a_missing_octave_is_refused() -> None:
    with pytest.raises(BuildError, match="a map of every octave"):
        Pooling(MultiScaleRoIAlign(NAMES, 3, 2), layout((4, 16)))
