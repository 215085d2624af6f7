"""Which visit of a replicate counts, and replicates as one measurement."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

from engines import Measurement

from .row import Row

MAX_ATTEMPTS = 3
"""Visits of one replicate, after which the quietest refused one counts."""


def measurement_of(row: Row) -> Measurement:
    """Return a row's measurement.

    Raises:
        ValueError: The row is of a failure.
    """
    if row.measurement is None:
        raise ValueError(f"{row.workload.label} was not measured: {row.error}")
    return row.measurement


def counting(
    rows: Sequence[Row], speed: Callable[[Row], float], plausible: Callable[[Row], bool]
) -> Row | None:
    """Return the row of one replicate's visits that counts; None if it is to be repeated.

    Args:
        rows: The visits, in the order taken.
        speed: How many times slower than usual the machine was at a row.
        plausible: Whether a row's sentinel tells a speed.
    """
    measured = [row for row in rows if row.measurement is not None and plausible(row)]
    for row in measured:
        if row.refused is None:
            return row
    # A failure or an exploratory session ends the attempts, too.
    over = len(rows) >= MAX_ATTEMPTS or any(row.error or row.exploratory for row in rows)
    if not (measured and over):
        return None
    return min(measured, key=lambda row: measurement_of(row).median_ms / speed(row))


def pooled(rows: Sequence[Row]) -> Measurement:
    """Return replicates as one measurement: their raw samples one after the other.

    Raises:
        ValueError: One of the rows is of a failure.
    """
    parts = [measurement_of(row) for row in rows]
    whole = all(part.converged for part in parts) and not any(row.refused for row in rows)
    if len(parts) == 1:
        return parts[0] if whole == parts[0].converged else replace(parts[0], converged=whole)
    inputs = {part.inputs for part in parts}
    return replace(
        parts[0],
        raw_ms=tuple(itertools.chain.from_iterable(map(_rounds, parts))),
        warmup_ms=tuple(itertools.chain.from_iterable(part.warmup_ms for part in parts)),
        converged=whole,
        steady=all(part.steady for part in parts),
        inputs=inputs.pop() if len(inputs) == 1 else 1,
    )


def _rounds(part: Measurement) -> tuple[float, ...]:
    """Return the samples up to the last whole round of inputs, so that parts can follow on."""
    return part.raw_ms[: len(part.raw_ms) // part.inputs * part.inputs]
