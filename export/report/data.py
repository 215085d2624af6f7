"""What a report shows; whoever calls fills it in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..gate.outcome import GateVerdict, Outcome
from ..gate.parity import ParityReport
from ..records.accuracy import Accuracy
from ..records.latency import MeasuredLatency, PredictedLatency
from ..records.precision import PrecisionRecord
from ..records.times import LatencyReport

if TYPE_CHECKING:
    from ..check import CheckReport
    from .baselines import Baselines
    from .correlations import CorrelationTable
    from .course import Course
    from .family import Family


@dataclass(frozen=True, slots=True)
class FrontMark:
    """Place one architecture in the plane of cost and accuracy.

    Attributes:
        label: The architecture's code.
        cost: Predicted latency in ms, or another cost in the unit of its front.
        accuracy: In points, 0..100.
        dominated: Whether another architecture is at least as good in both and better in one.
        chosen: Whether it is the one that was chosen.
        interval: Lower and upper end of the prediction's 90 % interval; ``None`` where it is not
            known, or not shown.
    """

    label: str
    cost: float
    accuracy: float
    dominated: bool = False
    chosen: bool = False
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Front:
    """Show what a search evaluated.

    Attributes:
        marks: Every evaluated architecture.
        accuracy_name: What the search maximised, such as ``AP50``.
        budget_ms: The budget, if there was one, in the unit of the cost.
        failed: Architectures whose evaluation failed; they have no mark.
        cost_name: What was minimised.
        cost_unit: Its unit; may be empty.
        budgets: Further budgets, where a search took several one by one.
    """

    marks: tuple[FrontMark, ...]
    accuracy_name: str = "AP"
    budget_ms: float | None = None
    failed: int = 0
    cost_name: str = "predicted latency"
    cost_unit: str = "ms"
    budgets: tuple[float, ...] = ()

    @property
    def cost_title(self) -> str:
        """Return name and unit of the cost."""
        known = self.cost_unit not in ("", self.cost_name)
        return f"{self.cost_name} ({self.cost_unit})" if known else self.cost_name

    def show_cost(self, cost: float) -> str:
        """Write a cost as the report does: milliseconds to the third place."""
        return f"{cost:.3f}" if self.cost_unit == "ms" else f"{cost:.5g}"


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
class Picture:
    """Show what one side found on an image.

    Attributes:
        name: The side: ``torch`` or the engine.
        jpeg: The image file's content.
        alt: What is seen, for who does not see it.
    """

    name: str
    jpeg: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class Sample:
    """Show what was found on an image.

    Attributes:
        caption: What stands under it.
        pictures: One per side, in reading order.
    """

    caption: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """Show a certificate in one line.

    Attributes:
        platform: Engine, runtime version and architecture.
        outcome: The verdict.
        ap_drop: AP points lost, with their interval.
        f1: Of matched detections.
        median_ms: Measured latency; ``None`` where it was not measured.
        data: What it was verified on.
        created: When.
    """

    platform: str
    outcome: Outcome
    ap_drop: str
    f1: str
    median_ms: float | None
    data: str
    created: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "outcome": str(self.outcome)}


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
        max_ap_drop: AP points that the engine may lose.
        front: What the search evaluated.
        fronts: The same against further costs: other devices, multiply-adds.
        baselines: Published models beside it, at equal latency.
        course: How it went.
        family: Parents and mutations of the front's members.
        correlations: How factors of the architectures go with what was found.
        agreement: Predictions beside measurements.
        accuracy: COCO numbers of torch and engine.
        parity: Matched detections of torch and engine.
        latency: Where the time goes, as measured; ``None`` where only a prediction is known.
        precision: How the precision came about; ``None`` for fp32.
        samples: Images with detections.
        tensorrt: The static check for releases of TensorRT.
        certificates: Where the engine was verified.
        files: Names of the bundle's other files and their SHA-256.
        provenance: Name and value of what the numbers depend on: device, versions, seed.
        commands: Command lines that made it, oldest first.
    """

    title: str
    subject: str
    verdict: GateVerdict | None = None
    predicted: PredictedLatency | None = None
    measured: MeasuredLatency | None = None
    budget_ms: float | None = None
    max_ap_drop: float | None = None
    front: Front | None = None
    fronts: tuple[Front, ...] = ()
    baselines: Baselines | None = None
    course: Course | None = None
    family: Family | None = None
    correlations: tuple[CorrelationTable, ...] = ()
    agreement: tuple[AgreementMark, ...] = ()
    accuracy: Accuracy | None = None
    parity: ParityReport | None = None
    latency: LatencyReport | None = None
    precision: PrecisionRecord | None = None
    samples: tuple[Sample, ...] = ()
    tensorrt: tuple[CheckReport, ...] = ()
    certificates: tuple[CertificateRow, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    commands: tuple[str, ...] = ()
