"""What a verification found, and the verdict on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from detection import CocoReport
from engines import Measurement
from latency import Recorded

from ..bundle.manifest import GateLimits
from ..comparison.compare import Comparison
from ..comparison.data import EvaluationData
from ..gate.outcome import GateVerdict
from ..gate.parity import ParityReport
from ..gate.pipeline import PipelineReport
from ..gate.tensors import TensorReport
from ..gate.verdict import judge
from ..graph.structure import StructureReport
from ..records.accuracy import Accuracy
from ..records.latency import MeasuredLatency, PredictedLatency
from ..records.times import LatencyReport
from ..timing.engine_times import EngineTimes


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
