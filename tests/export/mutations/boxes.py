"""Faults of decoding, clipping and giving boxes, written into the graph."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .mutation import BOTH, ONE, TWO, Mutation
from .plants import attributes_changed, edit, given, patched, wrapped

Outputs = tuple[Tensor, ...]


def _limits_swapped(modules: nn.ModuleDict) -> None:
    modules["detections"].limits = modules["detections"].limits[[1, 0, 3, 2]]  # type: ignore[index]


def _xywh(outputs: Outputs, *_: Tensor) -> Outputs:
    boxes, *rest = outputs
    return torch.cat((boxes[..., :2], boxes[..., 2:] - boxes[..., :2]), -1), *rest


def _cxcywh(outputs: Outputs, *_: Tensor) -> Outputs:
    boxes, *rest = outputs
    sides = boxes[..., 2:] - boxes[..., :2]
    return torch.cat((boxes[..., :2] + sides / 2, sides), -1), *rest


def _boxes(change: Callable[[Tensor], Tensor]) -> Callable[..., Outputs]:
    return lambda outputs, *_: (change(outputs[0]), *outputs[1:])


def _swapped_deltas(deltas: Tensor) -> Tensor:
    order = [place + step for place in range(0, deltas.shape[-1], 4) for step in (1, 0, 3, 2)]
    return deltas[..., order]


def _unclipped(boxes: Tensor, limits: Tensor) -> Tensor:
    return boxes


CATALOGUE = (
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
)
"""Faults of boxes."""
