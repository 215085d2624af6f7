"""The files of a bundle, from what was exported and found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from detection import save_weights
from engines import Engine
from searchspaces import MASKS

from ..bundle.descriptions import labels_bytes
from ..bundle.integrity import LABELS, MEASUREMENT, MODEL, POSTPROCESS, PREPROCESS, WEIGHTS
from ..bundle.manifest import Manifest
from ..bundle.plan import build_files, build_record
from ..bundle.writer import digests_of
from ..comparison.data import EvaluationData
from ..files import json_bytes
from ..machine import detfit_version, machine_name
from ..precision.descent import Prepared, with_delivered
from ..records.engine import EngineRecord
from ..report.bundle import manifest_report
from ..report.page import report_html
from ..report.tensorrt import check_releases, wanted_releases
from ..request.request import ExportRequest
from ..running.network import weights_info
from ..verification.examination import Examination
from .samples import draw_samples

ENGINE_FILES = {
    "onnxruntime": MODEL,
    "openvino": MODEL,
    "torch": "engine.pt2",
    "tensorrt": "engine.plan",
}
"""Engine -> name of its file; ONNX Runtime and OpenVINO read the ONNX model itself."""


def bundle_files(
    request: ExportRequest, engine: Engine, found: Examination, folder: Path
) -> dict[str, bytes | Path]:
    """Return every file of a bundle but the report and the manifest.

    Args:
        request: What is exported.
        engine: As built.
        found: What was found out about it.
        folder: Holds the ONNX model; weights and engine are written there.

    Raises:
        EngineError: The engine cannot be saved.
    """
    info = weights_info(request.origin, request.labels, request.preprocess)
    masks = MASKS in request.detector.spec.output_names
    files: dict[str, bytes | Path] = {
        MODEL: folder / MODEL,
        WEIGHTS: save_weights(folder / WEIGHTS, request.detector, info),
        PREPROCESS: json_bytes(request.preprocess.to_json()),
        POSTPROCESS: json_bytes(replace(request.postprocess, masks=masks).to_json()),
        LABELS: labels_bytes(request.labels),
        MEASUREMENT: json_bytes(found.measurement.to_dict()),
    }
    name = engine_file(request.engine)
    if name != MODEL:
        files[name] = engine.save(folder / name)
        files.update(build_files(engine))
    return files


def engine_file(engine: str) -> str:
    """Return the name of an engine's file in a bundle."""
    return ENGINE_FILES.get(engine, f"engine.{engine}")


def make_manifest(
    request: ExportRequest, engine: Engine, found: Examination, prepared: Prepared
) -> Manifest:
    """Return the manifest of a bundle whose files are not written yet."""
    comparison = found.comparison
    return Manifest(
        origin=request.origin,
        input_hw=request.preprocess.input_hw,
        num_classes=len(request.labels),
        engine=EngineRecord(
            name=request.engine,
            version=engine.device.engine_version,
            file=engine_file(request.engine),
            machine=machine_name(),
            device=engine.device.to_dict(),
            precision=request.precision,
            batch=request.batch,
            threads=request.threads,
            runs_on=request.device,
            written_in=prepared.written_in,
            build=build_record(engine),
        ),
        limits=request.limits,
        predicted=request.predicted,
        measured=found.measured,
        latency=found.latency,
        accuracy=None if comparison is None else comparison.accuracy,
        parity=None if comparison is None else comparison.parity,
        verdict=found.verdict,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        detfit_version=detfit_version(),
        files={},
        precision=with_delivered(prepared, request, comparison, found.measured),
    )


def report_bytes(
    request: ExportRequest,
    manifest: Manifest,
    found: Examination,
    data: EvaluationData | None,
    files: Mapping[str, bytes | Path],
    onnx_path: Path,
) -> bytes:
    """Return the report of a bundle whose other files are made.

    Raises:
        CheckError: The ONNX model cannot be checked for TensorRT.
        DatasetError: An image is damaged.
    """
    engine = manifest.engine
    releases = wanted_releases(engine.name, engine.version, request.tensorrt)
    page = manifest_report(
        manifest,
        samples=draw_samples(request, data, found.comparison),
        front=request.front,
        agreement=request.agreement,
        tensorrt=check_releases(onnx_path, request.precision, releases),
        files=digests_of(files),
    )
    return report_html(page).encode()
