"""Values that a graph computes of constants alone; what the parser sees as tensors, we as numbers.

Only operators that shape arithmetic is made of; anything else is unknown, which is never wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

if TYPE_CHECKING:
    from .graph import Node

Value = np.ndarray[Any, Any]
LIMIT = 1 << 24  # elements that a folded value may have
_NUMBERS = {
    "value_int": "int64",
    "value_ints": "int64",
    "value_float": "float32",
    "value_floats": "float32",
}  # attributes of Constant


def fold(node: Node, output: str) -> Value | None:
    """Return the value of a node's result; None if it depends on the graph's inputs.

    Args:
        node: The node that makes it.
        output: Its name; nodes with several results are not folded.
    """
    rule = _FOLDED.get(node.op)
    if rule is None or node.output(0) != output:
        return None
    try:
        value = rule(node)
    except (ValueError, IndexError, TypeError, ZeroDivisionError, OverflowError):
        return None  # operands that do not fit: the graph is wrong, but that is not asked here
    return value if value is None or value.size <= LIMIT else None


def _constant(node: Node) -> Value | None:
    attribute = next(iter(node.proto.attribute), None)
    if attribute is None:
        return None
    if attribute.name == "value":
        return numpy_helper.to_array(attribute.t)
    dtype = _NUMBERS.get(attribute.name)
    return None if dtype is None else np.asarray(node.attribute(attribute.name), dtype)


def _shape(node: Node) -> Value | None:
    shape = node.shape()
    if shape is None:
        return None
    part = shape[node.attribute("start", 0) : node.attribute("end", len(shape))]
    if not all(isinstance(side, int) for side in part):
        return None
    return np.asarray(part, np.int64)


def _size(node: Node) -> Value | None:
    tensor = node.tensor(0)
    count = None if tensor is None else tensor.elements
    return None if count is None else np.asarray(count, np.int64)


def _of_all(function: Callable[..., Any]) -> Callable[[Node], Value | None]:
    """Fold once every operand is known; the function takes the node and their values."""

    def rule(node: Node) -> Value | None:
        values = []
        for index, name in enumerate(node.proto.input):
            value = node.constant(index) if name else None
            if name and value is None:
                return None
            values.append(value)
        with np.errstate(all="ignore"):
            result = function(node, *values)
        return None if result is None else np.asarray(result)

    return rule


def _plain(function: Callable[..., Any]) -> Callable[[Node], Value | None]:
    return _of_all(lambda node, *values: function(*values))


def _cast(node: Node, value: Value) -> Any:
    return value.astype(onnx.helper.tensor_dtype_to_np_dtype(node.attribute("to")))


def _divide(a: Value, b: Value) -> Any:
    return np.trunc(a / b).astype(a.dtype) if np.issubdtype(a.dtype, np.integer) else a / b


def _axes(node: Node, given: Value | None) -> list[int] | None:
    axes = node.attribute("axes") if given is None else given.tolist()
    return None if axes is None else [int(axis) for axis in axes]


def _unsqueeze(node: Node, value: Value, given: Value | None = None) -> Any:
    axes = _axes(node, given) or []
    return np.expand_dims(value, tuple(axes))


def _squeeze(node: Node, value: Value, given: Value | None = None) -> Any:
    axes = _axes(node, given)
    return np.squeeze(value, None if axes is None else tuple(axes))


def _reshape(node: Node, value: Value, shape: Value) -> Any:
    keep = not node.attribute("allowzero", 0)
    sides = [value.shape[i] if side == 0 and keep else int(side) for i, side in enumerate(shape)]
    return value.reshape(sides)


def _slice(
    node: Node,
    value: Value,
    starts: Value | None = None,
    ends: Value | None = None,
    axes: Value | None = None,
    steps: Value | None = None,
) -> Any:
    if starts is None or ends is None:
        return None
    index = [slice(None)] * value.ndim
    named = range(len(starts)) if axes is None else axes.tolist()
    strides = [1] * len(starts) if steps is None else steps.tolist()
    for axis, start, end, step in zip(named, starts.tolist(), ends.tolist(), strides, strict=True):
        index[axis] = slice(start, None if step < 0 and end < -value.shape[axis] else end, step)
    return value[tuple(index)]


def _gather(node: Node, value: Value, indices: Value) -> Any:
    return np.take(value, indices, axis=node.attribute("axis", 0))


def _concat(node: Node, *values: Value) -> Any:
    return np.concatenate(values, axis=node.attribute("axis"))


def _filled(node: Node, shape: Value) -> Any:
    data = node.attribute("value")
    fill = np.zeros(1, np.float32) if data is None else numpy_helper.to_array(data)
    sides = [int(side) for side in shape]
    return np.full(sides, fill.ravel()[0]) if np.prod(sides, dtype=float) <= LIMIT else None


def _range(node: Node, start: Value, limit: Value, delta: Value) -> Any:
    if not delta.item() or abs((limit.item() - start.item()) / delta.item()) > LIMIT:
        return None
    return np.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


def _reduced(function: Callable[..., Any]) -> Callable[[Node], Value | None]:
    def rule(node: Node, value: Value, given: Value | None = None) -> Any:
        axes = _axes(node, given)
        axis = None if axes is None else tuple(axes)
        keep = bool(node.attribute("keepdims", 1))
        return np.asarray(function(value, axis=axis, keepdims=keep)).astype(value.dtype)

    return _of_all(rule)


def _flatten(node: Node, value: Value) -> Any:
    axis = node.attribute("axis", 1)
    return value.reshape(int(np.prod(value.shape[:axis])), -1)


def _transpose(node: Node, value: Value) -> Any:
    return np.transpose(value, node.attribute("perm"))


def _expand(value: Value, shape: Value) -> Any:
    sides = np.broadcast_shapes(value.shape, tuple(int(side) for side in shape))
    return np.broadcast_to(value, sides) if np.prod(sides, dtype=float) <= LIMIT else None


_FOLDED: dict[str, Callable[[Node], Value | None]] = {
    "Constant": _constant,
    "Shape": _shape,
    "Size": _size,
    "Identity": _plain(lambda value: value),
    "Cast": _of_all(_cast),
    "Add": _plain(np.add),
    "Sub": _plain(np.subtract),
    "Mul": _plain(np.multiply),
    "Div": _plain(_divide),
    "Mod": _of_all(lambda node, a, b: (np.fmod if node.attribute("fmod", 0) else np.mod)(a, b)),
    "Pow": _plain(lambda a, b: np.power(a, b).astype(a.dtype)),
    "Min": _plain(lambda *values: np.minimum.reduce(values)),
    "Max": _plain(lambda *values: np.maximum.reduce(values)),
    "Neg": _plain(np.negative),
    "Abs": _plain(np.abs),
    "Sqrt": _plain(lambda value: np.sqrt(value).astype(value.dtype)),
    "Floor": _plain(np.floor),
    "Ceil": _plain(np.ceil),
    "Equal": _plain(np.equal),
    "Less": _plain(np.less),
    "LessOrEqual": _plain(np.less_equal),
    "Greater": _plain(np.greater),
    "GreaterOrEqual": _plain(np.greater_equal),
    "Not": _plain(np.logical_not),
    "And": _plain(np.logical_and),
    "Or": _plain(np.logical_or),
    "Where": _plain(np.where),
    "Unsqueeze": _of_all(_unsqueeze),
    "Squeeze": _of_all(_squeeze),
    "Reshape": _of_all(_reshape),
    "Flatten": _of_all(_flatten),
    "Transpose": _of_all(_transpose),
    "Slice": _of_all(_slice),
    "Gather": _of_all(_gather),
    "Concat": _of_all(_concat),
    "ConstantOfShape": _of_all(_filled),
    "Expand": _plain(_expand),
    "Range": _of_all(_range),
    "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum),
    "ReduceMax": _reduced(np.max),
    "ReduceMin": _reduced(np.min),
}
