"""How a demo ended: what it made, and what failed or stayed undecided."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..gate.outcome import Outcome
from .settings import REPORT

if TYPE_CHECKING:
    from detection import TrainedDetector
    from latency import LatencyTable
    from search import SearchResult

    from ..delivery.exporter import ExportResult

MAX_AP_DIFFERENCE = 0.5  # points
MIN_AP50 = 50.0  # points on the held-out generated images; below, training went wrong


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Say how a demo ended.

    Attributes:
        folder: Where everything lies.
        budget_ms: Latency budget of the search.
        table: What was measured.
        search: The run.
        winner: The trained winner.
        export: The bundle with its verdict.
        seconds: Duration of each stage of this call, by name.
    """

    folder: Path
    budget_ms: float
    table: LatencyTable
    search: SearchResult
    winner: TrainedDetector
    export: ExportResult
    seconds: dict[str, float]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return what failed or stayed undecided; empty for a demo that passed."""
        found = [
            f"{len(failed)} {what} failed, first: {failed[0].error}"
            for what, failed in (
                ("measurements", self.table.failures),
                ("evaluations", self.search.failures),
            )
            if failed
        ]
        ap50 = 100 * self.winner.accuracy.ap50
        if not ap50 >= MIN_AP50:  # NaN, where there is nothing to find, does not pass
            found.append(f"AP50 {ap50:.1f} is below {MIN_AP50:g}")
        found += _ap_difference(self.export)
        for check in self.export.verdict.checks:
            if check.outcome is not Outcome.PASS:
                found.append(f"{check.outcome}: {check.reason}")
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Return whether accuracy, parity, budget and prediction all hold, and nothing failed."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able fields."""
        manifest = self.export.bundle.manifest
        accuracy = manifest.accuracy
        return {
            "passed": self.passed,
            "failed": list(self.reasons),
            "arch": manifest.origin.arch,
            "budget_ms": self.budget_ms,
            "predicted_ms": manifest.predicted.p50_ms if manifest.predicted else None,
            "measured_ms": manifest.measured.median_ms if manifest.measured else None,
            "ap50_torch": accuracy.row("AP50").torch if accuracy else None,
            "ap50_engine": accuracy.row("AP50").engine if accuracy else None,
            "ap_torch": accuracy.row("AP").torch if accuracy else None,
            "ap_engine": accuracy.row("AP").engine if accuracy else None,
            "evaluated": len(self.search.finished),
            "verdict": list(self.export.verdict.reasons),
            "bundle": str(self.export.bundle.path),
            "report": str(self.folder / REPORT),
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
        }


def _ap_difference(export: ExportResult) -> list[str]:
    """Say if the engine's AP differs from torch's either way; better is as suspicious as worse."""
    accuracy = export.bundle.manifest.accuracy
    row = accuracy.row("AP") if accuracy else None
    if row is None or row.torch is None or row.engine is None:
        return ["AP of torch and of the engine were not compared"]
    difference = abs(row.engine - row.torch)
    if difference <= MAX_AP_DIFFERENCE:
        return []
    return [f"AP of torch and of the engine differ by {difference:.2f} points"]
