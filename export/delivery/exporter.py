"""The whole way from a trained detector to a bundle with a verdict."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines import Model, OnnxModel, TorchModel, get_backend
from searchspaces import MASKS

from ..bundle.bundle import Bundle
from ..bundle.integrity import MODEL, REPORT
from ..bundle.place import refuse_in_the_way
from ..bundle.writer import write_bundle
from ..comparison.data import Progress, open_data
from ..gate.outcome import GateVerdict
from ..graph.file import example_inputs
from ..graph.model import export_onnx
from ..precision.descent import prepare_precision
from ..precision.written import open_calibration
from ..report.precision_summary import precision_summary
from ..request.request import ExportRequest, check_request
from ..verification.examination import examine
from ..verification.verify_report import VerifyReport
from .content import bundle_files, make_manifest, report_bytes


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
        latency = self.bundle.manifest.latency
        return {
            **found,
            "bundle": str(self.bundle.path),
            "arch": self.bundle.manifest.origin.arch,
            "outcome": str(self.verdict.outcome),
            "reasons": list(self.verdict.reasons),
            "precision": precision_summary(self.bundle.manifest.precision),
            "latency": None if latency is None else latency.to_dict(),
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
        EngineError: The engine is not installed, the device not there, or the engine cannot be
            built, run or measured.
        DatasetError: The data is not there or damaged.
        PrecisionError: int8 without images to calibrate on.
    """
    out = Path(out).absolute()
    refuse_in_the_way(out, overwrite=overwrite)
    check_request(request)
    backend = get_backend(request.engine, request.engine_options)
    backend.probe(request.device)
    data = None
    if request.data_dir is not None:
        data = open_data(
            request.data_dir,
            request.split,
            request.preprocess,
            request.limit,
            masks=MASKS in request.detector.spec.output_names,
        )
    calibration = open_calibration(request)
    with tempfile.TemporaryDirectory(prefix="detfit-export-") as name:
        folder = Path(name)
        _tell(progress, "writing the ONNX model")
        onnx_path = _write_onnx(request, folder)
        log = out.with_name(f"{out.name}.precision.jsonl")
        prepared = prepare_precision(
            request, onnx_path.read_bytes(), data, calibration, log=log, progress=progress
        )
        onnx_path.write_bytes(prepared.content)
        _tell(progress, f"building the {request.engine} engine")
        with backend.build(
            _engine_model(request, onnx_path),
            precision=request.precision,
            threads=request.threads,
            device=request.device,
        ) as engine:
            found = examine(request, engine, data, onnx_path, progress)
            files = bundle_files(request, engine, found, folder)
            manifest = make_manifest(request, engine, found, prepared)
            files[REPORT] = report_bytes(request, manifest, found, data, files, onnx_path)
        bundle = write_bundle(out, manifest, files, overwrite=overwrite)
    return ExportResult(bundle, found.verdict, found.report)


def _write_onnx(request: ExportRequest, folder: Path) -> Path:
    metadata = {"arch": request.origin.arch, "classes": json.dumps(request.labels)}
    artifact = export_onnx(
        request.detector,
        folder / MODEL,
        batch=1 if request.dynamic_batch else request.batch,
        opset=request.opset,
        dynamic_batch=request.dynamic_batch,
        metadata=metadata,
    )
    return artifact.path


def _engine_model(request: ExportRequest, onnx_path: Path) -> Model:
    inputs = example_inputs(request.batch, request.preprocess.input_hw)
    if request.engine == "torch":
        names = request.detector.spec.output_names
        return TorchModel(request.detector, inputs, names, name=request.origin.arch)
    return OnnxModel(onnx_path, inputs, name=request.origin.arch)


def _tell(progress: Progress | None, message: str) -> None:
    if progress is not None:
        progress(message, 0, 1)
