"""What modules cost inside detectors, as rows of a table: one number for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engines import Measurement
from searchspaces import ModuleSpec, chain

from ..formats.rows import UNKNOWN_TIME
from ..tables.row import Row
from ..tables.table import LatencyTable
from ..workloads.workload import CHAIN, COST_INSIDE, DETECTOR, Workload
from .fitting import costs_of, learn_joint
from .predictor import ModuleCost


@dataclass(frozen=True, slots=True)
class InContext:
    """Hold what a table says of modules inside detectors.

    Attributes:
        costs: Of every module that was part of anything measured, by key.
        chains: How many chains they are solved from.
        detectors: And how many whole detectors.
    """

    costs: Mapping[ModuleSpec, ModuleCost]
    chains: int
    detectors: int

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what the numbers are, and which modules have none."""
        free = sum(not cost.ms for cost in self.costs.values())
        return (
            f"{COST_INSIDE}, not timed alone: every module's one number is solved from "
            f"{self.chains} chains and {self.detectors} whole detectors",
            *([f"{free} modules that come to 0 ms there"] if free else []),
        )

    def rows(self, table: LatencyTable, role: str) -> tuple[Row, ...]:
        """Return a row of one sample for every module that takes any time.

        Args:
            table: Where the costs come from.
            role: Of the rows: ``module`` where a format knows no other.
        """
        return tuple(
            Row(Workload(role, _label(cost), chain([spec])), 0, _measured(table, cost.ms))
            for spec, cost in self.costs.items()
            if cost.ms
        )


def in_context(table: LatencyTable) -> InContext | None:
    """Solve what modules cost inside detectors; ``None`` for a table without chains.

    Raises:
        PredictorError: The layers of a kind of module are not known.
    """
    measured = [table.workloads[key].role for key in table.measurements]
    if CHAIN not in measured:
        return None
    costs = costs_of(learn_joint(table))
    return InContext(costs, measured.count(CHAIN), measured.count(DETECTOR))


def _label(cost: ModuleCost) -> str:
    return f"{COST_INSIDE}, standard deviation {cost.stderr_ms:.3g} ms"


def _measured(table: LatencyTable, ms: float) -> Measurement:
    """Return a number as a measurement that has no interval and never counts as converged."""
    return Measurement(
        raw_ms=(ms,),
        warmup_ms=(),
        block_runs=1,
        protocol=table.protocol,
        device=table.device,
        converged=False,
        steady=False,
        started_at=UNKNOWN_TIME,
    )
