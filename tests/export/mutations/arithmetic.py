"""Faults of fp16 and int8 arithmetic, operated into graphs in fp32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from .mutation import BOTH, Mutation, Workpiece
from .plants import operated
from .surgery import add_constant, insert_after, nodes_of

FP16_LARGEST = 65504.0


def _neck_output(model: onnx.ModelProto) -> str:
    return str(nodes_of(model, "Conv", "neck")[0].output[0])


def _fp16_overflow(model: onnx.ModelProto) -> None:
    """Compute a tensor in fp16 after a scale that fp16 cannot hold."""
    up = add_constant(model, "scale_up", np.float32(2**20))
    down = add_constant(model, "scale_down", np.float32(2**-20))
    steps = (
        ("Mul", [up], {}),
        ("Cast", [], {"to": onnx.TensorProto.FLOAT16}),
        ("Cast", [], {"to": onnx.TensorProto.FLOAT}),
        ("Mul", [down], {}),
    )
    insert_after(model, _neck_output(model), *steps)


def _fp16_saturation(model: onnx.ModelProto) -> None:
    """The same on hardware that saturates instead of overflowing."""
    largest = FP16_LARGEST / 2**20
    low = add_constant(model, "saturated_low", np.float32(-largest))
    high = add_constant(model, "saturated_high", np.float32(largest))
    insert_after(model, _neck_output(model), ("Clip", [low, high], {}))


def _fp16_underflow(model: onnx.ModelProto) -> None:
    """Round a tensor to whole steps of fp16's smallest number after a wrong scale."""
    down = add_constant(model, "scale_down", np.float32(2**-20))
    up = add_constant(model, "scale_up", np.float32(2**20))
    steps = (
        ("Mul", [down], {}),
        ("Cast", [], {"to": onnx.TensorProto.FLOAT16}),
        ("Cast", [], {"to": onnx.TensorProto.FLOAT}),
        ("Mul", [up], {}),
    )
    insert_after(model, _neck_output(model), *steps)


def quantised(scale: float, zero_point: int) -> Callable[[Workpiece], None]:
    """Return the planting that quantises a tensor of the neck to uint8."""

    def operate(model: onnx.ModelProto) -> None:
        step = add_constant(model, "step", np.float32(scale))
        zero = add_constant(model, "zero", np.uint8(zero_point))
        steps = (("QuantizeLinear", [step, zero], {}), ("DequantizeLinear", [step, zero], {}))
        insert_after(model, _neck_output(model), *steps)

    return operated(operate)


CATALOGUE = (
    Mutation(
        "fp16-overflow",
        "a tensor overflows in fp16",
        "graph",
        "tensors",
        BOTH,
        operated(_fp16_overflow),
    ),
    Mutation(
        "fp16-saturated",
        "a tensor is cut at what fp16 holds",
        "graph",
        "tensors",
        BOTH,
        operated(_fp16_saturation),
    ),
    Mutation(
        "fp16-underflow",
        "a tensor loses its small numbers in fp16",
        "graph",
        "tensors",
        BOTH,
        operated(_fp16_underflow),
    ),
    Mutation(
        "int8-zero-point",
        "a quantised tensor has the zero point of another",
        "graph",
        "tensors",
        BOTH,
        quantised(0.05, 64),
    ),
    Mutation(
        "int8-range",
        "a quantised tensor has a range a fifth as wide as its numbers",
        "graph",
        "tensors",
        BOTH,
        quantised(0.005, 128),
    ),
)
"""Faults of fp16 and int8 arithmetic."""
