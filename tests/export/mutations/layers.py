"""Faults of layers, operated into the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from .mutation import BOTH, Mutation
from .plants import edit, operated, wrapped
from .surgery import (
    add_constant,
    attribute,
    become,
    constant,
    maker_of,
    nodes_of,
    set_attribute,
    set_constant,
)


def _pads_at_the_end(model: onnx.ModelProto) -> None:
    """Pad stride-2 convolutions as TensorFlow's SAME does: behind instead of around."""
    changed = 0
    for node in nodes_of(model, "Conv"):
        if list(attribute(node, "strides")) == [2, 2] and list(attribute(node, "pads")) == [1] * 4:
            set_attribute(node, "pads", [0, 0, 2, 2])
            changed += 1
    if not changed:
        raise LookupError("no convolution of stride 2 with padding")


def _no_activation(model: onnx.ModelProto) -> None:
    become(nodes_of(model, "Relu")[0], "Identity")


def _leaky_activations(model: onnx.ModelProto) -> None:
    for node in nodes_of(model, "Relu"):
        become(node, "LeakyRelu", alpha=0.01)


def _bounded_activations(model: onnx.ModelProto) -> None:
    """Turn every ReLU into a ReLU6."""
    low = add_constant(model, "relu6_low", np.float32(0))
    high = add_constant(model, "relu6_high", np.float32(6))
    for node in nodes_of(model, "Relu"):
        become(node, "Clip")
        node.input.extend([low, high])


def _control_flow(model: onnx.ModelProto) -> None:
    """Hide the scores behind an `If`."""
    name = model.graph.output[1].name
    maker = maker_of(model, name)
    inner = f"{name}_inner"
    maker.output[list(maker.output).index(name)] = inner
    branch = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", [inner], [f"{name}_branch"])],
        "branch",
        [],
        [onnx.helper.make_tensor_value_info(f"{name}_branch", onnx.TensorProto.FLOAT, None)],
    )
    condition = add_constant(model, "condition", np.bool_(True))
    model.graph.node.append(
        onnx.helper.make_node(
            "If", [condition], [name], name="branching", then_branch=branch, else_branch=branch
        )
    )


def _not_finite_weight(model: onnx.ModelProto) -> None:
    name = nodes_of(model, "Conv")[-1].input[1]
    weights = constant(model, name).copy()
    weights.flat[0] = np.nan
    set_constant(model, name, weights)


def _transposed_cells(modules: nn.ModuleDict) -> None:
    """Flatten maps by columns instead of rows where the head gives its predictions."""
    name = "rpn_head" if "rpn_head" in modules else "retinanet_head"
    module: Any = modules[name]
    before = module.forward

    def forward(*levels: Tensor) -> Any:
        # Transposed maps of transposed kernels hold the same numbers in another order.
        sizes = [level.shape[-2:] for level in levels]
        made = before(*levels)
        return tuple(_by_columns(output, sizes) for output in made)

    module.forward = forward


def _by_columns(output: Tensor, sizes: list[Any]) -> Tensor:
    cells = sum(h * w for h, w in sizes)
    rows = output.reshape(output.shape[0], cells, -1)
    parts = rows.split([h * w for h, w in sizes], 1)
    turned = [
        part.reshape(part.shape[0], h, w, -1).transpose(1, 2).reshape(part.shape)
        for part, (h, w) in zip(parts, sizes, strict=True)
    ]
    return torch.cat(turned, 1).reshape(output.shape)


def _rolled(output: Tensor, *_: Tensor) -> Tensor:
    return torch.roll(output, 1, 1)


CATALOGUE = (
    Mutation(
        "padding-behind",
        "convolutions of stride 2 are padded behind instead of around",
        "graph",
        "tensors",
        BOTH,
        operated(_pads_at_the_end),
    ),
    Mutation(
        "activation-dropped",
        "one ReLU is missing",
        "graph",
        "tensors",
        BOTH,
        operated(_no_activation),
    ),
    Mutation(
        "activations-leaky",
        "ReLU leaks one per cent",
        "graph",
        "tensors",
        BOTH,
        operated(_leaky_activations),
    ),
    Mutation(
        "activations-bounded",
        "ReLU6 instead of ReLU",
        "graph",
        "tensors",
        BOTH,
        operated(_bounded_activations),
    ),
    Mutation(
        "channels-rolled",
        "the channels of a block are one off",
        "graph",
        "tensors",
        BOTH,
        wrapped("backbone_s2_b0", _rolled),
    ),
    Mutation(
        "cells-transposed",
        "predictions are counted by columns, then rows",
        "graph",
        "tensors",
        BOTH,
        edit(_transposed_cells),
    ),
    Mutation(
        "control-flow",
        "the graph branches",
        "graph",
        "graph",
        BOTH,
        operated(_control_flow),
    ),
    Mutation(
        "weight-not-finite",
        "one weight is no number",
        "weights",
        "graph",
        BOTH,
        operated(_not_finite_weight),
    ),
)
"""Faults of layers."""
