import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from onnx import TensorProto, numpy_helper

from export import CheckError
from export.check import check_model, parse_target, read_model
from export.check.graph import GraphView
from tests.export.check.bad_graphs import BAD
from tests.export.check.graphs import model

BRANCH = """
g (float[2,3] x, bool c) => (float[n] y) {
    seven = Constant<value = float[1] {7.0}>()
    y = If(c) <
        then_branch = a () => (float[1] left) { left = Identity(seven) },
        else_branch = b () => (float[2,3] right) { right = Relu(x) }
    >
}"""


def test_types_shapes_and_neighbours_are_seen() -> None:
    view = GraphView(model("g (float[2,3] x) => (float[n] y) { t = Relu(x)\n y = Transpose(t) }"))
    relu, transpose = view.nodes
    assert (transpose.dtype(), transpose.shape(), transpose.rank()) == (
        TensorProto.FLOAT,
        (2, 3),
        2,
    )
    assert transpose.producer(0) is relu
    assert relu.consumers() == [transpose]
    assert relu.producer(0) is None
    assert (transpose.input(1), transpose.output(5), transpose.constant(1)) == (None, None, None)
    assert view.opset == 17
    assert view.ops == {"Relu", "Transpose"}


def test_branches_see_what_is_around_them() -> None:
    view = GraphView(model(BRANCH))
    assert [node.op for node in view.nodes] == ["Constant", "If", "Identity", "Relu"]
    (identity,) = view.of("Identity")
    np.testing.assert_array_equal(identity.constant(0), [7.0])
    assert identity.is_literal(0)
    (relu,) = view.of("Relu")
    assert relu.shape() == (2, 3)
    assert relu.constant(0) is None
    assert not relu.is_literal(0)


def test_weights_are_seen_without_going_through_the_inference() -> None:
    built = model("g (float[1,64] x, float[64,64] w) => (float[1,64] y) { y = MatMul(x, w) }")
    weights = np.arange(64 * 64, dtype=np.float32).reshape(64, 64)
    del built.graph.input[1]
    built.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    (node,) = GraphView(built).nodes
    assert node.is_literal(1)
    assert node.shape(1) == (64, 64)
    np.testing.assert_array_equal(node.constant(1), weights)
    assert GraphView(built).main.input_names == {"x"}


def test_the_model_is_left_as_it_was() -> None:
    built = model(BRANCH)
    GraphView(built)
    assert built == model(BRANCH)


def test_nonsense_is_refused() -> None:
    broken = model("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    del broken.opset_import[:]
    with pytest.raises(CheckError, match="cannot be inferred"):
        GraphView(broken)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x01\x12"])
def test_files_that_are_no_models_are_refused(tmp_path, content) -> None:  # type: ignore[no-untyped-def]
    from export import check_onnx

    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(CheckError):
        check_onnx(path, "8.6")


def test_missing_external_data_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    built = model("g (float[4] x) => (float[4] y) { y = Add(x, x) }")
    data = numpy_helper.from_array(np.ones(4, np.float32), "w")
    built.graph.initializer.append(data)
    onnx.save(
        built,
        tmp_path / "m.onnx",
        save_as_external_data=True,
        location="w.bin",
        size_threshold=0,
    )
    (tmp_path / "w.bin").unlink()
    with pytest.raises((CheckError, OSError)):
        read_model(tmp_path / "m.onnx")


def test_damaged_models_are_refused_or_checked_but_never_crash() -> None:
    """Flip bytes of small models: whatever still decodes is checked or refused in one line."""
    rng = np.random.default_rng(0)
    blobs = [case.model().SerializeToString() for case in BAD.values()]
    outcomes = {"checked": 0, "refused": 0}
    for number in range(1500):
        content = bytearray(blobs[number % len(blobs)])
        for place in rng.integers(0, len(content), 1 + number % 3):
            content[place] = rng.integers(0, 256)
        try:
            damaged = onnx.ModelProto.FromString(bytes(content))
        except DecodeError:
            continue
        try:
            check_model(damaged, parse_target("8.6", "fp16"))
            outcomes["checked"] += 1
        except CheckError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20, outcomes
