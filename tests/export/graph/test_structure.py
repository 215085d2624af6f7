from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from detection import Detector
from export import ExportResult
from export.graph.structure import inspect_structure


@pytest.fixture
def model(exported: ExportResult) -> onnx.ModelProto:
    return onnx.load(exported.bundle.onnx_path)


def faults(model: onnx.ModelProto, detector: Detector, tmp_path: Path, batch: int = 1) -> str:
    onnx.save(model, tmp_path / "model.onnx")
    return "; ".join(inspect_structure(tmp_path / "model.onnx", detector.spec, batch).faults)


def test_a_good_graph(model: onnx.ModelProto, detector: Detector, tmp_path: Path) -> None:
    onnx.save(model, tmp_path / "model.onnx")
    report = inspect_structure(tmp_path / "model.onnx", detector.spec, 1)
    assert report.faults == ()
    assert report.nodes == len(model.graph.node)


def test_a_graph_of_another_detector(
    model: onnx.ModelProto, make_detector: Callable[..., Detector], tmp_path: Path
) -> None:
    other = make_detector(input_hw=(96, 96))
    assert "input 'image' has the shape (1, 3, 64, 64)" in faults(model, other, tmp_path)
    assert "'boxes' has the shape (1, 100, 4), the detector gives (2, 100, 4)" in faults(
        model, make_detector(), tmp_path, batch=2
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers(
    model: onnx.ModelProto, detector: Detector, tmp_path: Path, value: float
) -> None:
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 4)
    array = numpy_helper.to_array(tensor).copy()
    array.flat[:2] = value
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    assert f"2 of {array.size} numbers of {tensor.name} are not finite" in faults(
        model, detector, tmp_path
    )


def test_weights_cut_at_the_end_of_fp16(
    model: onnx.ModelProto, detector: Detector, tmp_path: Path
) -> None:
    array = np.array([1.0, 65504.0, -65504.0], np.float16)
    model.graph.initializer.append(numpy_helper.from_array(array, "cut"))
    assert "2 of 3 numbers of cut stand at the end of fp16" in faults(model, detector, tmp_path)


def test_control_flow(model: onnx.ModelProto, detector: Detector, tmp_path: Path) -> None:
    model.graph.node[0].op_type = "Loop"
    assert "is a Loop" in faults(model, detector, tmp_path)


def test_no_model_at_all(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    report = inspect_structure(tmp_path / "model.onnx", detector.spec, 1)
    assert "model.onnx is no ONNX model" in report.faults[0]
