"""The whole way from a trained detector to a bundle with a verdict."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from detection import Detector, Preprocess, save_weights
from engines import Engine, Measurement, Model, OnnxModel, TimingProtocol, TorchModel, get_backend
from searchspaces import OUTPUTS

from .bundle import (
    LABELS,
    MEASUREMENT,
    MODEL,
    POSTPROCESS,
    PREPROCESS,
    REPORT,
    WEIGHTS,
    Bundle,
    labels_bytes,
    refuse_in_the_way,
    write_bundle,
)
from .detect import jpeg_bytes
from .drawing import draw
from .errors import VerificationError
from .evaluation import Comparison, EvaluationData, Progress, compare, open_data
from .files import json_bytes
from .gate import GateVerdict, judge
from .machine import detfit_version, machine_name
from .manifest import EngineRecord, GateLimits, Manifest
from .measuring import first_images, measure_engine
from .network import ModuleRunner, spec_of, weights_info
from .onnx_model import DEFAULT_OPSET, export_onnx
from .postprocess import Postprocess
from .records import MeasuredLatency, Origin, PredictedLatency
from .report import report_html
from .report_data import AgreementMark, Front, Sample
from .report_sources import manifest_report
from .session import Session, example_inputs
from .verify import VerifyReport, make_report, reference_session

ENGINE_FILES = {"onnxruntime": MODEL, "torch": "engine.pt2", "tensorrt": "engine.plan"}
"""Engine -> name of its file; ONNX Runtime reads the ONNX model itself."""

SAMPLES = 6
SAMPLE_PX = 720


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExportRequest:
    """Say what to export and how to verify it.

    Attributes:
        detector: With its trained weights.
        origin: What it is, so that it can be built again.
        labels: Class names by label.
        preprocess: From an image to its input.
        postprocess: What to do with its outputs.
        engine: A name of ``engines.BACKENDS``.
        precision: ``fp32``, ``fp16`` or ``int8``.
        batch: Images per run.
        threads: CPU threads.
        device: ``cpu`` or ``cuda:0``.
        opset: ONNX operator set.
        data_dir: Folder in COCO's layout to verify on; without it nothing is verified and the
            verdict is INCONCLUSIVE.
        split: Of the data.
        limit: Take only the first images.
        limits: What the gate allows.
        predicted: What the latency predictor promised.
        protocol: How to measure; the engines' defaults if ``None``.
        front: What the search evaluated, for the report.
        agreement: Predictions beside measurements, for the report.
    """

    detector: Detector
    origin: Origin
    labels: tuple[str, ...]
    preprocess: Preprocess
    postprocess: Postprocess = field(default_factory=Postprocess)
    engine: str = "onnxruntime"
    precision: str = "fp32"
    batch: int = 1
    threads: int = 1
    device: str = "cpu"
    opset: int = DEFAULT_OPSET
    data_dir: str | Path | None = None
    split: str = "val"
    limit: int | None = None
    limits: GateLimits = field(default_factory=GateLimits)
    predicted: PredictedLatency | None = None
    protocol: TimingProtocol | None = None
    front: Front | None = None
    agreement: tuple[AgreementMark, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportResult:
    """Hold a written bundle and how it was verified.

    Attributes:
        bundle: As read back from the disk.
        verdict: The gate's verdict; only ``verdict.passed`` may be deployed.
        report: The verification; ``None`` where there was no data to verify on.
    """

    bundle: Bundle
    verdict: GateVerdict
    report: VerifyReport | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        found = {} if self.report is None else self.report.to_dict()
        return {
            **found,
            "bundle": str(self.bundle.path),
            "arch": self.bundle.manifest.origin.arch,
            "outcome": str(self.verdict.outcome),
            "reasons": list(self.verdict.reasons),
            "files": sorted(self.bundle.manifest.files),
        }


def export_detector(
    request: ExportRequest,
    out: str | Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Export a detector, verify the engine and write the bundle, whatever the verdict.

    A failed gate is a bundle marked FAIL, for looking into: the caller has to end with failure
    unless ``result.verdict.passed``.

    Args:
        request: What and how.
        out: The bundle's folder.
        overwrite: Replace an existing bundle there.
        progress: Called as ``progress(message, done, total)``.

    Raises:
        BundleError: Something is in the way of the bundle, or it cannot be written.
        VerificationError: Detector, labels, origin and preprocessing contradict each other.
        GraphError: The detector cannot be an ONNX graph that every engine takes.
        EngineError: The engine is not installed or cannot be built, run or measured.
        DatasetError: The data is not there or damaged.
    """
    refuse_in_the_way(Path(out).absolute(), overwrite=overwrite)
    _check_request(request)
    backend = get_backend(request.engine)
    data = None
    if request.data_dir is not None:
        data = open_data(request.data_dir, request.split, request.preprocess, request.limit)
    with tempfile.TemporaryDirectory(prefix="detfit-export-") as name:
        folder = Path(name)
        _tell(progress, "writing the ONNX model")
        onnx_path = _write_onnx(request, folder)
        _tell(progress, f"building the {request.engine} engine")
        with backend.build(
            _engine_model(request, onnx_path),
            precision=request.precision,
            threads=request.threads,
            device=request.device,
        ) as engine:
            found = _examine(request, engine, data, progress)
            files = _engine_files(request, onnx_path, engine, folder)
            files |= _description_files(request, found)
            files[WEIGHTS] = save_weights(
                folder / WEIGHTS, request.detector, weights_info(request.origin, request.labels)
            )
            manifest = _manifest(request, engine, found)
            page = manifest_report(
                manifest,
                samples=_samples(request, data, found.comparison),
                front=request.front,
                agreement=request.agreement,
            )
            files[REPORT] = report_html(page).encode()
        bundle = write_bundle(out, manifest, files, overwrite=overwrite)
    return ExportResult(bundle, found.verdict, found.report)


@dataclass(frozen=True, slots=True)
class _Found:
    """Hold what was found out about an engine."""

    measurement: Measurement
    verdict: GateVerdict
    comparison: Comparison | None
    report: VerifyReport | None

    @property
    def measured(self) -> MeasuredLatency:
        return MeasuredLatency.of(self.measurement)


def _check_request(request: ExportRequest) -> None:
    spec = spec_of(request.origin)
    if spec != request.detector.spec:
        raise VerificationError(
            f"the detector is not what {request.origin.arch} with {dict(request.origin.options)} "
            "means; give the options that it was made with"
        )
    if len(request.labels) != spec.num_classes or len(set(request.labels)) != spec.num_classes:
        raise VerificationError(
            f"the detector has {spec.num_classes} classes, got {len(set(request.labels))} "
            f"different labels: {', '.join(request.labels)}"
        )
    if request.preprocess.input_hw != spec.input_hw:
        raise VerificationError(
            f"preprocessing makes images of {request.preprocess.input_hw} (height, width), the "
            f"detector takes {spec.input_hw}"
        )


def _write_onnx(request: ExportRequest, folder: Path) -> Path:
    metadata = {"arch": request.origin.arch, "classes": json.dumps(request.labels)}
    artifact = export_onnx(
        request.detector,
        folder / MODEL,
        batch=request.batch,
        opset=request.opset,
        metadata=metadata,
    )
    return artifact.path


def _engine_model(request: ExportRequest, onnx_path: Path) -> Model:
    inputs = example_inputs(request.batch, request.preprocess.input_hw)
    if request.engine == "torch":
        return TorchModel(request.detector, inputs, OUTPUTS, name=request.origin.arch)
    return OnnxModel(onnx_path, inputs, name=request.origin.arch)


def _examine(
    request: ExportRequest,
    engine: Engine,
    data: EvaluationData | None,
    progress: Progress | None,
) -> _Found:
    session = Session(
        engine, request.preprocess, request.postprocess, request.labels, request.batch
    )
    comparison = None
    if data is not None:
        reference = reference_session(session, ModuleRunner(request.detector))
        comparison = compare(reference, session, data, progress)
    _tell(progress, "measuring the engine")
    measurement = _measure(request, engine, data)
    if data is None or comparison is None:
        return _Found(measurement, _unverified(request, measurement), None, None)
    report = make_report(
        request.origin.arch,
        data,
        comparison,
        measurement,
        predicted=request.predicted,
        limits=request.limits,
    )
    return _Found(measurement, report.verdict, comparison, report)


def _measure(request: ExportRequest, engine: Engine, data: EvaluationData | None) -> Measurement:
    wanted = request.protocol or TimingProtocol()
    protocol = replace(wanted, threads=request.threads, precision=request.precision)
    inputs = None if data is None else first_images(data, request.batch)
    return measure_engine(engine, protocol, inputs)


def _unverified(request: ExportRequest, measurement: Measurement) -> GateVerdict:
    return judge(
        parity=None,
        ap_torch=None,
        ap_engine=None,
        measured=MeasuredLatency.of(measurement),
        predicted=request.predicted,
        budget_ms=request.limits.budget_ms,
        prediction_tolerance=request.limits.prediction_tolerance,
        accuracy_note="there was no data to verify on",
    )


def _engine_files(
    request: ExportRequest, onnx_path: Path, engine: Engine, folder: Path
) -> dict[str, bytes | Path]:
    files: dict[str, bytes | Path] = {MODEL: onnx_path}
    name = ENGINE_FILES.get(request.engine, f"engine.{request.engine}")
    if name != MODEL:
        files[name] = engine.save(folder / name)
    return files


def _description_files(request: ExportRequest, found: _Found) -> dict[str, bytes | Path]:
    return {
        PREPROCESS: json_bytes(request.preprocess.to_json()),
        POSTPROCESS: json_bytes(request.postprocess.to_json()),
        LABELS: labels_bytes(request.labels),
        MEASUREMENT: json_bytes(found.measurement.to_dict()),
    }


def _manifest(request: ExportRequest, engine: Engine, found: _Found) -> Manifest:
    comparison = found.comparison
    return Manifest(
        origin=request.origin,
        input_hw=request.preprocess.input_hw,
        num_classes=len(request.labels),
        engine=EngineRecord(
            name=request.engine,
            version=engine.device.engine_version,
            file=ENGINE_FILES.get(request.engine, f"engine.{request.engine}"),
            machine=machine_name(),
            device=engine.device.to_dict(),
            precision=request.precision,
            batch=request.batch,
            threads=request.threads,
        ),
        limits=request.limits,
        predicted=request.predicted,
        measured=found.measured,
        accuracy=None if comparison is None else comparison.accuracy,
        parity=None if comparison is None else comparison.parity,
        verdict=found.verdict,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        detfit_version=detfit_version(),
        files={},
    )


def _samples(
    request: ExportRequest, data: EvaluationData | None, comparison: Comparison | None
) -> tuple[Sample, ...]:
    """Draw what the engine found on a few images, evenly spread over the data."""
    if data is None or comparison is None:
        return ()
    rows = np.unique(np.linspace(0, len(data) - 1, min(SAMPLES, len(data))).round().astype(int))
    samples = []
    for row in rows.tolist():
        info = data.annotations.images[row]
        found = comparison.engine_detections[row].above(request.postprocess.score_threshold)
        image = draw(data.dataset.load(info), found, request.labels)
        image.thumbnail((SAMPLE_PX, SAMPLE_PX))
        samples.append(Sample(f"{info.file_name}: {len(found)} objects", jpeg_bytes(image)))
    return tuple(samples)


def _tell(progress: Progress | None, message: str) -> None:
    if progress is not None:
        progress(message, 0, 1)
