"""A simplified graph is smaller, keeps its names and interface, and computes the same."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from detection import Detector
from engines import to_onnx
from export import GraphError
from export.check.proof import Proof, Reference
from export.graph.simplify import simplified
from latency import module_of_node
from tests.detection.test_export import spread_boxes
from tests.detection.variants import SIDE, VARIANTS
from tests.export.check.graphs import model

QUICK = ("faster_rcnn_2fc", "retinanet")
families = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in VARIANTS]
)


def exported(name: str) -> tuple[Detector, onnx.ModelProto]:
    torch.set_num_threads(1)
    detector = Detector(VARIANTS[name]).eval()
    spread_boxes(detector)
    image = np.random.default_rng(0).standard_normal((1, 3, SIDE, SIDE), np.float32)
    return detector, to_onnx(detector, {"image": image}, detector.spec.output_names)


def run(built: onnx.ModelProto, image: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        built.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return [np.asarray(array) for array in session.run(None, {"image": image})]


@families
def test_a_detector_becomes_smaller_and_stays_the_same(name: str) -> None:
    detector, original = exported(name)
    before = original.SerializeToString()
    smaller = simplified(original)
    assert original.SerializeToString() == before, "the model given was changed"
    assert len(smaller.graph.node) < 0.6 * len(original.graph.node)
    image = np.random.default_rng(1).standard_normal((1, 3, SIDE, SIDE), np.float32)
    for mine, theirs in zip(run(original, image), run(smaller, image), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    names = [node.name for node in smaller.graph.node]
    assert len(set(names)) == len(names)
    assert set(names) <= {node.name for node in original.graph.node}
    modules = {module_of_node(name) for name in names}
    assert modules == {node.name for node in detector.graph.nodes}
    assert {node.domain for node in smaller.graph.node} == {""}
    assert list(smaller.graph.input) == list(original.graph.input)
    assert list(smaller.graph.output) == list(original.graph.output)
    assert list(smaller.opset_import) == list(original.opset_import)
    known = {info.name for info in (*smaller.graph.value_info, *smaller.graph.output)}
    assert {name for node in smaller.graph.node for name in node.output if name} <= known


def test_an_input_that_is_not_read_stays() -> None:
    built = model("g (float[2] x, float[3] y) => (float[2] z) { z = Relu(x) }")
    assert [value.name for value in simplified(built).graph.input] == ["x", "y"]


def test_notes_and_versions_stay() -> None:
    built = model("g (float[2] x) => (float[2] z) { z = Relu(x) }", opset=20)
    built.producer_name = "somebody"
    built.metadata_props.add(key="note", value="text")
    smaller = simplified(built)
    assert smaller.producer_name == "somebody"
    assert smaller.ir_version == built.ir_version
    assert [(entry.key, entry.value) for entry in smaller.metadata_props] == [("note", "text")]


def test_what_does_not_run_is_refused() -> None:
    built = model("g (float[2] x) => (float[2] z) { z = own.Odd(x) }", domains=', "own" : 1')
    with pytest.raises(GraphError, match="cannot be simplified: onnxruntime cannot load"):
        simplified(built)


def test_another_result_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Proof(False, 3, "output 'z' differs")
    monkeypatch.setattr(Reference, "prove", lambda *_: wrong)
    with pytest.raises(GraphError, match="computes something else: output 'z' differs"):
        simplified(model("g (float[2] x) => (float[2] z) { z = Relu(x) }"))
