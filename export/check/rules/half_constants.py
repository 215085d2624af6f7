"""Layer 4: constants that half precision cannot hold: range 65504, smallest step 2^-24."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from onnx import TensorProto

from ..finding import Severity
from ..folding import Value
from ..graph import GraphView, Node
from ..rule import PRECISION, Problem, Rule, each, registry, words
from ..versions import Target

LARGEST = 65504.0  # of FP16
SMALLEST = 2.0**-24  # subnormals included
EXACT_INTEGERS = 2048  # FP16 holds every integer up to here
HALF = "keep this part in FP32"
IEEE = "IEEE 754-2008 binary16"

_ARITHMETIC = words("Add Sub Mul Div Conv ConvTranspose Gemm MatMul BatchNormalization")
_GUARDED = words("Sqrt Div Log Reciprocal Pow")


def _large_constants(graph: GraphView, target: Target) -> Iterator[Problem]:
    for node, index, value in _float_constants(graph):
        largest = _largest(value)
        if largest <= LARGEST:
            continue
        text = f"{node.input(index)!r} holds {largest:g}, which is infinite in FP16"
        harmful = node.op in _ARITHMETIC
        yield Problem(text, node, severity=None if harmful else Severity.WARN)


def _largest(value: Value) -> float:
    """Return the largest finite magnitude; infinities stay infinities, which is meant."""
    if not value.size:
        return 0.0
    most = max(float(value.max()), -float(value.min()))  # both without a copy of the weights
    if math.isfinite(most):
        return most
    finite = np.abs(value[np.isfinite(value)])
    return float(finite.max()) if finite.size else 0.0


def _float_constants(
    graph: GraphView,
) -> Iterator[tuple[Node, int, Value]]:
    floats = (TensorProto.FLOAT, TensorProto.DOUBLE)
    for node in graph.nodes:
        for index in range(len(node.proto.input)):
            if node.dtype(index) in floats and node.is_literal(index):
                value = node.constant(index)
                if value is not None:
                    yield node, index, value


def _vanishing(graph: GraphView, target: Target) -> Iterator[Problem]:
    for node, index, value in _float_constants(graph):
        if node.op not in ("Add", "Max", "Clip", "Min") or value.size != 1:
            continue
        number = abs(float(value.ravel()[0]))
        if 0 < number < SMALLEST / 2:
            guarded = any(reader.op in _GUARDED for reader in node.consumers())
            yield Problem(
                f"{node.input(index)!r} is {number:g}, which is 0 in FP16"
                + ("; it guards a root or a quotient" if guarded else ""),
                node,
                severity=None if guarded else Severity.WARN,
            )


def _small_epsilon(node: Node, target: Target) -> str | None:
    epsilon = node.attribute("epsilon")
    if epsilon is None or epsilon == 0 or epsilon >= SMALLEST / 2:
        return None
    return f"epsilon is {epsilon:g}, which is 0 in FP16"


def _large_indices(graph: GraphView, target: Target) -> Iterator[Problem]:
    for node in graph.of("Range"):
        stop = node.constant(1)
        large = stop is not None and stop.size == 1 and float(stop.ravel()[0]) > EXACT_INTEGERS
        if node.dtype(0) == TensorProto.FLOAT and large and stop is not None:
            yield Problem(
                f"it counts in floats to {float(stop.ravel()[0]):g}; FP16 skips integers above "
                f"{EXACT_INTEGERS}",
                node,
            )


RULES = registry(
    Rule(
        "half-overflow",
        PRECISION,
        "Constants that enter arithmetic must be at most 65504.",
        f"{IEEE}; modelopt AutoCast init_max",
        _large_constants,
        f"use smaller constants, -inf for masks, or {HALF}",
        precision="fp16",
    ),
    Rule(
        "half-underflow",
        PRECISION,
        "Constants that guard a root or quotient must be at least 6e-8.",
        IEEE,
        _vanishing,
        f"use a larger constant, or {HALF}",
        precision="fp16",
    ),
    Rule(
        "half-epsilon",
        PRECISION,
        "Epsilons of normalisations should be at least 6e-8.",
        IEEE,
        each("LayerNormalization InstanceNormalization GroupNormalization", _small_epsilon),
        f"use a larger epsilon, or {HALF}",
        severity=Severity.WARN,
        precision="fp16",
    ),
    Rule(
        "half-counting",
        PRECISION,
        f"Integers above {EXACT_INTEGERS} should not be counted in floats.",
        IEEE,
        _large_indices,
        "count in INT32",
        severity=Severity.WARN,
        precision="fp16",
    ),
)
