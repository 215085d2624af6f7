import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from detection import Detector
from export import (
    ExportError,
    GraphError,
    check_graph,
    detector_to_onnx,
    export_onnx,
)
from latency import module_of_node
from searchspaces import OUTPUTS, sha256_of_file

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
SHAPES = {"boxes": [1, 5, 4], "scores": [1, 5], "labels": [1, 5], "count": [1]}


def toy_graph(
    nodes: list[onnx.NodeProto] | None = None,
    *,
    image: object = (1, 3, 64, 64),
    **shapes: object,
) -> onnx.ModelProto:
    """A graph with a detector's inputs and outputs, whatever is between them."""
    outputs = [
        helper.make_tensor_value_info(
            name, INT if name in ("labels", "count") else FLOAT, shapes.get(name, shape)
        )
        for name, shape in SHAPES.items()
    ]
    inputs = [helper.make_tensor_value_info("image", FLOAT, image)]
    return helper.make_model(helper.make_graph(nodes or [], "toy", inputs, outputs))


@pytest.mark.parametrize("head", ["retinanet", "fpn"])
@pytest.mark.parametrize("batch", [1, 2])
def test_engine_gives_what_torch_gives(
    tmp_path: Path, make_detector: Callable[..., Detector], head: str, batch: int
) -> None:
    detector = make_detector(head=head)
    artifact = export_onnx(detector, tmp_path / "model.onnx", batch=batch)
    image = np.random.default_rng(1).standard_normal((batch, 3, 64, 64), np.float32)
    session = onnxruntime.InferenceSession(artifact.path, providers=["CPUExecutionProvider"])
    found = dict(zip(OUTPUTS, session.run(list(OUTPUTS), {"image": image}), strict=True))
    with torch.inference_mode():
        expected = detector(torch.from_numpy(image))
    assert expected[3].min() > 0, "the test needs detections"
    for name, tensor in zip(OUTPUTS, expected, strict=True):
        np.testing.assert_allclose(found[name], tensor.numpy(), rtol=1e-4, atol=1e-3)


def test_the_file_says_what_it_is(tmp_path: Path, detector: Detector) -> None:
    artifact = export_onnx(detector, tmp_path / "m.onnx", metadata={"arch": "detnas-nano:x"})
    model = onnx.load(artifact.path)
    assert {entry.key: entry.value for entry in model.metadata_props}.items() >= {
        ("arch", "detnas-nano:x"),
        ("input_size", "64x64"),
        ("num_classes", "3"),
        ("batch", "1"),
    }
    assert model.opset_import[0].version == 17
    assert artifact.sha256 == sha256_of_file(artifact.path)
    assert artifact.size_bytes == artifact.path.stat().st_size
    assert not detector.training


def test_equal_detectors_give_equal_files(tmp_path: Path, detector: Detector) -> None:
    one = export_onnx(detector, tmp_path / "one.onnx")
    other = export_onnx(detector, tmp_path / "other.onnx")
    assert one.sha256 == other.sha256


def test_nodes_map_back_to_modules(detector: Detector) -> None:
    model = detector_to_onnx(detector)
    known = {node.name for node in detector.graph.nodes}
    modules = {module_of_node(node.name) for node in model.graph.node if node.name}
    assert modules - {None} == known
    computing = [n for n in model.graph.node if n.op_type in ("Conv", "Gemm", "MatMul")]
    assert computing
    assert None not in {module_of_node(node.name) for node in computing}


def test_a_plain_graph_passes() -> None:
    check_graph(toy_graph(), batch=1, input_hw=(64, 64))


@pytest.mark.parametrize("kind", ["If", "Loop", "Scan"])
def test_control_flow_is_refused_by_name(kind: str) -> None:
    node = helper.make_node(kind, ["image"], ["x"], name="/detections/nms/" + kind)
    with pytest.raises(
        GraphError, match=f"/detections/nms/{kind}.*of module detections is a {kind}"
    ):
        check_graph(toy_graph([node]))


def test_a_foreign_operator_is_refused() -> None:
    node = helper.make_node("EfficientNMS_TRT", ["image"], ["x"], name="nms", domain="trt.plugins")
    with pytest.raises(GraphError, match=r"'nms' is trt\.plugins\.EfficientNMS_TRT"):
        check_graph(toy_graph([node]))


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (toy_graph(boxes=[1, "n", 4]), r"output 'boxes' has the shape \(1, \?, 4\)"),
        (toy_graph(image=("b", 3, 64, 64)), "input 'image'.*every size must be fixed"),
        (toy_graph(boxes=[1, 6, 4]), "output 'boxes'.*expected"),
        (toy_graph(count=[1, 1]), "output 'count'"),
        (toy_graph(scores=[5]), "output"),
        (toy_graph(image=(2, 3, 64, 64)), "input 'image' has the shape"),
        (toy_graph(image=(1, 3, 64, 96)), "input 'image' has the shape"),
    ],
)
def test_other_shapes_are_refused(model: onnx.ModelProto, match: str) -> None:
    with pytest.raises(GraphError, match=match):
        check_graph(model, batch=1, input_hw=(64, 64))


def test_other_names_are_refused() -> None:
    model = toy_graph()
    model.graph.output[0].name = "bboxes"
    with pytest.raises(GraphError, match="outputs are bboxes, scores, labels, count"):
        check_graph(model)
    del model.graph.input[:]
    with pytest.raises(GraphError, match="inputs are none"):
        check_graph(model)


def test_failures_write_nothing(tmp_path: Path, make_detector: Callable[..., Detector]) -> None:
    detector = make_detector()
    with pytest.raises(GraphError, match="batch must be at least 1"):
        export_onnx(detector, tmp_path / "m.onnx", batch=0)
    with pytest.raises(ExportError, match="cannot write"):
        export_onnx(detector, tmp_path / "missing" / "m.onnx")
    detector.forward = lambda images: (_ for _ in ()).throw(RuntimeError("broken"))  # type: ignore[method-assign]
    with pytest.raises(GraphError, match="broken"):
        export_onnx(detector, tmp_path / "m.onnx")
    assert os.listdir(tmp_path) == []
