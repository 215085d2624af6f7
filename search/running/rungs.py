"""The journal's tables of multi-fidelity runs: results below the last rung, and who went on."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..fidelity.promotion import REASONS, Promotion
from .config import now

TABLES = """
CREATE TABLE IF NOT EXISTS rung_results (
    evaluation INTEGER NOT NULL REFERENCES evaluations (evaluation),
    rung INTEGER NOT NULL,
    share REAL NOT NULL,
    value_json TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    seconds REAL NOT NULL,
    finished_order INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (evaluation, rung)
);
CREATE TABLE IF NOT EXISTS promotions (
    promotion INTEGER PRIMARY KEY,
    evaluation INTEGER NOT NULL REFERENCES evaluations (evaluation),
    rung INTEGER NOT NULL,
    reason TEXT NOT NULL,
    batches_before INTEGER NOT NULL,
    told_before INTEGER NOT NULL,
    UNIQUE (evaluation, rung)
);
"""
"""Empty where every candidate is evaluated whole; runs of earlier versions can do without them."""


@dataclass(frozen=True, slots=True)
class RungResult:
    """Hold what a candidate reached on a rung below the last: no result of the search yet.

    Attributes:
        rung: Zero-based, from the cheapest.
        share: Of a whole evaluation, that the values rest on.
        values: In the order of the objectives; comparable on this rung only.
        seconds: Duration.
        finished_at: ISO 8601, UTC.
        finished_order: Zero-based place in the order of all results of the run.
        promoted: Why it went on, ``rank`` or ``audit``; ``None`` if it did not.
    """

    rung: int
    share: float
    values: tuple[float, ...]
    seconds: float
    finished_at: str
    finished_order: int
    promoted: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedPromotion:
    """Say who went on, and when.

    Attributes:
        promotion: Who, and where.
        batches_before: How often had been asked before.
        told_before: Results that had been told before.
    """

    promotion: Promotion
    batches_before: int
    told_before: int


def read_results(
    connection: sqlite3.Connection, objectives: Sequence[str], first: int, count: int
) -> dict[int, tuple[RungResult, ...]]:
    """Return the results below the last rung, by evaluation, the cheapest rung first.

    Args:
        connection: To a database that has the tables.
        objectives: Their names, in the order of the values.
        first: The first evaluation that is asked for.
        count: How many at most; all that there are if negative.

    Raises:
        ValueError: A row is damaged.
        TypeError: A row is damaged.
        KeyError: A value is missing.
    """
    rows = connection.execute(
        "SELECT r.evaluation, r.rung, r.share, r.value_json, r.seconds, r.finished_at, "
        "r.finished_order, p.reason FROM rung_results r LEFT JOIN promotions p "
        "ON p.evaluation = r.evaluation AND p.rung = r.rung + 1 "
        "WHERE r.evaluation >= ? AND (? < 0 OR r.evaluation < ?) ORDER BY r.evaluation, r.rung",
        (first, count, first + count),
    ).fetchall()
    found: dict[int, tuple[RungResult, ...]] = {}
    for index, *row in rows:
        found[index] = (*found.get(index, ()), _result(row, objectives))
    return found


def read_promotions(connection: sqlite3.Connection) -> tuple[RecordedPromotion, ...]:
    """Return who went on, in that order.

    Raises:
        ValueError: A row is damaged.
    """
    rows = connection.execute(
        "SELECT evaluation, rung, reason, batches_before, told_before FROM promotions "
        "ORDER BY promotion"
    ).fetchall()
    return tuple(map(_promotion, rows))


def add_result(
    connection: sqlite3.Connection,
    index: int,
    result: tuple[int, float],
    value_json: str,
    seconds: float,
    order: int,
) -> None:
    """Write a result below the last rung; ``result`` is the rung and its share."""
    connection.execute(
        "INSERT INTO rung_results VALUES (?, ?, ?, ?, ?, ?, ?)",
        (index, *result, value_json, now(), seconds, order),
    )
    connection.execute("UPDATE evaluations SET status = 'paused' WHERE evaluation = ?", (index,))


def add_promotion(
    connection: sqlite3.Connection, number: int, recorded: RecordedPromotion
) -> None:
    """Write who goes on."""
    who = recorded.promotion
    connection.execute(
        "INSERT INTO promotions VALUES (?, ?, ?, ?, ?, ?)",
        (number, who.index, who.rung, who.reason, recorded.batches_before, recorded.told_before),
    )
    connection.execute(
        "UPDATE evaluations SET status = 'asked' WHERE evaluation = ?", (who.index,)
    )


def _result(row: Sequence[Any], objectives: Sequence[str]) -> RungResult:
    rung, share, value_json, seconds, finished_at, order, reason = row
    table = json.loads(value_json)
    values = tuple(float(table[name]) for name in objectives)
    if not all(map(math.isfinite, values)) or not 0.0 < share < 1.0:
        raise ValueError(f"values {values} at a share of {share!r}")
    return RungResult(rung, share, values, seconds, finished_at, order, reason)


def _promotion(row: Sequence[Any]) -> RecordedPromotion:
    index, rung, reason, batches, told = row
    counts = (index, rung, batches, told)
    if reason not in REASONS or not all(isinstance(n, int) and n >= 0 for n in counts):
        raise ValueError(f"promotion {row!r}")
    return RecordedPromotion(Promotion(index, rung, reason), batches, told)
