"""Verify a bundle: does the engine detect what torch does, as well, and as fast as promised?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from detection import CocoReport, read_weights_info
from engines import Engine, Measurement
from latency import Recorded
from searchspaces import MASKS

from .bundle import Bundle, load_bundle
from .bundle_latency import check_record, measure_bundle, record_bundle
from .engine_times import EngineTimes
from .evaluation import Comparison, EvaluationData, Progress, open_data
from .feedback import feedback_protocol
from .gate import judge
from .ladder import Built, climb
from .latency_records import LatencyReport
from .manifest import GateLimits
from .network import load_detector
from .outcome import GateVerdict
from .parity import ParityReport
from .pipeline import PipelineReport
from .records import Accuracy, EngineRecord, MeasuredLatency, PredictedLatency
from .reference import Reference, trained_preprocess
from .session import Session
from .structure import StructureReport
from .tensors import TensorReport

OpenSession = Callable[[Bundle], Session[Engine]]


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
        times: The engine's latency; ``None`` where it was not to be measured.
        predicted: The latency that was promised.
        verdict: The gate's verdict.
        tensors: The engine's modules beside torch's; ``None`` where they were not compared.
        structure: The graph as it is written; ``None`` where it was not inspected.
        pipeline: What stands around the engine; ``None`` where it was not compared.
        latency: Where the time goes; ``None`` where it was not measured.
        recorded: What was written into a latency table; ``None`` where nothing was.
        not_recorded: Why nothing was, though it was to be; empty otherwise.
    """

    arch: str
    data: str
    images: int
    parity: ParityReport
    accuracy: Accuracy
    torch_coco: CocoReport | None
    engine_coco: CocoReport | None
    times: EngineTimes | None
    predicted: PredictedLatency | None
    verdict: GateVerdict
    tensors: TensorReport | None = None
    structure: StructureReport | None = None
    pipeline: PipelineReport | None = None
    latency: LatencyReport | None = None
    recorded: Recorded | None = None
    not_recorded: str = ""

    @property
    def measurement(self) -> Measurement | None:
        """Return the samples."""
        return None if self.times is None else self.times.measurement

    @property
    def measured(self) -> MeasuredLatency | None:
        """Return the summary of the measurement."""
        return None if self.times is None else self.times.measured

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
            "graph": None if self.structure is None else asdict(self.structure),
            "tensors": None if self.tensors is None else self.tensors.to_dict(),
            "pipeline": None if self.pipeline is None else asdict(self.pipeline),
            "measured": measured,
            "predicted": None if self.predicted is None else asdict(self.predicted),
            "latency": None if self.latency is None else self.latency.to_dict(),
            "recorded": None if self.recorded is None else self.recorded.to_dict(),
            "not_recorded": self.not_recorded,
        }


def verify_bundle(
    bundle: Bundle | str | Path,
    data_dir: str | Path,
    split: str = "val",
    *,
    limit: int | None = None,
    latency: bool = True,
    limits: GateLimits | None = None,
    record: str | Path | None = None,
    progress: Progress | None = None,
    open_session: OpenSession = Session.open,
) -> VerifyReport:
    """Compare a bundle's engine with its torch model on images, and measure it again.

    The torch model runs as it was trained: its preprocessing and labels are those that its weights
    note, so that a fault in the bundle's own does not reach both sides.

    Classes are matched by name. Where the data has none of the bundle's, AP is not comparable
    and the verdict is INCONCLUSIVE at best; parity and latency are judged all the same.

    Args:
        bundle: A bundle or its folder.
        data_dir: A folder in COCO's layout.
        split: ``val`` or ``val2017``.
        limit: Take only the first images.
        latency: Measure the latency, by the protocol of the bundle's own measurement.
        limits: Judge by these instead of the bundle's own.
        record: A latency table of this device: the latency is measured by its protocol, and
            written into it as a whole detector, for the next fit to include.
        progress: Called as ``progress(message, done, total)``.
        open_session: Makes what is deployed of the bundle; give your own to verify a runtime of
            your own.

    Raises:
        BundleError: The folder is not a whole and unchanged bundle that runs here.
        DatasetError: The data is not there or damaged.
        VerificationError: This version cannot build the torch model, or there are no images.
        EngineError: The engine cannot be loaded, run or measured.
        TableError: The table is missing, damaged or being written.
        TableMismatchError: The table is of another device, protocol or batch.
    """
    check_record(record, latency=latency)
    checked = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    manifest = checked.manifest
    judged_by = limits or manifest.limits
    detector = load_detector(manifest.origin, checked.weights_path)
    info = read_weights_info(checked.weights_path)
    preprocess = trained_preprocess(info, detector.spec.input_hw)
    reference = Reference(detector, preprocess, info.label_names or checked.labels)
    masks = MASKS in detector.spec.output_names
    data = open_data(data_dir, split, preprocess, limit, masks=masks)
    with open_session(checked) as session:
        if record is not None:  # what cannot be written is refused before hours of comparing
            feedback_protocol(record, session.engine, session.batch)
        found = climb(
            detector,
            reference,
            session,
            data,
            checked.onnx_path,
            built_as(checked.engine),
            progress,
        )
        times = None
        if latency:
            _tell_measuring(progress, len(data))
            times = measure_bundle(checked, session, data, judged_by, record)
    report = make_report(
        manifest.origin.arch,
        data,
        found.comparison,
        times,
        predicted=manifest.predicted,
        limits=judged_by,
        latency=latency,
        structure=found.structure,
        tensors=found.tensors,
        pipeline=found.pipeline,
        precision=checked.engine.precision,
    )
    if record is None or times is None:
        return report
    recorded, why_not = record_bundle(record, checked, times, detector, data)
    return replace(report, recorded=recorded, not_recorded=why_not)


def built_as(record: EngineRecord) -> Built:
    """Return how an engine on record was built."""
    return Built(record.name, record.precision, record.threads, record.runs_on)


def make_report(
    arch: str,
    data: EvaluationData,
    comparison: Comparison,
    times: EngineTimes | None,
    *,
    predicted: PredictedLatency | None,
    limits: GateLimits,
    latency: bool = True,
    structure: StructureReport | None = None,
    tensors: TensorReport | None = None,
    pipeline: PipelineReport | None = None,
    precision: str = "fp32",
) -> VerifyReport:
    """Judge what was compared and measured."""
    report = None if times is None else times.report(predicted, limits.budget_on)
    verdict = judge(
        parity=comparison.parity,
        accuracy=comparison.accuracy,
        structure=structure,
        tensors=tensors,
        pipeline=pipeline,
        precision=precision,
        measured=None if times is None else times.measured,
        predicted=predicted,
        budget_ms=limits.budget_ms,
        max_ap_drop=limits.max_ap_drop,
        min_matched=limits.min_matched,
        max_score_difference=limits.max_score_difference,
        prediction_tolerance=limits.prediction_tolerance,
        budget_on=limits.budget_on,
        attribution=report.attribution if report else None,
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
        times=times,
        predicted=predicted,
        verdict=verdict,
        tensors=tensors,
        structure=structure,
        pipeline=pipeline,
        latency=report,
    )


def _tell_measuring(progress: Progress | None, images: int) -> None:
    if progress is not None:
        progress("measuring the engine", images, images)
