"""Whether an engine's modules are right one by one, as the gate will ask."""

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from engines import calibrate, prepared_model
from export import ExportRequest
from export.precision.lowerings import Int8Lowering
from export.precision.rungs import Rungs

ENGINES = ("onnxruntime", "openvino")
RECORDED: Any = None  # torch on images, which modules do not need


@pytest.fixture(scope="module")
def batches() -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [{"image": rng.standard_normal((1, 3, 64, 64)).astype(np.float32)} for _ in range(2)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_module_on_another_scale_is_not_right(
    export_request: ExportRequest, content: bytes, batches: list[dict[str, Any]], engine: str
) -> None:
    pytest.importorskip(engine)
    request = replace(export_request, engine=engine, precision="int8")
    rungs = Rungs(request, RECORDED, None)
    ranges = calibrate(prepared_model(content), batches, "minmax")
    lowering = Int8Lowering(content, ranges)
    assert rungs.is_right_inside(lowering.write(()), "int8", batches)
    wrong = onnx.load_from_string(lowering.write(()))
    name = next(n for n in ranges if n.startswith("/backbone_s2_b0/branch") and "Relu" in n)
    for tensor in wrong.graph.initializer:
        if tensor.name == f"{name}/scale":
            coarse = np.float32(max(map(abs, ranges[name])))
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(coarse), tensor.name))
    assert not rungs.is_right_inside(wrong.SerializeToString(), "int8", batches)


def test_detections_are_asked_to_be_as_alike_as_by_the_gate(
    export_request: ExportRequest,
) -> None:
    limits = replace(export_request.limits, min_matched=0.5, max_score_difference=0.25)
    alike = Rungs(replace(export_request, limits=limits), RECORDED, None).alike("fp16")
    assert (alike.precision, alike.min_matched, alike.max_score_difference) == ("fp16", 0.5, 0.25)


def test_the_engine_that_others_are_compared_with_strays_nowhere(
    export_request: ExportRequest, content: bytes, batches: list[dict[str, Any]]
) -> None:
    lowering = Int8Lowering(content, calibrate(prepared_model(content), batches, "minmax"))
    of = {name: Rungs(replace(export_request, engine=name), RECORDED, None) for name in ENGINES}
    assert of["onnxruntime"].strayed(lowering, batches) is None
    assert of["openvino"].strayed(lowering, batches) is not None


@pytest.mark.parametrize(("precision", "iou"), [("fp32", 0.99), ("fp16", 0.9), ("int8", 0.5)])
def test_a_rung_counts_matches_at_the_iou_of_its_precision(
    export_request: ExportRequest,
    content: bytes,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    iou: float,
) -> None:
    class AskedError(Exception):
        pass

    def compare(*_: object, iou: float) -> None:
        raise AskedError(iou)

    monkeypatch.setattr("export.precision.rungs.compare", compare)
    with pytest.raises(AskedError, match=f"^{iou}$"):
        Rungs(export_request, Mock(), None).compared(
            content, precision, "rounded", (0, 0), emulated_in="fp32"
        )
