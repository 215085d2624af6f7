"""What a report shows; whoever calls fills it in."""

from __future__ import annotations

from dataclasses import dataclass

from .gate import GateVerdict
from .parity import ParityReport
from .records import Accuracy, MeasuredLatency, PredictedLatency


@dataclass(frozen=True, slots=True)
class FrontMark:
    """Place one architecture in the plane of latency and accuracy.

    Attributes:
        label: The architecture's code.
        predicted_ms: Predicted latency.
        accuracy: In points, 0..100.
        dominated: Whether another architecture is at least as good in both and better in one.
        chosen: Whether it is the one that was chosen.
    """

    label: str
    predicted_ms: float
    accuracy: float
    dominated: bool = False
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Front:
    """Show what a search evaluated.

    Attributes:
        marks: Every evaluated architecture.
        accuracy_name: What the search maximised, such as ``AP50``.
        budget_ms: The budget, if there was one.
        failed: Architectures whose evaluation failed; they have no mark.
    """

    marks: tuple[FrontMark, ...]
    accuracy_name: str = "AP"
    budget_ms: float | None = None
    failed: int = 0


@dataclass(frozen=True, slots=True)
class AgreementMark:
    """Compare a prediction with a measurement.

    Attributes:
        label: What was predicted.
        predicted_ms: Predicted latency.
        measured_ms: Measured median.
        group: Marks of one group have one colour: ``calibration``, ``held out``, ``exported``.
    """

    label: str
    predicted_ms: float
    measured_ms: float
    group: str = "held out"


@dataclass(frozen=True, slots=True)
class Sample:
    """Show an image.

    Attributes:
        caption: What stands under it.
        jpeg: The image file's content.
    """

    caption: str
    jpeg: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """Hold everything a report can show; what is missing is said to be missing.

    Attributes:
        title: Title of the page.
        subject: What it is about: an architecture, a run, a table.
        verdict: The gate's verdict.
        predicted: Predicted latency of the winner, with its breakdown.
        measured: Measured latency of the winner.
        budget_ms: Latency budget.
        front: What the search evaluated.
        agreement: Predictions beside measurements.
        accuracy: COCO numbers of torch and engine.
        parity: Matched detections of torch and engine.
        samples: Images with detections.
        provenance: Name and value of what the numbers depend on: device, versions, seed.
        commands: Command lines that made it, oldest first.
    """

    title: str
    subject: str
    verdict: GateVerdict | None = None
    predicted: PredictedLatency | None = None
    measured: MeasuredLatency | None = None
    budget_ms: float | None = None
    front: Front | None = None
    agreement: tuple[AgreementMark, ...] = ()
    accuracy: Accuracy | None = None
    parity: ParityReport | None = None
    samples: tuple[Sample, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    commands: tuple[str, ...] = ()
