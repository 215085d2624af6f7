"""What TensorRT needs to know of an ONNX graph before it reads it. Imports onnx."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from ..base import Array
from ..errors import EngineBuildError
from ..lowering.half import half_nodes
from ..lowering.nodes import fold_identities

if TYPE_CHECKING:
    import torch

__all__ = ["Written", "fold_identities", "free_nodes", "written_in"]

# Half precision is enough for a probability, 255 values are not; products of features are few.
NOT_IN_INT8 = frozenset({"Mul", "Sigmoid"})
_QUANTIZERS = frozenset({"DequantizeLinear", "QuantizeLinear"})


class Written:
    """Offer a serialised graph together with the precision that it is written in.

    Args:
        content: The serialised model.
        written: Precision: ``fp32``, ``fp16`` or ``int8``.
    """

    name = "model"
    macs = 0

    def __init__(self, content: bytes, written: str) -> None:
        self._content = content
        self.written_in = written

    def onnx_bytes(self) -> bytes:
        """Return the serialised model."""
        return self._content

    def example_inputs(self) -> dict[str, Array]:
        """Return nothing: what int8 is calibrated on is given apart."""
        return {}

    def torch_module(self) -> torch.nn.Module:
        """Refuse: a graph has no torch module.

        Raises:
            EngineBuildError: Always.
        """
        raise EngineBuildError("a graph has no torch module")


def written_in(content: bytes) -> str:
    """Return the precision that a graph says itself: ``int8`` with Q/DQ, ``fp16`` with halves.

    Args:
        content: The serialised model.
    """
    graph = onnx.load_from_string(content).graph
    if any(node.op_type in _QUANTIZERS for node in graph.node):
        return "int8"
    half = onnx.TensorProto.FLOAT16
    stored = any(tensor.data_type == half for tensor in graph.initializer)
    given = any(value.type.tensor_type.elem_type == half for value in graph.input)
    cast = any(
        node.op_type == "Cast" and any(a.name == "to" and a.i == half for a in node.attribute)
        for node in graph.node
    )
    return "fp16" if stored or given or cast else "fp32"


def free_nodes(content: bytes, precision: str) -> frozenset[str]:
    """Return the names of the nodes that a builder may compute in a precision as it likes.

    Convolutions, matrix products and what follows them, as in a graph that is written in half; of
    these in int8 only what has features and no probabilities. All others compute with boxes and
    scores.

    Args:
        content: The serialised model, in float32.
        precision: ``fp16`` or ``int8``.
    """
    graph = onnx.load_from_string(content).graph
    nodes = half_nodes(graph)
    if precision == "fp16":
        return nodes
    return nodes - {node.name for node in graph.node if node.op_type in NOT_IN_INT8}
