"""One line of a latency table: a visit to a workload."""

from __future__ import annotations

from dataclasses import dataclass

from engines import Measurement

from ..workloads.workload import Workload


@dataclass(frozen=True, slots=True)
class Row:
    """Keep one visit of a workload: its measurement, or why there is none.

    Attributes:
        workload: What was timed.
        replicate: Which independent repetition (a new engine) this is, from 0.
        measurement: The samples; ``None`` when it failed.
        error: Why it failed; ``None`` when it did not.
        attempt: Which visit of this replicate, from 0; refused ones are repeated.
        refused: Why the measurement must not count; ``None`` if it may.
        exploratory: Taken by a session that was told to go on regardless: it counts even if
            refused.
        sentinel_ms: Median of the sentinel that was timed beside; ``None`` without one.
        sentinel_drift: Change of the sentinel from the first to the last third of the visit.
        delivered: Of an engine as it is delivered, with trained weights on real images, not of a
            workload that a profile made: see :attr:`~latency.LatencyTable.delivered_ms`.
        warnings: What the runtime did otherwise than asked: computed in another precision,
            launched kernels one by one.
    """

    workload: Workload
    replicate: int
    measurement: Measurement | None
    error: str | None = None
    attempt: int = 0
    refused: str | None = None
    exploratory: bool = False
    sentinel_ms: float | None = None
    sentinel_drift: float | None = None
    delivered: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def visit(self) -> tuple[str, int, int]:
        """Return what no other row of a table has: workload, replicate, attempt."""
        return self.workload.key, self.replicate, self.attempt
