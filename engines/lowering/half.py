"""Write an ONNX model in half precision, where that is safe. Imports onnx."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from ..errors import EngineBuildError, foreign_errors
from .nodes import name_nodes, note_precision

# What a GPU's tensor cores compute, and what follows it without leaving half precision.
HALF_SOURCES = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
HALF_FOLLOWERS = frozenset(
    {
        "Add",
        "AveragePool",
        "BatchNormalization",
        "Clip",
        "Concat",
        "Flatten",
        "GlobalAveragePool",
        "LeakyRelu",
        "MaxPool",
        "Mul",
        "Relu",
        "Reshape",
        "Resize",
        "Sigmoid",
        "Transpose",
    }
)
_BINARY = frozenset({"Add", "Mul"})
_SHAPED = frozenset({"Reshape", "Resize"})  # inputs after the first are shapes and scales
MAX_HALF = float(np.finfo(np.float16).max)
_HALF = "/half"


def to_half(content: bytes, nodes: Collection[str] | None = None) -> bytes:
    """Write convolutions and matrix products, and what follows them, in half precision.

    As torch's autocast: inputs and outputs stay float32, and so does arithmetic on coordinates,
    which half precision rounds to whole pixels above 1024: a sum or product with a constant or
    with a float32 tensor is not computed in half. Weights are stored in half where only such nodes
    use them.

    Args:
        content: The serialised model.
        nodes: Names of the nodes to convert; those of :func:`half_nodes` if None.

    Raises:
        EngineBuildError: A weight is beyond half precision, or the graph cannot be converted.
    """
    model = onnx.load_from_string(content)
    name_nodes(model.graph)
    with foreign_errors(EngineBuildError, "the model cannot be converted to half precision"):
        chosen = half_nodes(model.graph) if nodes is None else frozenset(nodes)
        _Halver(model.graph, chosen).convert()
        del model.graph.value_info[:]  # types changed
        onnx.checker.check_model(model, full_check=True)
    note_precision(model, "fp16")
    return bytes(model.SerializeToString())


class _Halver:
    """Convert nodes, casting at their borders."""

    def __init__(self, graph: onnx.GraphProto, half: frozenset[str]) -> None:
        self._graph = graph
        self._half = half
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._ready: set[str] = set()  # tensors that exist in half
        self._nodes: list[onnx.NodeProto] = []

    def convert(self) -> None:
        wanted = {value.name for value in self._graph.output}
        for node in self._graph.node:
            if node.name not in self._half:
                wanted.update(node.input)
        for node in self._graph.node:
            self._take_in(node)
            self._nodes.append(node)
            if node.name in self._half:
                self._give_out(node, wanted)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        used = {name for node in self._nodes for name in node.input} | wanted
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)

    def _take_in(self, node: onnx.NodeProto) -> None:
        if node.name not in self._half:
            return
        for index, name in enumerate(node.input[: data_inputs(node)]):
            if name:
                node.input[index] = self._in_half(name)

    def _give_out(self, node: onnx.NodeProto, wanted: set[str]) -> None:
        for index, name in enumerate(node.output):
            if not name:
                continue
            node.output[index] = name + _HALF
            self._ready.add(name)
            if name in wanted:
                self._nodes.append(cast(name + _HALF, name, onnx.TensorProto.FLOAT))

    def _in_half(self, name: str) -> str:
        """Return the name of a tensor in half precision, making it if need be."""
        if name not in self._ready:
            self._ready.add(name)
            weight = self._weights.get(name)
            if weight is None:
                self._nodes.append(cast(name, name + _HALF, onnx.TensorProto.FLOAT16))
            else:
                self._graph.initializer.append(_half_weight(weight))
        return name + _HALF


def data_inputs(node: onnx.NodeProto) -> int:
    """Return how many of a half node's inputs, the first ones, are numbers to compute with."""
    return 1 if node.op_type in _SHAPED else len(node.input)


def cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    """Return a node that casts; named after its output, so that it counts to the same module."""
    return onnx.helper.make_node("Cast", [source], [target], name=f"{target}/Cast", to=kind)


def largest_weights(graph: onnx.GraphProto, nodes: Collection[str]) -> dict[str, float]:
    """Return the largest magnitude of the weights of each node, by name; 0 without weights."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)
    known: dict[str, float] = {}
    found = {}
    for node in graph.node:
        if node.name not in nodes:
            continue
        for name in node.input[: data_inputs(node)]:
            if name in weights and name not in known and weights[name].data_type in floats:
                known[name] = _largest(onnx.numpy_helper.to_array(weights[name]))
        found[node.name] = max((known.get(name, 0.0) for name in node.input), default=0.0)
    return found


def _largest(values: npt.NDArray[Any]) -> float:
    return float(np.abs(values).max(initial=0.0))


def _half_weight(weight: onnx.TensorProto) -> onnx.TensorProto:
    values = onnx.numpy_helper.to_array(weight)
    largest = _largest(values)
    if largest > MAX_HALF:
        raise EngineBuildError(
            f"weight {weight.name!r} reaches {largest:g}, beyond half precision ({MAX_HALF:g})"
        )
    return onnx.numpy_helper.from_array(values.astype(np.float16), weight.name + _HALF)


def half_nodes(graph: onnx.GraphProto, keep: Collection[str] = ()) -> frozenset[str]:
    """Return the names of the nodes that :func:`to_half` converts.

    Args:
        graph: In float32, with named nodes.
        keep: Names of nodes that stay in float32; what follows them does so as well, up to the
            next convolution or matrix product.
    """
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {n.output[0] for n in graph.node if n.op_type in ("Constant", "Identity")}
    names: set[str] = set()
    tensors: set[str] = set()
    for node in graph.node:
        if node.name in keep:
            continue
        if node.op_type in HALF_SOURCES or _follows(node, tensors, constants):
            names.add(node.name)
            tensors.update(node.output)
    return frozenset(names)


def _follows(node: onnx.NodeProto, half: set[str], constants: set[str]) -> bool:
    if node.op_type not in HALF_FOLLOWERS:
        return False
    given = [name for name in node.input if name]
    data = given if node.op_type in _BINARY else [n for n in given if n not in constants]
    if node.op_type in (*_SHAPED, "Clip"):
        data = given[:1]  # the rest are shapes, scales and bounds
    return bool(data) and all(name in half for name in data)
