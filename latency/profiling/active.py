"""Spend a profile's minutes where they make the predictions of a space's detectors surest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines import TimingProtocol

from ..joint import (
    Basis,
    Equation,
    JointCosts,
    Spread,
    choose_measurements,
    equation_of,
    equations_of,
    fit_joint,
)
from ..tables.table import LatencyTable
from ..workloads.workload import DETECTOR, Workload
from .agenda import Task

Floats = npt.NDArray[np.float64]

OPENING = 4
"""Whole detectors that are measured before there is anything to choose by."""

AT_A_TIME = 6
"""Measurements chosen before what they showed is taken into account."""

EVERY = 3
"""One in so many is a whole detector in the order drawn: intervals are calibrated on detectors
that nobody chose."""

GROWTH = 1.5
"""The spread of costs is estimated anew when there are so many times more measurements."""

MOST_CANDIDATES = 512
"""Workloads that are compared at a time, drawn at random where there are more."""

VISIT_S = 1.5  # building an engine, warming up: seconds of a visit beside its samples
NEAR = 0.2
"""Detectors this share away from the budget count 1/sqrt(e) as much as those at it."""

FARTHEST = 6.0  # multiples of NEAR beyond which all are equally far: some must count


@dataclass(frozen=True, slots=True)
class Aim:
    """Say which detectors are to be predicted well.

    Attributes:
        detectors: A random sample of the space, as equations.
        budget_ms: Those near it count more; ``None``: all count alike.
    """

    detectors: tuple[Equation, ...]
    budget_ms: float | None = None

    def weights(self, costs: JointCosts) -> Floats:
        """Return how much every detector counts ``(detectors,)``."""
        if self.budget_ms is None:
            return np.full(len(self.detectors), 1.0 / len(self.detectors))
        ms = costs.whole_ms([each.counts for each in self.detectors])
        away = (ms / self.budget_ms - 1.0) / NEAR
        near = np.exp(-0.5 * np.square(np.clip(away, -FARTHEST, FARTHEST)))
        return np.asarray(near / near.sum())


class ActiveAgenda:
    """Choose what teaches most about a space's detectors per second.

    What is chosen follows from the table's rows alone, so that a profile that was killed goes on
    as if it had not been.

    Args:
        workloads: Chains and whole detectors that may be measured; the detectors at random.
        aim: What is to be predicted well.
        protocol: Says how long a measurement takes.
        replicates: How often one workload is measured at most.
        most: Measurements in all at most; None: as many as there are.
        basis: What is known of layers before; None: what work they do.
    """

    def __init__(
        self,
        workloads: Sequence[Workload],
        aim: Aim,
        protocol: TimingProtocol,
        replicates: int,
        *,
        most: int | None = None,
        basis: Basis | None = None,
    ) -> None:
        self._workloads = tuple(workloads)
        self._equations = [equation_of(w.graph, w.role == DETECTOR) for w in workloads]
        self._aim = aim
        self._protocol = protocol
        self._replicates = replicates
        self._most = len(workloads) * replicates if most is None else most
        self._basis = basis
        self._chosen: tuple[int, list[Task]] = (-1, [])
        self._spreads: dict[int, Spread] = {}

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Return what is chosen from."""
        return self._workloads

    def planned(self, table: LatencyTable) -> int:
        """Return how many measurements there are in all if time does not run out."""
        return min(self._most, len(self._workloads) * self._replicates)

    def next(self, table: LatencyTable) -> Task | None:
        """Return the next task; None when every workload was measured often enough."""
        taken = {(row.workload.key, row.replicate) for row in table.rows}
        if len(taken) >= self._most:
            return None
        left = [task for w in self._workloads if (task := self._fresh(w, taken)) is not None]
        detectors = [task for task in left if task.workload.role == DETECTOR]
        if detectors and (len(taken) < OPENING or len(taken) % EVERY == 0):
            return min(detectors, key=lambda task: task.replicate)
        if not left:
            return None
        return self._choose(table, {task.workload.key: task for task in left}, len(taken))

    def _fresh(self, workload: Workload, taken: set[tuple[str, int]]) -> Task | None:
        for replicate in range(self._replicates):
            if (workload.key, replicate) not in taken:
                return Task(workload, replicate)
        return None

    def _choose(self, table: LatencyTable, left: dict[str, Task], count: int) -> Task:
        """Return the best of what is left, chosen some at a time."""
        batch, tasks = self._chosen
        if count // AT_A_TIME != batch:
            batch = count // AT_A_TIME
            tasks = self._best(_beginning(table, max(OPENING, batch * AT_A_TIME)))
            self._chosen = batch, tasks
        return next((task for task in tasks if left.get(task.workload.key) == task), None) or next(
            iter(left.values())
        )

    def _best(self, table: LatencyTable) -> list[Task]:
        costs = self._fitted(table)
        if costs is None:
            return []
        taken = {row.visit[:2] for row in table.rows}
        pairs = [
            (equation, task)
            for workload, equation in zip(self._workloads, self._equations, strict=True)
            if (task := self._fresh(workload, taken)) is not None
        ]
        drawn = np.random.default_rng(len(taken)).permutation(len(pairs))[:MOST_CANDIDATES]
        pairs = [pairs[int(index)] for index in drawn]
        equations = [equation for equation, _ in pairs]
        order = choose_measurements(
            costs,
            equations,
            self._seconds(costs, equations),
            self._aim.detectors,
            self._aim.weights(costs),
            2 * AT_A_TIME,
        )
        return [pairs[index][1] for index in dict.fromkeys(order)]

    def _fitted(self, table: LatencyTable) -> JointCosts | None:
        """Fit costs, with the spread of the last step of its growth; None: nothing measured."""
        known = equations_of(table)
        if not known:
            return None
        step = _step(len({row.visit[:2] for row in table.rows}))
        if step not in self._spreads:
            first = equations_of(_beginning(table, step)) or known
            self._spreads[step] = fit_joint(first, basis=self._basis).spread
        return fit_joint(known, self._spreads[step], self._basis)

    def _seconds(self, costs: JointCosts, equations: Iterable[Equation]) -> Floats:
        """Return about how long measurements take ``(n,)``."""
        protocol = self._protocol
        ms = costs.whole_ms([equation.counts for equation in equations])
        samples = protocol.min_samples * np.maximum(ms, protocol.min_block_ms)
        warmup = np.maximum(protocol.warmup_min_ms, protocol.warmup_window * ms)
        return np.asarray(VISIT_S + (samples + warmup) / 1e3)


def _beginning(table: LatencyTable, count: int) -> LatencyTable:
    """Return the rows until so many tasks were taken: what was known at that time."""
    seen: set[tuple[str, int]] = set()
    for index, row in enumerate(table.rows):
        if len(seen | {row.visit[:2]}) > count:
            return LatencyTable(table.manifest, table.rows[:index])
        seen.add(row.visit[:2])
    return table


def _step(count: int) -> int:
    """Return the largest number of the growth's steps that is no larger than ``count``."""
    step = float(OPENING)
    while step * GROWTH <= count:
        step *= GROWTH
    return min(count, int(step))
