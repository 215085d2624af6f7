import numpy as np
import pytest

from export.check.proof import Reference
from tests.export.check.graphs import model


def test_equal_models_are_the_same() -> None:
    text = "g (float[2,n] x, bool[3] c, int64[2] i) => (float[2,n] y, bool[3] d, int64[2] j) {"
    text += " y = Relu(x)\n d = Not(c)\n j = Neg(i) }"
    proof = Reference(model(text)).prove(model(text))
    assert proof.same
    assert proof.samples == 3


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ("y = Neg(x)", "output 'y' differs"),
        ("y = Concat<axis = 0>(x, x)", "has the shape"),
        ("y = Cast<to = 6>(x)", "is int32 instead of float32"),
        ("y = Sqrt(x)", "differs"),
    ],
)
def test_another_result_is_seen(changed: str, reason: str) -> None:
    kind = "int32" if "Cast" in changed else "float"
    original = model("g (float[4] x) => (float[4] y) { y = Identity(x) }")
    other = model(f"g (float[4] x) => ({kind}[n] y) {{ {changed} }}")
    proof = Reference(original).prove(other)
    assert not proof.same
    assert reason in proof.reason


def test_nan_equals_nan() -> None:
    text = "g (float[4] x) => (float[4] y) { y = Sqrt(x) }"
    assert Reference(model(text)).prove(model(text)).same


def test_tolerance_is_of_rounding_only() -> None:
    original = model("g (float[4] x) => (float[4] y) { y = Identity(x) }")
    near = model(
        "g (float[4] x) => (float[4] y) { e = Constant<value = float {1e-7}>()\n y = Add(x, e) }"
    )
    reference = Reference(original)
    assert not reference.prove(near).same
    assert reference.prove(near, tolerance=1e-5).same


def test_what_cannot_be_loaded_says_so() -> None:
    with pytest.raises(RuntimeError, match="cannot load"):
        Reference(model("g (float[4] x) => (float[4] y) { y = NoSuchOperator(x) }"))


def test_what_never_runs_says_so() -> None:
    text = """
    g (float[4] x) => (float[4] y) {
        far = Constant<value = int64[1] {9}>()
        y = Gather(x, far)
    }"""
    with pytest.raises(RuntimeError, match="cannot run"):
        Reference(model(text))


def test_a_model_that_no_longer_runs_is_not_the_same() -> None:
    original = model("g (float[4] x) => (float[n] y) { y = Identity(x) }")
    broken = model(
        "g (float[4] x) => (float[n] y) { s = Constant<value = int64[1] {3}>()\n"
        " y = Reshape(x, s) }"
    )
    proof = Reference(original).prove(broken)
    assert not proof.same
    assert "no longer runs" in proof.reason


def test_samples_are_the_same_every_time() -> None:
    text = "g (float[4] x) => (float[4] y) { y = Relu(x) }"
    first, second = (Reference(model(text))._runs for _ in range(2))
    for (one, _), (other, _) in zip(first, second, strict=True):
        np.testing.assert_array_equal(one["x"], other["x"])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("g (string[4] x) => (string[4] y) { y = Identity(x) }", "tensor.string."),
        (
            "g (seq(float[4]) x) => (float[4] y) {"
            " i = Constant<value = int64 {0}>()\n y = SequenceAt(x, i) }",
            "seq.tensor.float..",
        ),
    ],
)
def test_inputs_without_samples_say_so(text: str, kind: str) -> None:
    with pytest.raises(RuntimeError, match=f"no samples of input 'x', which is {kind}"):
        Reference(model(text))
