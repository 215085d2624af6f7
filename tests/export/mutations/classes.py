"""Faults of classes and scores, written into the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .mutation import BOTH, ONE, TWO, Mutation
from .plants import edit, given, wrapped

Outputs = tuple[Tensor, ...]


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


def _labels(change: Callable[[Tensor], Tensor]) -> Callable[..., Outputs]:
    return lambda outputs, *_: (*outputs[:2], change(outputs[2]), outputs[3])


CATALOGUE = (
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
"""Faults of classes and scores."""
