"""Verify a bundle: does the engine detect what torch does, as well, and as fast as promised?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from detection import CocoReport
from engines import Engine, Measurement, TimingProtocol
from searchspaces import IMAGE, MASKS

from .bundle import Bundle, load_bundle
from .evaluation import Comparison, EvaluationData, Progress, compare, open_data
from .gate import GateVerdict, judge
from .integrity import MEASUREMENT
from .manifest import GateLimits
from .measuring import first_images, measure_engine
from .network import ModuleRunner, load_detector
from .parity import ParityReport
from .records import Accuracy, MeasuredLatency, PredictedLatency
from .session import Session
from .tensors import TensorReport, look_inside


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Hold what a verification found.

    Attributes:
        arch: The network, as ``space:code``.
        data: Folder and split.
        images: Images compared.
        parity: Matched detections of torch and engine.
        accuracy: COCO numbers of both, in points.
        torch_coco: COCO's report of torch; ``None`` where no class is shared.
        engine_coco: Likewise of the engine.
        measurement: The latency as measured; ``None`` where it was not to be.
        predicted: The latency that was promised.
        verdict: The gate's verdict.
        tensors: The engine's modules beside torch's; ``None`` where they were not compared.
    """

    arch: str
    data: str
    images: int
    parity: ParityReport
    accuracy: Accuracy
    torch_coco: CocoReport | None
    engine_coco: CocoReport | None
    measurement: Measurement | None
    predicted: PredictedLatency | None
    verdict: GateVerdict
    tensors: TensorReport | None = None

    @property
    def measured(self) -> MeasuredLatency | None:
        """Return the summary of the measurement."""
        return None if self.measurement is None else MeasuredLatency.of(self.measurement)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        parity = {**asdict(self.parity), "orphans": list(self.parity.orphans)}
        measured = None if self.measured is None else asdict(self.measured)
        return {
            "arch": self.arch,
            "outcome": str(self.verdict.outcome),
            "reasons": list(self.verdict.reasons),
            "data": self.data,
            "images": self.images,
            "parity": {
                **parity,
                "matched_fraction": self.parity.matched_fraction,
                "f1": self.parity.f1,
            },
            "accuracy": {
                "classes": list(self.accuracy.classes),
                "note": self.accuracy.note,
                "torch": {row.metric: row.torch for row in self.accuracy.rows},
                "engine": {row.metric: row.engine for row in self.accuracy.rows},
                "drop_ci": {
                    row.metric: None if row.drop_ci is None else list(row.drop_ci)
                    for row in self.accuracy.rows
                },
                "resamples": self.accuracy.resamples,
            },
            "tensors": None if self.tensors is None else self.tensors.to_dict(),
            "measured": measured,
            "predicted": None if self.predicted is None else asdict(self.predicted),
        }


def verify_bundle(
    bundle: Bundle | str | Path,
    data_dir: str | Path,
    split: str = "val",
    *,
    limit: int | None = None,
    latency: bool = True,
    limits: GateLimits | None = None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Compare a bundle's engine with its torch model on images, and measure it again.

    Classes are matched by name. Where the data has none of the bundle's, AP is not comparable
    and the verdict is INCONCLUSIVE at best; parity and latency are judged all the same.

    Args:
        bundle: A bundle or its folder.
        data_dir: A folder in COCO's layout.
        split: ``val`` or ``val2017``.
        limit: Take only the first images.
        latency: Measure the latency, by the protocol of the bundle's own measurement.
        limits: Judge by these instead of the bundle's own.
        progress: Called as ``progress(message, done, total)``.

    Raises:
        BundleError: The folder is not a whole and unchanged bundle that runs here.
        DatasetError: The data is not there or damaged.
        VerificationError: This version cannot build the torch model, or there are no images.
        EngineError: The engine cannot be loaded, run or measured.
    """
    checked = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    manifest = checked.manifest
    detector = load_detector(manifest.origin, checked.weights_path)
    masks = MASKS in detector.spec.output_names
    data = open_data(data_dir, split, checked.preprocess, limit, masks=masks)
    with Session.open(checked) as session:
        reference = reference_session(session, ModuleRunner(detector))
        comparison = compare(reference, session, data, progress)
        image = first_images(data, session.batch)[IMAGE]
        tensors = look_inside(
            detector,
            checked.onnx_path,
            image,
            engine=manifest.engine.name,
            precision=manifest.engine.precision,
            threads=manifest.engine.threads,
            device=manifest.engine.runs_on,
        )
        measurement = _measure(checked, session, data, progress) if latency else None
    return make_report(
        manifest.origin.arch,
        data,
        comparison,
        measurement,
        predicted=manifest.predicted,
        limits=limits or manifest.limits,
        latency=latency,
        tensors=tensors,
        precision=manifest.engine.precision,
    )


def reference_session(session: Session[Engine], runner: ModuleRunner) -> Session[ModuleRunner]:
    """Return torch with the pre- and postprocessing of an engine."""
    return Session(runner, session.preprocess, session.postprocess, session.labels, session.batch)


def make_report(
    arch: str,
    data: EvaluationData,
    comparison: Comparison,
    measurement: Measurement | None,
    *,
    predicted: PredictedLatency | None,
    limits: GateLimits,
    latency: bool = True,
    tensors: TensorReport | None = None,
    precision: str = "fp32",
) -> VerifyReport:
    """Judge what was compared and measured."""
    verdict = judge(
        parity=comparison.parity,
        accuracy=comparison.accuracy,
        tensors=tensors,
        precision=precision,
        measured=None if measurement is None else MeasuredLatency.of(measurement),
        predicted=predicted,
        budget_ms=limits.budget_ms,
        max_ap_drop=limits.max_ap_drop,
        min_matched=limits.min_matched,
        max_score_difference=limits.max_score_difference,
        prediction_tolerance=limits.prediction_tolerance,
        latency_wanted=latency,
    )
    return VerifyReport(
        arch=arch,
        data=data.name,
        images=len(data),
        parity=comparison.parity,
        accuracy=comparison.accuracy,
        torch_coco=comparison.torch_coco,
        engine_coco=comparison.engine_coco,
        measurement=measurement,
        predicted=predicted,
        verdict=verdict,
        tensors=tensors,
    )


def _measure(
    bundle: Bundle, session: Session[Engine], data: EvaluationData, progress: Progress | None
) -> Measurement:
    if progress is not None:
        progress("measuring the engine", len(data), len(data))
    inputs = first_images(data, session.batch)
    return measure_engine(session.engine, _protocol_of(bundle), inputs)


def _protocol_of(bundle: Bundle) -> TimingProtocol:
    """Return the protocol by which the bundle's engine was measured."""
    path = bundle.path / MEASUREMENT
    if MEASUREMENT in bundle.manifest.files:
        return Measurement.from_dict(json.loads(path.read_bytes())).protocol
    engine = bundle.manifest.engine
    return TimingProtocol(threads=engine.threads, precision=engine.precision)
