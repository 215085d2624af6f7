import json
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from detection import Detector
from engines import get_backend
from export import ExportResult, detector_to_onnx
from export.comparison.tensors import compare_tensors, look_inside
from export.gate.tensors import TensorReport

IMAGE = np.random.default_rng(0).standard_normal((1, 3, 64, 64), np.float32)
TOLERANCE = 1e-4


def compared(detector: Detector, model: onnx.ModelProto) -> TensorReport:
    backend = get_backend("onnxruntime")
    return compare_tensors(detector, model.SerializeToString(), backend, [IMAGE])


def wrong(report: TensorReport) -> set[str]:
    return {row.name.partition(":")[0] for row in report.rows if row.relative > TOLERANCE}


@pytest.mark.parametrize("head", ["retinanet", "fpn"])
def test_every_module_is_seen_and_agrees(
    make_detector: Callable[..., Detector], head: str
) -> None:
    detector = make_detector(head=head)
    report = compared(detector, detector_to_onnx(detector))
    assert report.unseen == ()
    assert report.error == ""
    seen = {row.name.partition(":")[0] for row in report.rows}
    selecting = {"proposals", "detections"}
    assert seen == {node.name for node in detector.graph.nodes} - selecting
    assert sum(row.name.startswith("neck") for row in report.rows) == 5
    assert report.worst is not None
    assert report.worst.relative < TOLERANCE
    assert all(row.cosine == pytest.approx(1, abs=1e-6) for row in report.rows)


@pytest.mark.parametrize("module", ["backbone_s2_b0", "retinanet_head"])
@pytest.mark.parametrize("factor", [1.01, np.nan, np.inf])
def test_an_error_shows_in_the_module_that_makes_it_and_in_no_other(
    detector: Detector, module: str, factor: float
) -> None:
    model = detector_to_onnx(detector)
    weights = {
        name
        for node in model.graph.node
        if f"/{module}/" in node.name and node.op_type == "Conv"
        for name in node.input[1:2]
    }
    first = next(value for value in model.graph.initializer if value.name in weights)
    array = numpy_helper.to_array(first) * np.float32(factor)
    first.CopyFrom(numpy_helper.from_array(array, first.name))
    report = compared(detector, model)
    assert module in wrong(report)
    if np.isfinite(factor):
        assert wrong(report) == {module}
    else:
        assert report.worst is not None
        assert report.worst.relative == np.inf
        json.dumps(report.to_dict(), allow_nan=False)


def test_engines_that_are_not_looked_into(exported: ExportResult, detector: Detector) -> None:
    path = exported.bundle.onnx_path
    how = {"precision": "fp32", "threads": 1, "device": "cpu"}
    assert look_inside(detector, path, [IMAGE], engine="torch", **how) is None  # type: ignore[arg-type]
    how["precision"] = "fp64"
    report = look_inside(detector, path, [IMAGE], engine="onnxruntime", **how)  # type: ignore[arg-type]
    assert report is not None
    assert "fp64" in report.error
