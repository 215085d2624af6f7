"""Faults of anchors, written into the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from searchspaces import anchors_per_level

from .mutation import BOTH, Mutation, Workpiece


def _per_level(spec: Any) -> list[tuple[int, int]]:
    return list(zip(spec.get_ints("strides"), anchors_per_level(spec), strict=True))


def anchors_changed(change: Callable[[Tensor, int, int], Tensor]) -> Callable[[Workpiece], None]:
    """Return the planting that changes each level's anchors: ``change(anchors, stride, each)``."""

    def plant(work: Workpiece) -> None:
        def on(detector: Any) -> None:
            name = "proposals" if "proposals" in detector.nodes else "detections"
            (spec,) = [node.spec for node in detector.graph.nodes if node.name == name]
            each = len(spec.get_floats("ratios")) * len(spec.get_floats("anchor_scales"))
            levels = [count for _, count in _per_level(spec)]
            parts = detector.nodes[name].anchors.split(levels)
            strides = [stride for stride, _ in _per_level(spec)]
            made = [change(part, s, each) for part, s in zip(parts, strides, strict=True)]
            detector.nodes[name].anchors = torch.cat(made)

        work.rewrite(on)

    return plant


def _reversed_cells(anchors: Tensor, _: int, each: int) -> Tensor:
    return anchors.reshape(-1, each, 4).flip(1).reshape(-1, 4)


def _grown(anchors: Tensor, share: float) -> Tensor:
    centres, half = (anchors[:, :2] + anchors[:, 2:]) / 2, (anchors[:, 2:] - anchors[:, :2]) / 2
    return torch.cat((centres - share * half, centres + share * half), 1)


def _columns_first(anchors: Tensor, stride: int, each: int) -> Tensor:
    cells = anchors.reshape(-1, each, 4)
    columns = int((cells[:, 0, 0] == cells[0, 0, 0]).sum())  # cells of one column
    return cells.reshape(columns, -1, each, 4).transpose(0, 1).reshape(-1, 4)


CATALOGUE = (
    Mutation(
        "anchors-half-stride",
        "anchors stand on the cells' centres instead of their corners",
        "graph",
        "tensors",
        BOTH,
        anchors_changed(lambda anchors, stride, each: anchors + stride / 2),
    ),
    Mutation(
        "anchors-order",
        "anchors of a cell in the reverse order",
        "graph",
        "tensors",
        BOTH,
        anchors_changed(_reversed_cells),
    ),
    Mutation(
        "anchors-columns-first",
        "the grid of anchors is counted by columns, then rows",
        "graph",
        "tensors",
        BOTH,
        anchors_changed(_columns_first),
    ),
    Mutation(
        "anchors-one-percent",
        "anchors one per cent too large, as without rounding",
        "graph",
        "tensors",
        BOTH,
        anchors_changed(lambda anchors, stride, each: _grown(anchors, 1.01)),
    ),
    Mutation(
        "anchors-other-base",
        "anchors of half the size",
        "graph",
        "tensors",
        BOTH,
        anchors_changed(lambda anchors, stride, each: _grown(anchors, 0.5)),
    ),
)
"""Faults of anchors."""
