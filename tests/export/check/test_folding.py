"""Folded values against the reference implementation of ONNX."""

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from export.check.graph import GraphView
from tests.export.check.graphs import model

HEAD = """
    a = Constant<value = int64[3] {2, 3, 4}>()
    b = Constant<value = int64[3] {5, -7, 2}>()
    f = Constant<value = float[2,2] {1.5, -2.0, 0.25, 4.0}>()
    zero = Constant<value = int64[1] {0}>()
    one = Constant<value = int64 {1}>()
    ones = Constant<value = int64[1] {1}>()
    two = Constant<value = int64[1] {2}>()
"""
EXPRESSIONS = [
    "Shape(x)",
    "Shape<start = 1>(x)",
    "Shape<start = -2, end = -1>(x)",
    "Size(x)",
    "Identity(a)",
    "Cast<to = 1>(a)",
    "Cast<to = 9>(f)",
    "Cast<to = 7>(f)",
    "Add(a, b)",
    "Sub(a, one)",
    "Mul(a, b)",
    "Div(b, a)",
    "Div(f, f)",
    "Mod(b, a)",
    "Mod<fmod = 1>(b, a)",
    "Pow(f, f)",
    "Min(a, b)",
    "Max(a, b)",
    "Neg(f)",
    "Abs(b)",
    "Sqrt(f)",
    "Floor(f)",
    "Ceil(f)",
    "Equal(a, b)",
    "Less(a, b)",
    "GreaterOrEqual(a, b)",
    "Unsqueeze(a, zero)",
    "Squeeze(ones, zero)",
    "Squeeze(ones)",
    "Reshape(f, a4)",
    "Flatten(f)",
    "Transpose(f)",
    "Transpose<perm = [1, 0]>(f)",
    "Slice(a, zero, two)",
    "Slice(a, minus, huge)",
    "Slice(a, last, least, zero, minus)",
    "Gather<axis = 0>(a, one)",
    "Gather<axis = 1>(f, zero)",
    "Concat<axis = 0>(a, b)",
    "ConstantOfShape(a)",
    "ConstantOfShape<value = int64[1] {7}>(two)",
    "Expand(ones, a)",
    "Range(one, ten, one)",
    "ReduceProd<keepdims = 0>(a)",
    "ReduceSum(f, zero)",
    "ReduceMax<axes = [1]>(f)",
    "ReduceMin(a)",
]
MORE = """
    a4 = Constant<value = int64[2] {4, -1}>()
    minus = Constant<value = int64[1] {-1}>()
    huge = Constant<value = int64[1] {9223372036854775807}>()
    last = Constant<value = int64[1] {-1}>()
    least = Constant<value = int64[1] {-9223372036854775807}>()
    ten = Constant<value = int64 {10}>()
"""


def folded(text: str) -> tuple[GraphView, onnx.ModelProto]:
    built = model(f"g (float[2,3,5] x) => (float y) {{ {HEAD} {MORE} y = {text} }}")
    return GraphView(built), built


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_value_is_that_of_the_reference(text: str) -> None:
    view, built = folded(text)
    value = view.main.constant("y")
    with np.errstate(all="ignore"):
        (expected,) = ReferenceEvaluator(built).run(None, {"x": np.zeros((2, 3, 5), np.float32)})
    assert value is not None
    np.testing.assert_array_equal(value, expected)
    assert value.dtype == expected.dtype


@pytest.mark.parametrize(
    "text",
    [
        "Relu(x)",
        "ReduceSum(x)",
        "Reshape(x, a4)",
        "Relu(f)",
        "Reshape(f, a)",  # does not fit
        "Range(one, ten, none)",
        "ConstantOfShape(vast)",
    ],
)
def test_what_is_not_known_is_not_guessed(text: str) -> None:
    built = model(
        f"g (float[2,3,5] x) => (float y) {{ {HEAD} {MORE} none = Sub(one, one)\n"
        f"vast = Constant<value = int64[2] {{100000, 100000}}>()\n y = {text} }}"
    )
    assert GraphView(built).main.constant("y") is None


def test_open_shape_is_not_known() -> None:
    view = GraphView(model("g (float[n,3] x) => (int64[2] y) { y = Shape(x) }"))
    assert view.main.constant("y") is None
    view = GraphView(model("g (float[n,3] x) => (int64[1] y) { y = Shape<start = 1>(x) }"))
    np.testing.assert_array_equal(view.main.constant("y"), [3])
