"""Faults of weights: stale, transposed, rounded, not folded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from export import detector_to_onnx

from .mutation import BOTH, Mutation, Workpiece
from .plants import edit

Change = Callable[[Tensor], Tensor]


def _norms(modules: nn.ModuleDict) -> list[Any]:
    return [module for module in modules.modules() if isinstance(module, nn.BatchNorm2d)]


def _convs(modules: nn.ModuleDict) -> list[nn.Conv2d]:
    return [module for module in modules.modules() if isinstance(module, nn.Conv2d)]


def _spatial(modules: nn.ModuleDict) -> nn.Conv2d:
    """Return a 3x3 convolution from the middle of the network."""
    found = [conv for conv in _convs(modules) if conv.kernel_size == (3, 3)]
    return found[len(found) // 2]


def _classes(modules: nn.ModuleDict) -> Any:
    """Return the layer that classifies."""
    head: Any = modules["box_head"] if "box_head" in modules else modules["retinanet_head"]
    return head.classes


@torch.no_grad()
def _set(parameter: Tensor, change: Change) -> None:
    parameter.copy_(change(parameter.clone()))


def _changed(layer: Callable[[nn.ModuleDict], Any], change: Change, name: str = "weight") -> Any:
    return edit(lambda modules: _set(getattr(layer(modules), name), change))


def _first(modules: nn.ModuleDict) -> nn.Conv2d:
    return _convs(modules)[0]


def _with_eps(modules: nn.ModuleDict) -> None:
    for norm in _norms(modules):
        norm.eps = 1e-3


def _fresh_statistics(modules: nn.ModuleDict) -> None:
    for norm in _norms(modules):
        norm.reset_running_stats()


def _one_statistic(modules: nn.ModuleDict) -> None:
    norms = _norms(modules)
    _set(norms[len(norms) // 2].running_var, lambda value: value * 1.2)


def _rounded_to_bfloat16(modules: nn.ModuleDict) -> None:
    for parameter in modules.parameters():
        _set(parameter, lambda value: value.bfloat16().float())


def _rounded_to_fp16(modules: nn.ModuleDict) -> None:
    for parameter in modules.parameters():
        _set(parameter, lambda value: value.half().float())


def _in_steps(weights: Tensor) -> Tensor:
    """Round to 8 bits with one scale for all channels."""
    scale = weights.abs().max() / 127
    return (weights / scale).round() * scale


def _swapped_rows(weights: Tensor) -> Tensor:
    """Swap the first two classes; RetinaNet's rows are anchors times classes."""
    order = list(range(len(weights)))
    order[0], order[1] = 1, 0
    return weights[order]


def _stale_graph(work: Workpiece) -> None:
    work.model = detector_to_onnx(work.specimen.stale)


def _stale_reference(work: Workpiece) -> None:
    work.trusted = work.specimen.stale


def _dead_filter(weights: Tensor) -> Tensor:
    weights[0] = 0
    return weights


CATALOGUE = (
    Mutation(
        "stale-graph",
        "the graph has the weights of an earlier checkpoint",
        "weights",
        "tensors",
        BOTH,
        _stale_graph,
    ),
    Mutation(
        "stale-weights-file",
        "the weights file beside the graph is an earlier checkpoint",
        "files",
        "tensors",
        BOTH,
        _stale_reference,
    ),
    Mutation(
        "kernel-transposed",
        "one kernel has rows and columns swapped",
        "weights",
        "tensors",
        BOTH,
        _changed(_spatial, lambda weights: weights.transpose(2, 3)),
    ),
    Mutation(
        "first-layer-bgr",
        "the first layer takes its channels in the reverse order",
        "weights",
        "tensors",
        BOTH,
        _changed(_first, lambda weights: weights.flip(1)),
    ),
    Mutation(
        "class-bias-dropped",
        "the layer that classifies has lost its bias",
        "weights",
        "tensors",
        BOTH,
        _changed(_classes, torch.zeros_like, "bias"),
    ),
    Mutation(
        "class-rows-swapped",
        "two rows of the layer that classifies are swapped",
        "weights",
        "tensors",
        BOTH,
        _changed(_classes, _swapped_rows),
    ),
    Mutation(
        "filter-dead",
        "one filter is zero",
        "weights",
        "tensors",
        BOTH,
        _changed(_spatial, _dead_filter),
    ),
    Mutation(
        "one-layer-int8",
        "one layer's weights are rounded to 8 bits in an engine said to be fp32",
        "weights",
        "tensors",
        BOTH,
        _changed(_spatial, _in_steps),
    ),
    Mutation(
        "all-layers-bfloat16",
        "all weights are rounded to bfloat16 in an engine said to be fp32",
        "weights",
        "tensors",
        BOTH,
        edit(_rounded_to_bfloat16),
    ),
    Mutation(
        "all-layers-fp16",
        "all weights are rounded to fp16 in an engine said to be fp32",
        "weights",
        "tensors",
        BOTH,
        edit(_rounded_to_fp16),
    ),
    Mutation(
        "batchnorm-eps",
        "batch normalisation is folded with an epsilon of 1e-3",
        "weights",
        "tensors",
        BOTH,
        edit(_with_eps),
    ),
    Mutation(
        "batchnorm-not-folded",
        "batch normalisation has the statistics of its first day",
        "weights",
        "tensors",
        BOTH,
        edit(_fresh_statistics),
    ),
    Mutation(
        "batchnorm-one-stale",
        "one variance is a fifth too large",
        "weights",
        "tensors",
        BOTH,
        edit(_one_statistic),
    ),
)
"""Faults of weights."""
