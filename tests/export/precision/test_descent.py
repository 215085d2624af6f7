"""Whole exports in lower precisions: what the bundle says and what it does."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from detection import Detector
from export import (
    ExportRequest,
    ExportResult,
    GateLimits,
    PrecisionChoices,
    PrecisionError,
    Session,
    check_onnx,
    export_detector,
    load_bundle,
)
from export.precision.arithmetic import INT8, ROUNDED, ROUNDED_WEIGHTS, overflows
from latency import module_of_node

Export = Callable[..., ExportResult]
GENEROUS = GateLimits(budget_ms=60_000.0, max_ap_drop=60.0)


@pytest.fixture(scope="module")
def export(export_request: ExportRequest, tmp_path_factory: pytest.TempPathFactory) -> Export:
    def exported(**changes: object) -> ExportResult:
        out = tmp_path_factory.mktemp("bundles") / "bundle"
        return export_detector(replace(export_request, **changes), out)  # type: ignore[arg-type]

    return exported


@pytest.fixture(
    scope="module", params=["onnxruntime", pytest.param("openvino", marks=pytest.mark.slow)]
)
def int8(request: pytest.FixtureRequest, export: Export) -> ExportResult:
    if request.param == "openvino":
        pytest.importorskip("openvino")
    return export(precision="int8", engine=request.param, limits=GENEROUS)


def test_the_ladder_has_every_precision_with_drop_and_interval(int8: ExportResult) -> None:
    record = int8.bundle.manifest.precision
    assert record is not None
    rows = [(row.precision, row.arithmetic) for row in record.rows]
    assert rows == [
        ("fp32", "float32"),
        ("fp16", ROUNDED_WEIGHTS),
        ("fp16", ROUNDED),
        ("int8", INT8),
    ]
    for row in record.rows:
        ap = next(one for one in row.accuracy if one.metric == "AP")
        assert ap.torch is not None
        assert ap.engine is not None
        assert ap.drop_ci is not None
        assert ap.drop_ci[0] <= ap.drop <= ap.drop_ci[1]
        assert 0 < row.matched <= 1
        assert (row.measured is None) == (row.arithmetic == ROUNDED)
    assert record.rows[0].matched == 1.0
    assert [row.delivered for row in record.rows] == [False, False, False, True]
    assert record.rows[-1].lowered > 0


def test_calibration_is_recorded(int8: ExportResult, data_folder: Path) -> None:
    record = int8.bundle.manifest.precision
    assert record is not None
    assert record.calibration is not None
    assert len(record.calibration.images) == 4
    assert record.calibration.method == "percentile"
    assert "among those that the engine is verified on" in record.calibration.note
    assert str(data_folder) in record.calibration.data


def test_the_bundle_runs_what_was_verified(int8: ExportResult, tmp_path: Path) -> None:
    bundle = load_bundle(int8.bundle.path)
    assert bundle.manifest.precision == int8.bundle.manifest.precision
    assert bundle.manifest.engine.precision == bundle.manifest.engine.written_in == "int8"
    kinds = [node.op_type for node in onnx.load(bundle.onnx_path).graph.node]
    assert kinds.count("QuantizeLinear") > 5
    image = np.zeros((1, 3, 64, 64), np.float32)
    with Session.open(bundle) as session:
        assert session.engine.precision == "int8"
        session.engine.run({"image": image})
        if bundle.manifest.engine.name == "onnxruntime":
            saved = session.engine.save(tmp_path / "again.onnx")
            assert saved.read_bytes() == bundle.onnx_path.read_bytes()


def test_the_result_is_plain_json(int8: ExportResult) -> None:
    told = json.loads(json.dumps(int8.to_dict(), allow_nan=False))["precision"]
    assert [row["precision"] for row in told["rows"]] == ["fp32", "fp16", "fp16", "int8"]
    assert set(told["rows"][0]) >= {"AP", "drop", "drop_ci", "median_ms"}
    assert told["calibration"]["count"] == 4


@pytest.mark.parametrize("tensorrt", ["10.0", "10.4", "11.1"])
def test_tensorrt_would_take_the_graph(int8: ExportResult, tensorrt: str) -> None:
    if int8.bundle.manifest.engine.name == "onnxruntime":
        pytest.skip("onnxruntime's own int8 kernels take another graph")
    report = check_onnx(int8.bundle.onnx_path, tensorrt)
    assert report.passed, report.lines()


@pytest.mark.slow
def test_a_planted_overflow_is_repaired(export: Export, planted: tuple[Detector, str]) -> None:
    limits = GateLimits(budget_ms=60_000.0, max_ap_drop=5.0)
    result = export(detector=planted[0], precision="fp16", limits=limits)
    record = result.bundle.manifest.precision
    assert record is not None
    assert record.search is not None
    assert record.search.drop_before > 20
    assert record.search.drop_after <= 5
    assert {module_of_node(node.name) for node in record.kept} == {planted[1]}
    assert any("saturates" in node.why for node in record.kept)
    rows = {row.arithmetic: row for row in record.rows}
    assert rows[ROUNDED].kept == len(record.kept)
    assert rows[ROUNDED].accuracy[0].drop <= 5
    assert result.verdict.passed, result.verdict.reasons
    types = {node.name: node for node in onnx.load(result.bundle.onnx_path).graph.node}
    kept = types[record.kept[0].name]
    assert not any(name.endswith("/half") for name in kept.input)
    assert not list(result.bundle.path.parent.glob("*.jsonl"))


def test_without_images_half_is_written_and_nothing_claimed(export: Export) -> None:
    record = export(precision="fp16", data_dir=None).bundle.manifest.precision
    assert record is not None
    assert record.rows == ()
    assert record.search is None
    assert "nothing was compared" in record.note


def test_int8_without_images_is_refused(export: Export) -> None:
    with pytest.raises(PrecisionError, match="int8 is calibrated on images and there are none"):
        export(precision="int8", data_dir=None)


@pytest.mark.slow
def test_a_loss_that_no_search_can_tell_is_told(export: Export) -> None:
    limits = GateLimits(max_ap_drop=100.0)
    record = export(precision="fp16", limits=limits).bundle.manifest.precision
    assert record is not None
    assert record.search is None
    assert record.note


@pytest.mark.slow
def test_no_search_unless_asked_for(export: Export, planted: tuple[Detector, str]) -> None:
    choices = PrecisionChoices(search=False)
    result = export(detector=planted[0], precision="fp16", lowering=choices)
    record = result.bundle.manifest.precision
    assert record is not None
    assert (record.kept, record.search, record.note) == ((), None, "no search was asked for")


def test_fp32_has_no_ladder(exported: ExportResult) -> None:
    assert exported.bundle.manifest.precision is None
    assert exported.to_dict()["precision"] is None


def test_whether_an_engine_computes_in_half_is_tried() -> None:
    class Fixed:
        name = "fixed"

        def __init__(self, given: float) -> None:
            self.given = given

        def build(self, model, **options):
            return self

        def __enter__(self):
            return self

        def __exit__(self, *args):
            return None

        def run(self, inputs):
            return {"y": np.full((1, 1, 4, 4), self.given, np.float32)}

    from engines import EngineError

    assert overflows(Fixed(np.inf))
    assert not overflows(Fixed(90.0))
    with pytest.raises(EngineError, match="gives 12"):
        overflows(Fixed(12.0))
