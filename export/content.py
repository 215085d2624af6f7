"""The files of a bundle, from what was exported and found out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from detection import save_weights
from engines import Engine
from searchspaces import MASKS

from .detect import jpeg_bytes
from .drawing import draw
from .evaluation import Comparison, EvaluationData
from .examination import Examination
from .files import json_bytes
from .integrity import LABELS, MEASUREMENT, MODEL, POSTPROCESS, PREPROCESS, WEIGHTS
from .machine import detfit_version, machine_name
from .manifest import Manifest
from .network import weights_info
from .records import EngineRecord
from .report_data import Sample
from .request import ExportRequest
from .runnable import labels_bytes

ENGINE_FILES = {
    "onnxruntime": MODEL,
    "openvino": MODEL,
    "torch": "engine.pt2",
    "tensorrt": "engine.plan",
}
"""Engine -> name of its file; ONNX Runtime and OpenVINO read the ONNX model itself."""

SAMPLES = 6
SAMPLE_PX = 720


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
    info = weights_info(request.origin, request.labels)
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
    return files


def engine_file(engine: str) -> str:
    """Return the name of an engine's file in a bundle."""
    return ENGINE_FILES.get(engine, f"engine.{engine}")


def make_manifest(request: ExportRequest, engine: Engine, found: Examination) -> Manifest:
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


def draw_samples(
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
