import copy
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch

from detection import DatasetError, Detector, Preprocess
from engines import EngineError, MeasurementError, UnknownEngineError
from export import (
    BundleError,
    CheckError,
    DetectError,
    ExportRequest,
    ExportResult,
    GateLimits,
    Origin,
    Outcome,
    PrecisionChoices,
    PredictedLatency,
    Session,
    VerificationError,
    export_detector,
    load_bundle,
)
from searchspaces import sha256_of_file

CALIBRATED = PrecisionChoices(calibration_dir=Path("/nowhere"))
OF_VAL = PrecisionChoices(calibration_split="val")
CUT_OFF = PrecisionChoices(calibration_method="minmax")
BOUNDED = PrecisionChoices(max_evaluations=3)
UNSEARCHED = PrecisionChoices(search=False)
NEITHER = PrecisionChoices(search=False, max_evaluations=3)


def test_a_good_engine_leaves_as_a_pass(exported: ExportResult) -> None:
    manifest = exported.bundle.manifest
    assert exported.verdict.outcome is Outcome.PASS, exported.verdict.reasons
    assert manifest.verdict == exported.verdict
    assert manifest.parity is not None
    assert manifest.parity.torch_detections > 0
    assert manifest.accuracy is not None
    assert manifest.accuracy.row("AP").engine == pytest.approx(
        manifest.accuracy.row("AP").torch or -1, abs=0.5
    )
    assert manifest.measured is not None
    assert manifest.measured.n >= 6
    assert manifest.engine.device["engine"] == "onnxruntime"
    assert (manifest.engine.batch, manifest.engine.threads) == (1, 1)
    json.dumps(exported.to_dict(), allow_nan=False)


def test_the_onnx_file_is_the_engine_byte_for_byte(exported: ExportResult) -> None:
    with Session.open(exported.bundle) as session:
        saved = session.engine.save(exported.bundle.path.parent / "again.onnx")
    assert sha256_of_file(saved) == sha256_of_file(exported.bundle.engine_path)
    saved.unlink()
    properties = {p.key: p.value for p in onnx.load(exported.bundle.onnx_path).metadata_props}
    assert properties["arch"] == exported.bundle.manifest.origin.arch
    assert json.loads(properties["classes"]) == list(exported.bundle.labels)


def test_a_failed_gate_writes_a_bundle_marked_fail(
    tmp_path: Path, export_request: ExportRequest, make_predicted: Callable[..., PredictedLatency]
) -> None:
    request = replace(
        export_request,
        limits=GateLimits(budget_ms=1e-3),
        predicted=make_predicted(p50_ms=1e6),
        limit=1,
    )
    result = export_detector(request, tmp_path / "bundle")
    assert not result.verdict.passed
    manifest = load_bundle(tmp_path / "bundle").manifest
    assert manifest.verdict.outcome is Outcome.FAIL
    failed = {c.name for c in manifest.verdict.checks if c.outcome is Outcome.FAIL}
    assert failed == {"budget", "prediction"}
    assert "FAIL" in (tmp_path / "bundle" / "report.html").read_text()


def test_a_wrong_engine_fails(
    tmp_path: Path, export_request: ExportRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault planted into the ONNX model: a bias of the class scores is off."""
    from export.graph import model as onnx_model

    real = onnx_model.to_onnx

    def faulty(module: torch.nn.Module, *args: object, **kwargs: object) -> onnx.ModelProto:
        wrong = copy.deepcopy(module)
        with torch.no_grad():
            for name, value in wrong.named_parameters():
                if name.endswith("classes.bias"):
                    value.add_(0.7)
        return real(wrong, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(onnx_model, "to_onnx", faulty)
    result = export_detector(export_request, tmp_path / "bundle")
    assert result.verdict.outcome is Outcome.FAIL
    assert "retinanet_head is the worst" in result.verdict.reasons[0]
    assert result.verdict.reasons[1].startswith("FAIL: matched at IoU 0.99")


def test_without_data_nothing_is_verified(tmp_path: Path, export_request: ExportRequest) -> None:
    result = export_detector(replace(export_request, data_dir=None), tmp_path / "bundle")
    assert result.verdict.outcome is Outcome.INCONCLUSIVE
    assert result.report is None
    manifest = result.bundle.manifest
    assert (manifest.accuracy, manifest.parity) == (None, None)
    assert manifest.measured is not None


@pytest.mark.parametrize("head", ["retinanet", "fpn"])
def test_batches_and_both_heads(
    tmp_path: Path,
    export_request: ExportRequest,
    make_detector: Callable[..., Detector],
    head: str,
) -> None:
    request = replace(
        export_request,
        detector=make_detector(head=head),
        origin=replace(
            export_request.origin, options=export_request.origin.options | {"head": head}
        ),  # type: ignore[operator]
        batch=3,
    )
    result = export_detector(request, tmp_path / "bundle")
    parity = result.bundle.manifest.parity
    assert parity is not None
    assert parity.torch_detections > 0
    assert parity.matched_fraction >= 0.99


@pytest.mark.filterwarnings("ignore:.*create_unbacked_symint:FutureWarning")
@pytest.mark.filterwarnings("ignore:No complete tensor found:UserWarning")
def test_the_torch_engine_has_a_file_of_its_own(
    tmp_path: Path, export_request: ExportRequest
) -> None:
    request = replace(export_request, engine="torch", engine_options=("channels_last=true",))
    result = export_detector(request, tmp_path / "bundle")
    assert result.bundle.engine_path.name == "engine.pt2"
    assert result.bundle.manifest.parity is not None
    assert result.bundle.manifest.parity.matched_fraction == 1.0
    with Session.open(result.bundle) as session:
        assert session.engine.device.engine == "torch"
        assert session.engine.device.options == "channels_last=true"


def test_progress_tells_every_step(tmp_path: Path, export_request: ExportRequest) -> None:
    messages: list[str] = []
    export_detector(
        replace(export_request, limit=1),
        tmp_path / "bundle",
        progress=lambda message, done, total: messages.append(message),
    )
    assert messages == [
        "writing the ONNX model",
        "building the onnxruntime engine",
        "comparing torch and engine",
        "resampling the images",
        "measuring the engine",
    ]


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"engine": "no-such"}, UnknownEngineError, "no-such"),
        ({"engine": "fake"}, DetectError, "no detections"),
        ({"labels": ("a", "b")}, VerificationError, "3 classes, got 2"),
        ({"labels": ("a", "b", "a")}, VerificationError, "got 2"),
        ({"preprocess": Preprocess((96, 64))}, VerificationError, r"\(96, 64\)"),
        ({"origin": Origin("detnas-nano:00-00-0000-00")}, VerificationError, "is not what"),
        ({"origin": Origin("detnas-nano:77")}, VerificationError, "cannot build"),
        ({"data_dir": Path("/nowhere")}, DatasetError, "no such data folder"),
        ({"limit": 0}, VerificationError, "at least 1"),
        ({"limit": 3, "data_dir": None}, VerificationError, "limit of 3 images, but none"),
        ({"lowering": CALIBRATED}, VerificationError, "go with int8, the precision is fp32"),
        (
            {"lowering": PrecisionChoices(seed=1, calibration_images=3), "precision": "fp16"},
            VerificationError,
            r"\(--calibration-images, --calibration-seed\) go with int8, the precision is fp16",
        ),
        ({"lowering": OF_VAL}, VerificationError, r"\(--calibration-split\) go with int8"),
        ({"lowering": CUT_OFF}, VerificationError, r"\(--calibration-method\) go with int8"),
        ({"lowering": UNSEARCHED}, VerificationError, "--no-fp32-search.* the precision is fp32"),
        ({"lowering": BOUNDED}, VerificationError, "--max-evaluations.* the precision is fp32"),
        ({"lowering": NEITHER, "precision": "fp16"}, VerificationError, "--max-evaluations bound"),
        (
            {"lowering": BOUNDED, "precision": "fp16", "data_dir": None},
            VerificationError,
            "--max-evaluations bounds",
        ),
        ({"limits": GateLimits(budget_on="p99")}, VerificationError, "--budget-on.* --budget-ms"),
        ({"batch": 10**6}, VerificationError, "choose a smaller batch"),
        ({"precision": "fp8"}, MeasurementError, "fp32, fp16, int8, got 'fp8'"),
        ({"threads": 0}, MeasurementError, "threads"),
        ({"device": "cuda:7"}, EngineError, "cuda:7"),
        ({"tensorrt": ("8.6", "7.1")}, CheckError, "TensorRT 7.1"),
    ],
)
def test_bad_requests_leave_nothing_behind(
    tmp_path: Path,
    export_request: ExportRequest,
    changes: dict[str, object],
    error: type[Exception],
    match: str,
) -> None:
    with pytest.raises(error, match=match):
        export_detector(replace(export_request, **changes), tmp_path / "bundle")  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_an_existing_bundle_is_refused_before_any_work(
    export_request: ExportRequest, bundle_folder: Path
) -> None:
    steps: list[str] = []
    with pytest.raises(BundleError, match="overwrite"):
        export_detector(export_request, bundle_folder, progress=lambda m, *_: steps.append(m))
    assert steps == []
    export_detector(replace(export_request, limit=1), bundle_folder, overwrite=True)
