"""What a journal tells: one ``ask``, and one architecture with what became of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from searchspaces import Architecture

from .lineage import Birth
from .rungs import RungResult

FINISHED = ("ok", "failed")
COLUMNS = (
    "evaluation, batch, architecture, digest, code, status, value_json, error, traceback, "
    "started_at, finished_at, seconds, finished_order"
)
"""Of the journal's table, in the order of :func:`evaluation_of`."""

_COMPARED = ""  # among the values: what the constraints compare; no objective's name is blank


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Hold one architecture of a run and what became of it.

    Attributes:
        index: Zero-based place in the order of proposals.
        batch: Zero-based number of the ``ask`` that proposed it.
        architecture: The architecture.
        code: Its code, as the space writes it.
        status: ``asked``, ``running``, ``paused`` on a rung below the last, ``ok`` or ``failed``.
        values: In the order of the objectives; all NaN unless ``ok``.
        error: Why it failed, in one line.
        traceback: Where it failed, for debugging.
        started_at: ISO 8601, UTC.
        finished_at: ISO 8601, UTC.
        seconds: Duration of the evaluation.
        finished_order: Zero-based place in the order of results.
        compared: What each constraint of the run compares: the value itself, or what it stays
            below with the confidence asked for. Empty unless ``ok``.
        earlier: Why it was tried again, once for every try before the last one.
        rungs: Results below the last rung of a multi-fidelity run, the cheapest first; they are
            never among ``values``.
        birth: How it was made; ``None`` in runs of earlier versions.
    """

    index: int
    batch: int
    architecture: Architecture
    code: str
    status: str
    values: tuple[float, ...]
    error: str | None = None
    traceback: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    seconds: float | None = None
    finished_order: int | None = None
    compared: tuple[float, ...] = ()
    earlier: tuple[str, ...] = ()
    rungs: tuple[RungResult, ...] = ()
    birth: Birth | None = None

    @property
    def finished(self) -> bool:
        """Return whether there is a result, good or bad."""
        return self.status in FINISHED

    def values_on(self, rung: int) -> tuple[float, ...] | None:
        """Return the values of a rung, or the final ones beyond those that were passed.

        ``None`` where it was not evaluated yet; NaN where it failed.
        """
        passed = {result.rung: result.values for result in self.rungs}
        return passed.get(rung, self.values if self.finished else None)


@dataclass(frozen=True, slots=True)
class Batch:
    """Record one ``ask``.

    Attributes:
        index: Zero-based place in the order of asking.
        requested: Architectures asked for.
        told_before: Results that the strategy had been told before.
        proposed: Architectures proposed; fewer than requested where the space was exhausted.
    """

    index: int
    requested: int
    told_before: int
    proposed: int


def values_json(values: Mapping[str, float], compared: Sequence[float]) -> str:
    """Return what is kept of an evaluation's values, objective name -> value."""
    return json.dumps({**values, _COMPARED: list(compared)}, allow_nan=False)


def architecture_json(architecture: Architecture) -> str:
    """Return what is kept of an architecture, beside its digest."""
    return json.dumps([architecture.space, architecture.genes])


def evaluation_of(row: Sequence[Any], objectives: Sequence[str]) -> Evaluation:
    """Read a row of the journal.

    Args:
        row: :data:`COLUMNS`.
        objectives: Their names, in the order of the values.

    Raises:
        ValueError: The row is damaged.
        TypeError: The row is damaged.
        KeyError: A value is missing.
    """
    index, batch, text, digest, code, status, value_json, *rest = row
    architecture = _architecture(text, digest)
    failed: dict[str, Any] = dict.fromkeys(objectives, math.nan)
    table = json.loads(value_json) if status == "ok" else failed
    values = _numbers(table[name] for name in objectives)
    compared = _numbers(table.get(_COMPARED, ()))
    if status == "ok" and not all(map(math.isfinite, values)):
        raise ValueError(f"values {values} are not finite")
    if status in FINISHED and not isinstance(rest[-1], int):
        raise ValueError(f"finished_order is {rest[-1]!r}")
    evaluation = Evaluation(index, batch, architecture, code, status, values, *rest)
    return replace(evaluation, compared=compared)


def _architecture(text: str, digest: str) -> Architecture:
    space, genes = json.loads(text)
    architecture = Architecture(space, tuple(genes))
    if architecture.digest != digest:
        raise ValueError("the digest does not match the architecture")
    return architecture


def _numbers(raw: Iterable[Any]) -> tuple[float, ...]:
    return tuple(float(number) for number in raw)
