"""What may deceive in a comparison of two tables, and what to measure instead."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..tables.manifest import SEVERAL
from ..tables.table import LatencyTable
from .diff import TableDiff
from .gate import Change, Gate

COMMON = 0.9
"""Share of the workloads that two profiles of one plan have in common, at least: some fail."""

MOST_REPLICATES = 1000  # that a profile takes
TANGLED = 1.0
"""A kind of which not even a doubling is shown stands beside another one in every workload: more
of the same measurements leave it there."""

ROUNDING = 1e-9  # of what is rounded up


@dataclass(frozen=True, slots=True)
class NamedTable:
    """A table and what a reader knows it by."""

    name: str
    table: LatencyTable


def notes_of(a: NamedTable, b: NamedTable, diff: TableDiff, gate: Gate | None) -> tuple[str, ...]:
    """Return sentences on what two tables do not show, and what their difference may come from.

    Args:
        a: Before.
        b: After.
        diff: What changed.
        gate: The change that is not accepted, if there is one.
    """
    found = [_single_replicate(each.name) for each in (a, b) if not _repeats(each.table)]
    found += _other_models(a, b)
    measured = len(a.table.measurements.keys() | b.table.measurements.keys())
    if len(diff.workloads) < COMMON * measured:
        found.append(
            f"only {len(diff.workloads)} of {measured} workloads are measured in both tables, "
            f"the others were not compared{_likewise(a, 'measures')}"
        )
    if gate is not None:
        found += _undecided(diff.undecided(gate), gate, replicates_of(a.table, b.table))
    return tuple(found)


def replicates_of(a: LatencyTable, b: LatencyTable) -> float:
    """Return how often workloads were measured in each of two tables: the harmonic mean."""
    usual = [
        float(np.median([len(table.replicates(key)) for key in table.measurements]))
        for table in (a, b)
    ]
    return 2 / sum(1 / each for each in usual)


def replicates_to_show(change: Change, limit: float, replicates: float) -> int | None:
    """Return how often to measure so that a change of the limit would be significant.

    Errors fall with the root of the replicates as long as the machine is as it was.

    Args:
        change: What the tables show.
        limit: Relative change, 0.02 for 2 %.
        replicates: In each of them.

    Returns:
        A number above those that there are; ``None`` where a profile does not take so many, or
        none would be enough.

    Example:
        >>> shown = Change("kind", "conv", "conv", 1.0, 1.0, 0.0, -0.05, 0.05, 1.0, False, 0.0404)
        >>> replicates_to_show(shown, 0.02, 3)
        12
    """
    if limit <= 0 or change.smallest_shown >= TANGLED:
        return None
    times = (math.log1p(change.smallest_shown) / math.log1p(limit)) ** 2
    needed = max(replicates * times, math.floor(replicates) + 1)
    return math.ceil(needed - ROUNDING) if needed <= MOST_REPLICATES else None


def _repeats(table: LatencyTable) -> bool:
    return any(row.replicate and not row.delivered for row in table.rows)


def _single_replicate(name: str) -> str:
    return (
        f"{name} holds one replicate: what engines differ by from build to build is assumed, and "
        "on a busy machine alarms may be false; profile with --replicates 2 or more"
    )


def _other_models(a: NamedTable, b: NamedTable) -> Iterator[str]:
    """Say where more than the device's software may have made a difference."""
    mine, theirs = a.table.manifest, b.table.manifest
    likewise = _likewise(a, "takes")
    if mine.seed != theirs.seed:
        yield (
            f"the tables are of seeds {mine.seed} and {theirs.seed}: their models have other "
            f"weights, on which the time of box selection depends{likewise}"
        )
    several = a.table.is_of_several_inputs or b.table.is_of_several_inputs
    if mine.inputs != theirs.inputs or several:
        yield (
            "box selection, RoIAlign and NMS were timed on other inputs in each table (inputs), "
            f"so that proposals and detections may differ by that alone{likewise}"
        )


def _likewise(before: NamedTable, does: str) -> str:
    """Return how to do as a table does, where one profile can: after joining none can."""
    manifest = before.table.manifest
    joined = manifest.space["name"] == SEVERAL or manifest.is_of_several_seeds
    if joined or before.table.is_of_several_inputs:
        return ""
    return f"; `detfit profile --like {before.name} -o NEW.jsonl` {does} the same"


def _undecided(changes: Sequence[Change], gate: Gate, replicates: float) -> Iterator[str]:
    """Say which kinds a gate is not decided for, and what would decide it."""
    if not changes:
        return
    needed = {each: replicates_to_show(each, gate.limit, replicates) for each in changes}
    shown = ", ".join(f"{each.name} from {each.smallest_shown:.1%}" for each in changes)
    yield (
        f"{gate} is not decided for {len(changes)} kinds, whose changes these tables show only "
        f"from some size on: {shown}"
    )
    most = max((count for count in needed.values() if count is not None), default=None)
    if most is not None:
        yield (
            f"both profiled with --replicates {most}, on a machine as quiet as it was, they would "
            "show it"
        )
    hopeless = [each.name for each, count in needed.items() if count is None]
    if hopeless:
        yield (
            f"no number of replicates would show it for {', '.join(hopeless)}: time modules "
            "alone, too (--isolated), or on a quieter machine"
        )
