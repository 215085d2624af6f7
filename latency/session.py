"""One sitting of a profile: build, time beside the sentinel, refuse, repeat, record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING

from engines import (
    CHAINED,
    Backend,
    DeviceInfo,
    Engine,
    EngineError,
    Measurement,
    TimingProtocol,
    measure_beside,
    overload_reason,
)

from .agenda import Agenda, Task
from .errors import ProfileError
from .model_cache import CachedModel, ModelCache
from .row import Row
from .sentinel import Reading, sentinel_workload
from .table import MAX_ATTEMPTS, LatencyTable
from .table_file import TableWriter
from .workload import MODULE, Workload, WorkloadModel

if TYPE_CHECKING:
    from typing_extensions import Self

Progress = Callable[[str, float, float], None]
Models = Callable[[Workload], WorkloadModel]

REPEAT_AFTER = 8
"""Rows between a refused visit and its repetition: what disturbed it may then be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """Say how a session measures, and for how long.

    Attributes:
        protocol: How each engine is timed; its ``cache`` is that of modules alone.
        device: ``cpu`` or ``cuda:0``.
        minutes: Stop after this long; ``None`` measures everything.
        exploratory: Go on on a machine that is not quiet; rows say so, and none is repeated.
    """

    protocol: TimingProtocol
    device: str
    minutes: float | None
    exploratory: bool


class Session:
    """Measure what an agenda asks for into a table; use it as a context manager.

    Args:
        backend: The engine.
        config: How to measure.
        models: Makes the model of a workload.
        cache: Keeps ONNX models.

    Raises:
        ProfileError: The engine cannot build the sentinel.
    """

    def __init__(
        self, backend: Backend, config: SessionConfig, models: Models, cache: ModelCache
    ) -> None:
        self._backend = backend
        self._config = config
        self._models = models
        self._cache = cache
        self._started = time.monotonic()
        workload = sentinel_workload(config.protocol.precision)
        self.sentinel_key = workload.key
        try:
            self._sentinel = self._build(self._model(workload))
        except (EngineError, RuntimeError) as error:
            raise ProfileError(
                f"engine {backend.name} cannot build the sentinel, a few convolutions that are "
                f"timed beside everything: {error}"
            ) from error

    @property
    def device(self) -> DeviceInfo:
        """Return what is measured."""
        return self._sentinel.device

    def require_quiet(self) -> None:
        """Refuse to start on an overloaded machine, unless the session is exploratory.

        Raises:
            ProfileError: Other programs take what the measurements need.
        """
        if self._config.exploratory:
            return
        reason = overload_reason(self.device, self._config.protocol.threads)
        if reason:
            raise ProfileError(
                f"nothing measured now would be right: {reason}; stop them, or go on by "
                "--exploratory, which every row will then say"
            )

    def run(self, agenda: Agenda, writer: TableWriter, progress: Progress | None) -> None:
        """Measure until nothing is left or the time is over.

        Raises:
            ProfileError: The agenda asks for what the table already holds.
        """
        while True:  # ends: every turn adds a row, and each task has MAX_ATTEMPTS at most
            table = writer.table
            task = self._next(agenda, table)
            if task is None or self._is_over():
                break
            if progress:
                progress(task.workload.label, *self._done(agenda, table))
            writer.append(self._visit(task, _attempts(table, task), table.reference_ms))
        if progress and task is None:
            _, total = self._done(agenda, table)
            progress("profile complete", total, total)

    def close(self) -> None:
        """Free the sentinel's engine."""
        self._sentinel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _is_over(self) -> bool:
        minutes = self._config.minutes
        return minutes is not None and time.monotonic() - self._started >= 60 * minutes

    def _next(self, agenda: Agenda, table: LatencyTable) -> Task | None:
        """Return a refused task whose time has come, else the agenda's next, else any refused."""
        waiting = to_repeat(table)
        due = [task for task, age in waiting if age >= REPEAT_AFTER]
        if due:
            return due[0]
        task = agenda.next(table)
        if task is None:
            return waiting[0][0] if waiting else None
        if _attempts(table, task):
            raise ProfileError(
                f"the agenda asks again for {task.workload.label}, replicate {task.replicate}, "
                "which the table holds; an agenda must look at the table's rows"
            )
        return task

    def _done(self, agenda: Agenda, table: LatencyTable) -> tuple[float, float]:
        planned, minutes = agenda.planned(table), self._config.minutes
        taken = len({row.visit[:2] for row in table.rows})
        if planned is not None:
            return taken, planned
        if minutes is not None:
            return min((time.monotonic() - self._started) / 60, minutes), minutes
        return taken, taken + 1

    def _visit(self, task: Task, attempt: int, usual_ms: float | None) -> Row:
        workload, exploratory = task.workload, self._config.exploratory
        model = self._model(workload)
        try:
            with self._build(model) as engine:
                measured, beside_ms = measure_beside(
                    engine, self._sentinel, self._protocol(workload), model.input_sets()
                )
                warnings = tuple(getattr(engine, "warnings", ()))  # others' engines may have none
        except (EngineError, RuntimeError) as error:  # a runtime's own errors included
            reason = f"{type(error).__name__}: {error}"
            return Row(workload, task.replicate, None, reason, attempt, exploratory=exploratory)
        reading = Reading.of(beside_ms)
        return Row(
            workload,
            task.replicate,
            measured,
            attempt=attempt,
            refused=refusal(measured, reading, usual_ms),
            exploratory=exploratory,
            sentinel_ms=reading.ms,
            sentinel_drift=reading.drift,
            warnings=warnings,
        )

    def _protocol(self, workload: Workload) -> TimingProtocol:
        protocol = self._config.protocol
        return protocol if workload.role == MODULE else replace(protocol, cache=CHAINED)

    def _model(self, workload: Workload) -> CachedModel:
        return CachedModel(self._models(workload), workload.key, self._cache)

    def _build(self, model: CachedModel) -> Engine:
        return self._backend.build(
            model,
            precision=self._config.protocol.precision,
            threads=self._config.protocol.threads,
            device=self._config.device,
        )


def refusal(measured: Measurement, reading: Reading, usual_ms: float | None = None) -> str | None:
    """Return why a visit must not count; None if it may.

    The machine changed its speed (by the sentinel), other programs took processors that the
    measurement needed, or the device says that it was slowed down.

    Args:
        measured: The workload.
        reading: The sentinel beside it.
        usual_ms: What the sentinel took in the visits before; ``None`` if there were none.
    """
    throttled = measured.clocks.throttled() if measured.clocks else None
    reasons = [r for r in (measured.contention(), throttled, reading.refusal(usual_ms)) if r]
    return "; ".join(reasons) or None


def to_repeat(table: LatencyTable) -> list[tuple[Task, int]]:
    """Return refused tasks that have attempts left, with the rows taken since; oldest first."""
    visits: dict[tuple[str, int], list[int]] = {}
    for index, row in enumerate(table.rows):
        visits.setdefault(row.visit[:2], []).append(index)
    waiting = []
    for indices in visits.values():
        rows = [table.rows[index] for index in indices]
        refused = all(row.refused and not row.exploratory for row in rows)
        if refused and len(rows) < MAX_ATTEMPTS:
            task = Task(rows[0].workload, rows[0].replicate)
            waiting.append((task, len(table.rows) - 1 - indices[-1]))
    return sorted(waiting, key=lambda item: -item[1])


def _attempts(table: LatencyTable, task: Task) -> int:
    return sum(row.visit[:2] == task.key for row in table.rows)
