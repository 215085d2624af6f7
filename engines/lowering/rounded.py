"""Compute a model as if it were in half precision, on a processor that is not. Imports onnx.

A CPU without half arithmetic runs a model in half by computing it in float32: onnxruntime and
OpenVINO then leave out the casts between two operators, so that nothing is rounded but the
weights and nothing overflows. A GPU stores every tensor in half. Here every tensor is rounded by
casts of the graph's own, which runtimes must not remove; sums are accumulated in float32, as
tensor cores do.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx

from ..errors import EngineBuildError, foreign_errors
from .half import cast, data_inputs
from .nodes import name_nodes

_HALF, _ROUNDED, _EXACT = "/stored", "/rounded", "/exact"


def with_rounding(content: bytes, nodes: Collection[str]) -> bytes:
    """Round to half precision whatever nodes take in and give out.

    Numbers beyond 65504 become infinite, as they do where half precision is real.

    Args:
        content: The serialised model, in float32.
        nodes: Names of the nodes; best those of :func:`half_nodes`.

    Raises:
        EngineBuildError: The graph cannot be converted.
    """
    model = onnx.load_from_string(content)
    name_nodes(model.graph)
    with foreign_errors(EngineBuildError, "the model cannot be rounded to half precision"):
        _Rounder(model.graph, frozenset(nodes)).convert()
        onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


class _Rounder:
    """Round inputs and outputs of nodes, each tensor once."""

    def __init__(self, graph: onnx.GraphProto, chosen: frozenset[str]) -> None:
        self._graph = graph
        self._chosen = chosen
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._rounded: dict[str, str] = {}  # tensor -> its name when rounded
        self._nodes: list[onnx.NodeProto] = []

    def convert(self) -> None:
        for node in self._graph.node:
            if node.name not in self._chosen:
                self._nodes.append(node)
                continue
            for index, name in enumerate(node.input[: data_inputs(node)]):
                if name:
                    node.input[index] = self._round(name)
            given = list(node.output)
            node.output[:] = [name and name + _EXACT for name in given]
            self._nodes.append(node)
            for name in filter(None, given):
                self._nodes.extend(_rounding(name + _EXACT, name))
                self._rounded[name] = name
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)

    def _round(self, name: str) -> str:
        if name not in self._rounded:
            self._rounded[name] = name + _ROUNDED
            weight = self._weights.get(name)
            if weight is None:
                self._nodes.extend(_rounding(name, name + _ROUNDED))
            else:
                self._graph.initializer.append(_rounded_weight(weight))
        return self._rounded[name]


def _rounding(source: str, target: str) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    kinds = onnx.TensorProto
    stored = target + _HALF
    return cast(source, stored, kinds.FLOAT16), cast(stored, target, kinds.FLOAT)


def _rounded_weight(weight: onnx.TensorProto) -> onnx.TensorProto:
    with np.errstate(over="ignore"):  # to infinity, as told
        values = onnx.numpy_helper.to_array(weight).astype(np.float16).astype(np.float32)
    return onnx.numpy_helper.from_array(values, weight.name + _ROUNDED)
