"""Coordinates of modules and what a family varies in."""

import numpy as np
import pytest

from latency.estimator.shape import Axes, family_of, shape_of
from searchspaces import ModuleSpec, TensorSpec, make_space
from tests.latency.estimator.device import conv, depthwise


def test_families_part_by_grouping():
    assert family_of(conv(8, 16, 7)) == "conv fp32 b1"
    assert family_of(conv(8, 8, 7, groups=8)) == "conv depthwise fp32 b1"
    assert family_of(conv(8, 8, 7, groups=2)) == "conv grouped fp32 b1"
    assert family_of(conv(8, 16, 7, batch=4)) == "conv fp32 batched"


def test_channels_that_move_together_are_one_axis():
    axes = Axes.of(depthwise())
    assert set(axes.kept_names) == {"groups", "kernel", "side"}


def test_batch_sizes_are_an_axis():
    axes = Axes.of([conv(8, 16, side, batch=n) for side in (7, 14) for n in (2, 8)])
    assert axes.kept_names == ("batch", "side")
    places, inside = axes.locate([conv(8, 16, 7, batch=4), conv(8, 16, 7, batch=16)])
    assert places[:, 0].tolist() == [2.0, 4.0]
    assert inside.tolist() == [True, False]


def test_channels_apart_are_three_charts():
    axes = Axes.of([conv(a, b, 7) for a in (8, 16) for b in (8, 16, 32)])
    assert axes.kept_names == ("in_channels", "out_channels")
    assert axes.charts() == ((0,), (1,), (0, 1))


def test_range_and_unknown_coordinates():
    axes = Axes.of([conv(8, c, side) for c in (8, 16) for side in (7, 14)])
    _, inside = axes.locate(
        [conv(8, 12, 10), conv(8, 32, 7), conv(16, 8, 7), conv(8, 8, 14, kernel=5)]
    )
    assert inside.tolist() == [True, False, False, False]
    odd = ModuleSpec.of("conv", [TensorSpec((1, 8, 7, 7))], in_channels=8, novelty="yes")
    assert axes.locate([odd])[1].tolist() == [False]


def test_every_module_of_a_detector_has_a_place():
    space = make_space("smnas-modular")
    detector = space.detector(space.sample(np.random.default_rng(0)))
    for spec, _ in detector.modules():
        assert all(value == pytest.approx(value) for value in shape_of(spec).values())
