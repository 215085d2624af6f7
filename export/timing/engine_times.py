"""Everything that was timed of an engine, and what it says of a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..gate.latency import P50, comparable_ms, position_of, speed_of
from ..records.latency import MeasuredLatency, PredictedLatency
from ..records.times import LatencyReport
from .attribution import attribute_error

if TYPE_CHECKING:
    from engines import LayerTime, Measurement
    from latency import Visit

    from ..records.times import EndToEnd


@dataclass(frozen=True, slots=True, eq=False)
class EngineTimes:
    """Hold everything that was timed of an engine.

    Attributes:
        visits: Every measurement, in the order taken.
        sentinel: Key of the sentinel beside them; ``None`` without one.
        end_to_end: From image files to objects; ``None`` without images.
        layers: The engine's layers, one by one; empty where it was not profiled.
        notes: What could not be timed, and why.
    """

    visits: tuple[Visit, ...]
    sentinel: str | None = None
    end_to_end: EndToEnd | None = None
    layers: tuple[LayerTime, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def measurement(self) -> Measurement:
        """Return the samples of the measurement that counts."""
        return best_of(self.visits).measurement

    @property
    def measured(self) -> MeasuredLatency:
        """Return its summary."""
        best = best_of(self.visits)
        return MeasuredLatency.of(best.measurement, best)

    def report(
        self, predicted: PredictedLatency | None = None, budget_on: str = P50
    ) -> LatencyReport:
        """Return where the time goes, and which modules a prediction missed.

        Args:
            predicted: What was promised; ``None`` where nothing was.
            budget_on: What the budget is about, one of `gate.latency.BUDGET_ON`.
        """
        measured, note = self.measured, "; ".join(self.notes)
        if predicted is None:
            return LatencyReport(
                budget_on, None, None, measured.median_ms, self.end_to_end, note=note
            )
        there_ms = comparable_ms(measured, predicted)
        return LatencyReport(
            budget_on=budget_on,
            position=position_of(measured, predicted),
            speed=speed_of(measured, predicted),
            comparable_ms=there_ms,
            end_to_end=self.end_to_end,
            attribution=attribute_error(self.layers, predicted, there_ms),
            note=note,
        )


def best_of(visits: Sequence[Visit]) -> Visit:
    """Return the first visit with nothing against it, else the one with the least."""
    return min(visits, key=lambda visit: (visit.refused is not None, doubts_of(visit)))


def doubts_of(visit: Visit) -> int:
    """Return how many reasons there are to measure again."""
    return len(visit.measurement.unstable_reasons()) + (visit.refused is not None)
