"""Faults of decoding and selecting boxes, written into the graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from searchspaces import anchors_per_level

from .mutation import BOTH, ONE, TWO, Mutation, Workpiece

Outputs = tuple[Tensor, ...]


def edit(change: Callable[[nn.ModuleDict], None]) -> Callable[[Workpiece], None]:
    """Return the planting that changes the modules and writes the graph anew."""
    return lambda work: work.rewrite(lambda detector: change(detector.nodes))


def patched(**values: Any) -> Callable[[Workpiece], None]:
    """Return the planting that writes the graph with functions of `detection.modules` replaced.

    Names are ``module__name``.
    """
    names = {f"detection.modules.{key.replace('__', '.')}": value for key, value in values.items()}
    return lambda work: work.rewrite(patches=names)


def wrapped(name: str, change: Callable[..., Any]) -> Callable[[Workpiece], None]:
    """Return the planting that changes what a module gives; ``change(outputs, *inputs)``."""

    def plant(modules: nn.ModuleDict) -> None:
        module = modules[name]
        before = module.forward
        module.forward = lambda *inputs: change(before(*inputs), *inputs)  # type: ignore[method-assign]

    return edit(plant)


def given(name: str, change: Callable[..., Any]) -> Callable[[Workpiece], None]:
    """Return the planting that changes what a module is given; ``change(*inputs)``."""

    def plant(modules: nn.ModuleDict) -> None:
        module = modules[name]
        before = module.forward
        module.forward = lambda *inputs: before(*change(*inputs))  # type: ignore[method-assign]

    return edit(plant)


def _with_anchors(modules: nn.ModuleDict) -> nn.Module:
    return modules["proposals"] if "proposals" in modules else modules["detections"]


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


def select_changed(**values: Any) -> Callable[[Workpiece], None]:
    """Return the planting that changes the last selection's settings."""

    def plant(modules: nn.ModuleDict) -> None:
        modules["detections"].select = replace(modules["detections"].select, **values)  # type: ignore[arg-type]

    return edit(plant)


def attributes_changed(name: str, **values: Any) -> Callable[[Workpiece], None]:
    """Return the planting that sets attributes of a module."""

    def plant(modules: nn.ModuleDict) -> None:
        for key, value in values.items():
            setattr(modules[name], key, value)

    return edit(plant)


def _limits_swapped(modules: nn.ModuleDict) -> None:
    modules["detections"].limits = modules["detections"].limits[[1, 0, 3, 2]]  # type: ignore[index]


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


def _softmax_logits(logits: Tensor, deltas: Tensor) -> tuple[Tensor, Tensor]:
    probability = logits.softmax(-1).clamp(1e-6, 1 - 1e-6)
    return torch.log(probability / (1 - probability)), deltas


def _sigmoid_scores(modules: nn.ModuleDict) -> None:
    _with_scores(modules, lambda logits: logits.sigmoid()[:, :-1])


def _background_first(modules: nn.ModuleDict) -> None:
    _with_scores(modules, lambda logits: logits.softmax(-1)[:, 1:])


def _with_scores(modules: nn.ModuleDict, probabilities: Callable[[Tensor], Tensor]) -> None:
    module: Any = modules["detections"]

    def scores(logits: Tensor, count: Tensor) -> Tensor:
        found = probabilities(logits).reshape(-1, module.rows, module.classes)
        present = (module.row < count.unsqueeze(-1)).unsqueeze(-1)
        valid = (found > module.threshold) & present
        return torch.where(valid, found, -1.0).flatten(1)

    module._scores = scores


def _xywh(outputs: Outputs, *_: Tensor) -> Outputs:
    boxes, *rest = outputs
    return torch.cat((boxes[..., :2], boxes[..., 2:] - boxes[..., :2]), -1), *rest


def _cxcywh(outputs: Outputs, *_: Tensor) -> Outputs:
    boxes, *rest = outputs
    sides = boxes[..., 2:] - boxes[..., :2]
    return torch.cat((boxes[..., :2] + sides / 2, sides), -1), *rest


def _boxes(change: Callable[[Tensor], Tensor]) -> Callable[..., Outputs]:
    return lambda outputs, *_: (change(outputs[0]), *outputs[1:])


def _labels(change: Callable[[Tensor], Tensor]) -> Callable[..., Outputs]:
    return lambda outputs, *_: (*outputs[:2], change(outputs[2]), outputs[3])


def _first_ten(outputs: Outputs, *_: Tensor) -> Outputs:
    boxes, scores, labels, count = outputs
    keep = (torch.arange(scores.shape[1]) < 10).to(scores.dtype)
    kept_labels = labels * keep.to(labels.dtype)
    return boxes * keep.unsqueeze(-1), scores * keep, kept_labels, count.clamp(max=10)


def _swapped_deltas(deltas: Tensor) -> Tensor:
    order = [place + step for place in range(0, deltas.shape[-1], 4) for step in (1, 0, 3, 2)]
    return deltas[..., order]


def _unclipped(boxes: Tensor, limits: Tensor) -> Tensor:
    return boxes


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
    Mutation(
        "boxes-not-clipped",
        "detections reach out of the image",
        "graph",
        "tensors",
        BOTH,
        patched(retinanet__clip=_unclipped, rcnn__clip=_unclipped),
    ),
    Mutation(
        "proposals-not-clipped",
        "proposals reach out of the image",
        "graph",
        "tensors",
        TWO,
        patched(rpn__clip=_unclipped),
    ),
    Mutation(
        "boxes-clipped-by-transposed-size",
        "boxes are clipped to an image whose height and width are swapped",
        "graph",
        "tensors",
        BOTH,
        edit(_limits_swapped),
    ),
    Mutation(
        "boxes-xywh",
        "boxes are given as corner and size",
        "graph",
        "tensors",
        BOTH,
        wrapped("detections", _xywh),
    ),
    Mutation(
        "boxes-cxcywh",
        "boxes are given as centre and size",
        "graph",
        "tensors",
        BOTH,
        wrapped("detections", _cxcywh),
    ),
    Mutation(
        "boxes-yxyx",
        "boxes are given as y, x, y, x",
        "graph",
        "tensors",
        BOTH,
        wrapped("detections", _boxes(lambda boxes: boxes[..., [1, 0, 3, 2]])),
    ),
    Mutation(
        "boxes-normalised",
        "boxes are given in 0..1",
        "graph",
        "tensors",
        BOTH,
        wrapped("detections", _boxes(lambda boxes: boxes / 128)),
    ),
    Mutation(
        "boxes-inclusive",
        "boxes end at the last pixel instead of behind it",
        "graph",
        "tensors",
        BOTH,
        wrapped("detections", _boxes(lambda boxes: boxes - boxes.new_tensor([0.0, 0, 1, 1]))),
    ),
    Mutation(
        "classes-shifted",
        "classes are off by one, the last is the first",
        "graph",
        "tensors",
        BOTH,
        wrapped("detections", _labels(lambda labels: (labels + 1) % 3)),
    ),
    Mutation(
        "classes-with-background",
        "classes count from one, as with a background class before them",
        "graph",
        "refused",
        BOTH,
        wrapped("detections", _labels(lambda labels: labels + 1)),
    ),
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
    Mutation(
        "deltas-swapped-one-stage",
        "dx and dy, dw and dh are swapped where boxes are decoded",
        "graph",
        "tensors",
        ONE,
        given("detections", lambda logits, deltas: (logits, _swapped_deltas(deltas))),
    ),
    Mutation(
        "deltas-swapped-two-stage",
        "dx and dy, dw and dh are swapped where boxes are decoded",
        "graph",
        "tensors",
        TWO,
        given("detections", lambda a, deltas, *rest: (a, _swapped_deltas(deltas), *rest)),
    ),
    Mutation(
        "deltas-swapped-proposals",
        "dx and dy, dw and dh are swapped where proposals are decoded",
        "graph",
        "tensors",
        TWO,
        given("proposals", lambda logits, deltas: (logits, _swapped_deltas(deltas))),
    ),
    Mutation(
        "delta-weights-ignored",
        "box deltas are not divided by their weights",
        "graph",
        "tensors",
        TWO,
        attributes_changed("detections", stds=(1.0, 1.0)),
    ),
    Mutation(
        "delta-weights-swapped",
        "weights of shifts and of sizes are swapped",
        "graph",
        "tensors",
        TWO,
        attributes_changed("detections", stds=(0.2, 0.1)),
    ),
    Mutation(
        "exp-not-clamped",
        "growth of boxes has no upper end",
        "graph",
        "tensors",
        TWO,
        patched(boxes__MAX_LOG_SCALE=100.0),
    ),
    Mutation(
        "background-first",
        "the first column of the logits is taken for the background, not the last",
        "graph",
        "tensors",
        TWO,
        edit(_background_first),
    ),
    Mutation(
        "sigmoid-for-softmax",
        "classes are scored by a sigmoid each",
        "graph",
        "tensors",
        TWO,
        edit(_sigmoid_scores),
    ),
    Mutation(
        "softmax-for-sigmoid",
        "classes are scored by a softmax over them",
        "graph",
        "tensors",
        ONE,
        given("detections", _softmax_logits),
    ),
    Mutation(
        "scores-squared",
        "the sigmoid is applied twice, which keeps the order",
        "graph",
        "tensors",
        BOTH,
        wrapped("detections", lambda out, *_: (out[0], out[1].sigmoid() * (out[1] > 0), *out[2:])),
    ),
)
"""Faults of decoding and selection."""
