"""Faults of pooling boxes, operated into the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from .mutation import TWO, Equivalent, Mutation, Workpiece
from .plants import edit, given, operated
from .surgery import nodes_of, set_attribute

ONE_LEVEL = (
    "The second level begins at boxes of 112 x 112 pixels (224 on level 4; FPN, eq. 1), and none "
    "inside of an input of 96 x 128 has a larger area. So every box is pooled from the finest "
    "level, whose place and scale are as they were."
)


def _roi(name: str, value: Any) -> Callable[[Workpiece], None]:
    def operate(model: onnx.ModelProto) -> None:
        for node in nodes_of(model, "RoiAlign"):
            set_attribute(node, name, value)

    return operated(operate)


def _level_places(change: Callable[[Tensor], Tensor]) -> Callable[[Workpiece], None]:
    def plant(modules: nn.ModuleDict) -> None:
        modules["roi_align"].places = change(modules["roi_align"].places)  # type: ignore[operator]

    return edit(plant)


def _level_limits(factor: float) -> Callable[[Workpiece], None]:
    def plant(modules: nn.ModuleDict) -> None:
        modules["roi_align"].min_sides = modules["roi_align"].min_sides * factor  # type: ignore[operator]

    return edit(plant)


def _finest_scale(places: Tensor) -> Tensor:
    return torch.cat((places[:, :2], places[:1, 2:].expand(len(places), 1)), 1)


CATALOGUE = (
    Mutation(
        "roialign-half-pixel",
        "RoIAlign samples half a pixel off",
        "graph",
        "tensors",
        TWO,
        _roi("coordinate_transformation_mode", "output_half_pixel"),
    ),
    Mutation(
        "roialign-one-sample",
        "RoIAlign takes one sample per bin and axis instead of two",
        "graph",
        "tensors",
        TWO,
        _roi("sampling_ratio", 1),
    ),
    Mutation(
        "roialign-adaptive-samples",
        "RoIAlign takes as many samples as fit",
        "graph",
        "tensors",
        TWO,
        _roi("sampling_ratio", 0),
    ),
    Mutation(
        "roialign-maximum",
        "RoIAlign takes the largest sample instead of the mean",
        "graph",
        "tensors",
        TWO,
        _roi("mode", "max"),
    ),
    Mutation(
        "level-assignment-coarse",
        "boxes are pooled from a level too coarse",
        "graph",
        "tensors",
        TWO,
        _level_limits(0.5),
    ),
    Mutation(
        "roialign-scale",
        "boxes are scaled by five per cent too much where they are pooled",
        "graph",
        "tensors",
        TWO,
        _level_places(lambda places: places * places.new_tensor([1.0, 1.0, 1.05])),
    ),
    Mutation(
        "rois-rounded",
        "boxes are rounded to whole pixels before they are pooled, as in RoIPool",
        "graph",
        "tensors",
        TWO,
        given("roi_align", lambda *inputs: (*inputs[:-1], inputs[-1].round())),
    ),
)
"""Faults of pooling."""

EQUIVALENT = (
    Equivalent(
        "level-assignment",
        "boxes are pooled from a level too fine",
        ONE_LEVEL,
        TWO,
        _level_limits(2.0),
    ),
    Equivalent(
        "level-assignment-slightly",
        "boxes change level at a size ten per cent too large",
        ONE_LEVEL,
        TWO,
        _level_limits(1.1),
    ),
    Equivalent(
        "roialign-finest-scale",
        "boxes are scaled by the finest level's stride on every level",
        ONE_LEVEL,
        TWO,
        _level_places(_finest_scale),
    ),
)
"""Faults that inputs of this size do not reach: not counted. Larger ones are tested."""
