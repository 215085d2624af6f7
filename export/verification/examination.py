"""Find out about a built engine what its verdict rests on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engines import Engine, get_backend

from ..comparison.compare import Comparison
from ..comparison.data import EvaluationData, Progress
from ..comparison.ladder import Built, climb
from ..gate.outcome import GateVerdict
from ..gate.verdict import judge
from ..records.accuracy import Accuracy
from ..records.latency import MeasuredLatency
from ..records.times import LatencyReport
from ..request.request import ExportRequest
from ..running.reference import Reference
from ..running.session import Session
from ..timing.engine_times import EngineTimes
from ..timing.measuring import budget_protocol, time_engine
from .verify_report import VerifyReport, make_report

if TYPE_CHECKING:
    from engines import Measurement


@dataclass(frozen=True, slots=True)
class Examination:
    """Hold what was found out about an engine.

    Attributes:
        times: Its latency.
        latency: Where the time goes, and which modules the prediction missed.
        verdict: The gate's.
        comparison: What torch and engine found; ``None`` without data.
        report: The verification; ``None`` without data.
    """

    times: EngineTimes
    latency: LatencyReport
    verdict: GateVerdict
    comparison: Comparison | None
    report: VerifyReport | None

    @property
    def measurement(self) -> Measurement:
        """Return the samples of the measurement."""
        return self.times.measurement

    @property
    def measured(self) -> MeasuredLatency:
        """Return the summary of the measurement."""
        return self.times.measured


def examine(
    request: ExportRequest,
    engine: Engine,
    data: EvaluationData | None,
    onnx_path: Path,
    progress: Progress | None = None,
) -> Examination:
    """Compare an engine with torch where there is data, measure it, and judge.

    Args:
        request: What is exported.
        engine: As built.
        data: Images to compare on, if there are any.
        onnx_path: The ONNX model.
        progress: Called as ``progress(message, done, total)``.

    Raises:
        DetectError: One side gives something else than detections.
        DatasetError: An image is damaged.
        EngineError: The engine cannot be run or measured.
    """
    session = Session(
        engine, request.preprocess, request.postprocess, request.labels, request.batch
    )
    found = None
    if data is not None:
        reference = Reference(request.detector, request.preprocess, request.labels)
        built = Built(request.engine, request.precision, request.threads, request.device)
        found = climb(request.detector, reference, session, data, onnx_path, built, progress)
    if progress is not None:
        progress("measuring the engine", 0, 1)
    times = _measure(request, session, data)
    latency = times.report(request.predicted, request.limits.budget_on)
    if data is None or found is None:
        verdict = _unverified(request, times, latency)
        return Examination(times, latency, verdict, None, None)
    report = make_report(
        request.origin.arch,
        data,
        found.comparison,
        times,
        predicted=request.predicted,
        limits=request.limits,
        structure=found.structure,
        tensors=found.tensors,
        pipeline=found.pipeline,
        precision=request.precision,
    )
    return Examination(times, latency, report.verdict, found.comparison, report)


def _measure(
    request: ExportRequest, session: Session[Engine], data: EvaluationData | None
) -> EngineTimes:
    return time_engine(
        session,
        data,
        budget_protocol(request.timing(), request.limits.budget_on),
        get_backend(request.engine, request.engine_options),
        device=request.device,
        profile=request.predicted is not None and bool(request.predicted.breakdown),
    )


def _unverified(request: ExportRequest, times: EngineTimes, latency: LatencyReport) -> GateVerdict:
    return judge(
        parity=None,
        accuracy=Accuracy("", 0, note="there was no data to verify on"),
        measured=times.measured,
        predicted=request.predicted,
        budget_ms=request.limits.budget_ms,
        prediction_tolerance=request.limits.prediction_tolerance,
        budget_on=request.limits.budget_on,
        attribution=latency.attribution,
    )
