"""Find out about a built engine what its verdict rests on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from engines import Engine, Measurement, TimingProtocol
from searchspaces import IMAGE

from .evaluation import Comparison, EvaluationData, Progress, compare
from .gate import GateVerdict, judge
from .measuring import first_images, measure_engine
from .network import ModuleRunner
from .records import Accuracy, MeasuredLatency
from .request import ExportRequest
from .session import Session
from .tensors import TensorReport, look_inside
from .verify import VerifyReport, make_report, reference_session


@dataclass(frozen=True, slots=True)
class Examination:
    """Hold what was found out about an engine.

    Attributes:
        measurement: Its latency.
        verdict: The gate's.
        comparison: What torch and engine found; ``None`` without data.
        report: The verification; ``None`` without data.
    """

    measurement: Measurement
    verdict: GateVerdict
    comparison: Comparison | None
    report: VerifyReport | None

    @property
    def measured(self) -> MeasuredLatency:
        """Return the summary of the measurement."""
        return MeasuredLatency.of(self.measurement)


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
    comparison = tensors = None
    if data is not None:
        reference = reference_session(session, ModuleRunner(request.detector))
        comparison = compare(reference, session, data, progress)
        tensors = _inside(request, data, onnx_path)
    if progress is not None:
        progress("measuring the engine", 0, 1)
    measurement = _measure(request, engine, data)
    if data is None or comparison is None:
        return Examination(measurement, _unverified(request, measurement), None, None)
    report = make_report(
        request.origin.arch,
        data,
        comparison,
        measurement,
        predicted=request.predicted,
        limits=request.limits,
        tensors=tensors,
        precision=request.precision,
    )
    return Examination(measurement, report.verdict, comparison, report)


def _inside(request: ExportRequest, data: EvaluationData, onnx_path: Path) -> TensorReport | None:
    return look_inside(
        request.detector.eval(),
        onnx_path,
        first_images(data, request.batch)[IMAGE],
        engine=request.engine,
        precision=request.precision,
        threads=request.threads,
        device=request.device,
    )


def _measure(request: ExportRequest, engine: Engine, data: EvaluationData | None) -> Measurement:
    wanted = request.protocol or TimingProtocol()
    protocol = replace(wanted, threads=request.threads, precision=request.precision)
    inputs = None if data is None else first_images(data, request.batch)
    return measure_engine(engine, protocol, inputs)


def _unverified(request: ExportRequest, measurement: Measurement) -> GateVerdict:
    return judge(
        parity=None,
        accuracy=Accuracy("", 0, note="there was no data to verify on"),
        measured=MeasuredLatency.of(measurement),
        predicted=request.predicted,
        budget_ms=request.limits.budget_ms,
        prediction_tolerance=request.limits.prediction_tolerance,
    )
