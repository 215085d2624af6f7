"""Faults of selecting boxes, written into the graph: suppression, thresholds, top-k."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from .mutation import BOTH, TWO, Mutation
from .plants import attributes_changed, edit, select_changed, wrapped

Outputs = tuple[Tensor, ...]


def _few_candidates(modules: nn.ModuleDict) -> None:
    module: Any = modules["detections"]
    if hasattr(module, "sizes"):
        module.sizes = [min(size, 5) for size in module.sizes]
        module.select = replace(module.select, rows=sum(module.sizes))
    else:
        module.pre_nms = 8
        module.select = replace(module.select, rows=8)


def _few_proposals(modules: nn.ModuleDict) -> None:
    module: Any = modules["proposals"]
    module.sizes = [min(size, 5) for size in module.sizes]


def _first_ten(outputs: Outputs, *_: Tensor) -> Outputs:
    boxes, scores, labels, count = outputs
    keep = (torch.arange(scores.shape[1]) < 10).to(scores.dtype)
    kept_labels = labels * keep.to(labels.dtype)
    return boxes * keep.unsqueeze(-1), scores * keep, kept_labels, count.clamp(max=10)


CATALOGUE = (
    Mutation(
        "nms-class-agnostic",
        "suppression across classes",
        "graph",
        "tensors",
        BOTH,
        select_changed(apart=0.0),
    ),
    Mutation(
        "nms-threshold-high",
        "suppression at IoU 0.7 instead of 0.5",
        "graph",
        "tensors",
        BOTH,
        select_changed(iou=0.7),
    ),
    Mutation(
        "nms-threshold-low",
        "suppression at IoU 0.4 instead of 0.5",
        "graph",
        "tensors",
        BOTH,
        select_changed(iou=0.4),
    ),
    Mutation(
        "nms-left-out",
        "no suppression at all",
        "graph",
        "tensors",
        BOTH,
        select_changed(iou=1.0),
    ),
    Mutation(
        "rpn-nms-threshold",
        "proposals are suppressed at IoU 0.5 instead of 0.7",
        "graph",
        "tensors",
        TWO,
        attributes_changed("proposals", iou=0.5),
    ),
    Mutation(
        "score-threshold-high",
        "detections below 0.3 are left out",
        "graph",
        "tensors",
        BOTH,
        attributes_changed("detections", threshold=0.3),
    ),
    Mutation(
        "score-threshold-slightly-high",
        "detections below 0.08 instead of 0.05 are left out",
        "graph",
        "tensors",
        BOTH,
        attributes_changed("detections", threshold=0.08),
    ),
    Mutation(
        "score-threshold-none",
        "detections of any score are given",
        "graph",
        "tensors",
        BOTH,
        attributes_changed("detections", threshold=0.0),
    ),
    Mutation(
        "ten-detections",
        "outputs have ten rows",
        "graph",
        "graph",
        BOTH,
        select_changed(count=10),
    ),
    Mutation(
        "ten-detections-padded",
        "only ten of a hundred rows are used",
        "graph",
        "tensors",
        BOTH,
        wrapped("detections", _first_ten),
    ),
    Mutation(
        "few-candidates",
        "top-k before the suppression is far too small",
        "graph",
        "tensors",
        BOTH,
        edit(_few_candidates),
    ),
    Mutation(
        "few-proposals",
        "top-k of each level of proposals is far too small",
        "graph",
        "tensors",
        TWO,
        edit(_few_proposals),
    ),
    Mutation(
        "padding-counted",
        "the count is always the number of rows",
        "graph",
        "tensors",
        BOTH,
        wrapped("detections", lambda out, *_: (*out[:3], out[3] * 0 + out[1].shape[1])),
    ),
)
"""Faults of selection."""
