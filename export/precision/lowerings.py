"""The two ways down from fp32, behind one face: what can be lowered, and the models it makes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import onnx

from engines import (
    MAX_HALF,
    half_nodes,
    largest_weights,
    natively_quantizable,
    prepared_model,
    quantizable,
    to_half,
    with_native_quantization,
    with_quantization,
    with_rounding,
)

from ..records.precision import KeptNode


class Lowering(Protocol):
    """A model that can be written in a lower precision, node by node."""

    precision: str
    content: bytes
    candidates: tuple[str, ...]
    always: tuple[KeptNode, ...]

    def write(self, keep: Collection[str]) -> bytes:
        """Return the model that is delivered, with some candidates in fp32."""

    def judged(self, keep: Collection[str]) -> bytes:
        """Return the model whose detections tell what the precision costs."""

    def convert(self, content: bytes, nodes: Collection[str]) -> bytes:
        """Return any model with some nodes in the precision's arithmetic, outputs in float32."""


class HalfLowering:
    """Write products and what follows them in half precision.

    Args:
        content: The model in fp32.

    Attributes:
        precision: ``fp16``.
        content: The model in fp32, prepared.
        candidates: Names of the nodes that can be in half, in running order.
        always: Nodes whose weights are beyond half precision.
    """

    precision = "fp16"

    def __init__(self, content: bytes) -> None:
        self.content = prepared_model(content)
        self._graph = onnx.load_from_string(self.content).graph
        possible = half_nodes(self._graph)
        largest = largest_weights(self._graph, possible)
        self.always = tuple(
            KeptNode(
                node.name,
                node.op_type,
                f"its weights reach {largest[node.name]:.3g}, beyond half precision "
                f"({MAX_HALF:.0f})",
            )
            for node in self._graph.node
            if not largest.get(node.name, 0.0) <= MAX_HALF
        )
        chosen = self._nodes(())
        self.candidates = tuple(n.name for n in self._graph.node if n.name in chosen)

    def write(self, keep: Collection[str]) -> bytes:
        """Return the model in half, but for some candidates."""
        return to_half(self.content, self._nodes(keep))

    def judged(self, keep: Collection[str]) -> bytes:
        """Return the model in float32, every tensor of it rounded as half precision stores it."""
        return with_rounding(self.content, self._nodes(keep))

    def convert(self, content: bytes, nodes: Collection[str]) -> bytes:
        """Return a model with nodes whose inputs and outputs are rounded to half."""
        return with_rounding(content, nodes)

    def _nodes(self, keep: Collection[str]) -> frozenset[str]:
        return half_nodes(self._graph, frozenset((*keep, *(node.name for node in self.always))))


class Int8Lowering:
    """Quantise convolutions and matrix products, for every engine.

    Args:
        content: The model in fp32.
        ranges: Ends by tensor, from `calibrate` on the prepared model.

    Attributes:
        precision: ``int8``.
        content: The model in fp32, prepared.
        candidates: Names of the nodes that can be quantised, in running order.
        always: Nothing.
    """

    precision = "int8"
    always: tuple[KeptNode, ...] = ()

    def __init__(self, content: bytes, ranges: Mapping[str, tuple[float, float]]) -> None:
        self.content = prepared_model(content)
        self._ranges = ranges
        self.candidates = quantizable(onnx.load_from_string(self.content).graph)

    def write(self, keep: Collection[str]) -> bytes:
        """Return the model with Q/DQ before all candidates but some."""
        kept = frozenset(keep)
        nodes = [name for name in self.candidates if name not in kept]
        return with_quantization(self.content, self._ranges, nodes)

    def judged(self, keep: Collection[str]) -> bytes:
        """Return the same: every engine computes in int8 itself."""
        return self.write(keep)

    def convert(self, content: bytes, nodes: Collection[str]) -> bytes:
        """Return a model with Q/DQ before nodes."""
        return with_quantization(content, self._ranges, nodes)


class NativeInt8Lowering(Int8Lowering):
    """Quantise products and what lies between them, as onnxruntime's kernels take it.

    Nodes are ranked by the noise that quantising what they take makes, as for every engine.

    Args:
        content: The model in fp32.
        ranges: Ends by tensor, from `calibrate` with ``NATIVE_OPERATORS`` on the prepared model.
    """

    def __init__(self, content: bytes, ranges: Mapping[str, tuple[float, float]]) -> None:
        super().__init__(content, ranges)
        self.candidates = natively_quantizable(onnx.load_from_string(self.content).graph)

    def write(self, keep: Collection[str]) -> bytes:
        """Return the model quantised but for some candidates."""
        return with_native_quantization(self.content, self._ranges, keep)


def lowered_and_kept(lowering: Lowering, kept: Collection[str]) -> tuple[int, int]:
    """Return how many nodes are lowered, and how many could be and are not."""
    whole = len(lowering.candidates) + len(lowering.always)
    left = len(kept) + len(lowering.always)
    return whole - left, left
