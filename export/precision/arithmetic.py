"""What an engine computes an fp16 model in: tried, not looked up."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from engines import Backend, EngineError, OnnxModel

ROOT = 300.0
"""Its square is beyond half precision."""

FLOAT = "float32"
HALF = "half precision"
ROUNDED_WEIGHTS = "float32, half weights"
"""Weights are rounded to half, arithmetic is not."""

ROUNDED = "half precision, emulated"
"""In float32 on onnxruntime, every tensor rounded as half precision stores it."""

BFLOAT = "bfloat16"
INT8 = "int8 products"
"""What surrounds them is float32."""


def arithmetic_of(backend: Backend, precision: str, device: str = "cpu") -> str:
    """Return in words what an engine computes a precision in here."""
    if precision == "int8":
        return INT8
    if precision != "fp16":
        return FLOAT
    if "half=bf16" in backend.probe(device).options.split():
        return BFLOAT
    return HALF if overflows(backend, device) else ROUNDED_WEIGHTS


def overflows(backend: Backend, device: str = "cpu") -> bool:
    """Return whether an engine stores what an fp16 model computes in half precision.

    A model multiplies 300 by 300 and then by 0.001: 90 where tensors are stored in more than half
    precision, infinity where they are not.

    Raises:
        EngineError: The engine cannot be built or run.
    """
    given = np.full((1, 1, 4, 4), ROOT, np.float32)
    model = OnnxModel(_squares(), {"x": given}, name="a product beyond half precision")
    with backend.build(model, precision="fp16", device=device) as engine:
        found = engine.run({"x": given})["y"]
    if not np.isinf(found).any() and not np.allclose(found, ROOT * ROOT / 1000, rtol=0.01):
        raise EngineError(f"engine {backend.name!r} gives {found.ravel()[0]} for 300 * 300 / 1000")
    return bool(np.isinf(found).any())


def _squares() -> bytes:
    nodes = [
        helper.make_node("Conv", ["x", "large"], ["square"], name="square"),
        helper.make_node("Conv", ["square", "small"], ["y"], name="back"),
    ]
    weights = [
        numpy_helper.from_array(np.full((1, 1, 1, 1), value, np.float32), name)
        for name, value in (("large", ROOT), ("small", 1e-3))
    ]
    sides = [1, 1, 4, 4]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, sides) for n in ("x", "y")]
    graph = helper.make_graph(nodes, "squares", values[:1], values[1:], weights)
    opset = helper.make_opsetid("", 17)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    return bytes(made.SerializeToString())
