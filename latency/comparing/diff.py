"""Compare two tables of one device: what became slower or faster, and is it more than chance.

A comparison has two layers: every workload, and every kind of module over all workloads that hold
it, by its share of their time (:mod:`latency.comparing.kinds`). Sources of error are kept apart:

* samples of one engine follow each other (autocorrelation, drift), so that a test which takes
  them as independent, such as Mann-Whitney's, sees differences everywhere; here the interval of
  each median comes from :func:`engines.stats.median_ci`, which allows for it;
* the machine's speed at each row, where a sentinel was timed beside it, is divided out;
* two engines built of one model differ, and so do two passes over the machine: replicates show by
  how much. With two to five of them a variance is a poor guess, so it is moderated over all
  workloads (Smyth 2004, doi:10.2202/1544-6115.1027), as is usual for thousands of genes.
  Replicates that were disturbed are left out of the medians, not of the variances;
* a single replicate shows nothing of that: a spread is assumed, or taken from how workloads
  scatter about what their kinds explain. On a busy machine, whose disturbances last from one row
  to the next, this is too little: profile with two replicates at least;
* two sessions on one machine differ, as a whole, by what no replicate shows. A change therefore
  counts if it differs from the median change of all kinds, or exceeds by itself what sessions
  are assumed to differ by.

A kind that is a small share of every chain is told apart better by modules timed alone:
`detfit profile --isolated`.

Each layer's p-values are adjusted by Holm's method at half of :data:`ALPHA`, so that the chance of
any false alarm in a whole comparison is at most :data:`ALPHA`. A gate ``slower>2%`` is violated by
a workload or kind whose slowdown is significant *and* estimated above 2 %, and by a workload that
was measured before and fails now.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import LatencyError, TableError
from ..tables.manifest import Difference, difference_of, refuse_differences
from ..tables.table import LatencyTable
from .stats import Effect, compare

ALPHA = 0.01
"""Chance of any false alarm in one comparison: two in 200 comparisons of equal tables."""

COMPARABLE = ("device.engine_version", "device.driver", "device.os", "device.python")
"""What may differ, since it is what one compares: versions of the runtime and the system."""

_GATE = re.compile(r"(slower|faster)>(\d+(?:\.\d+)?)%")


@dataclass(frozen=True, slots=True)
class Gate:
    """Say which change is not accepted.

    Attributes:
        direction: ``slower`` or ``faster``.
        limit: Relative change, 0.02 for 2 %.
    """

    direction: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> Gate:
        """Read ``slower>2%``.

        Raises:
            LatencyError: The text reads otherwise.

        Example:
            >>> Gate.parse("slower>2.5%")
            Gate(direction='slower', limit=0.025)
        """
        match = _GATE.fullmatch(text.replace(" ", ""))
        if match is None:
            raise LatencyError(f"{text!r} is no gate; write slower>2% or faster>2%")
        return cls(match[1], float(match[2]) / 100)

    def violated_by(self, change: Change) -> bool:
        """Return whether a change is significant and beyond the limit."""
        if not change.significant:
            return False
        amount = change.change if self.direction == "slower" else -change.change
        return amount > self.limit


@dataclass(frozen=True, slots=True)
class Change:
    """Compare one workload, or all modules of one kind.

    Attributes:
        what: ``workload`` or ``kind``.
        name: The workload's label or the kind.
        key: The workload's key; the kind again for a kind.
        a_ms: Before; for a kind the sum over its modules.
        b_ms: After; for a kind the sum before times its ratio.
        change: ``b / a - 1``.
        lo: Lower end of the 95 % interval of the change.
        hi: Upper end.
        p: Adjusted probability of a change as large by chance.
        significant: Whether that is below :data:`ALPHA`.
    """

    what: str
    name: str
    key: str
    a_ms: float
    b_ms: float
    change: float
    lo: float
    hi: float
    p: float
    significant: bool


@dataclass(frozen=True, slots=True)
class TableDiff:
    """Hold a comparison.

    Attributes:
        workloads: One change each, in the first table's order.
        kinds: The same for kinds of modules, by name.
        differing: ``(field, first, second)`` of what differs between the tables' origins.
        only_a: Labels of workloads that only the first table holds.
        only_b: The same for the second.
        failed: Labels of workloads that were measured in the first table and failed in the second.
    """

    workloads: tuple[Change, ...]
    kinds: tuple[Change, ...]
    differing: tuple[Difference, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    failed: tuple[str, ...]

    def violations(self, gate: Gate) -> tuple[str, ...]:
        """Say what breaks a gate: changes beyond it, and what no longer runs."""
        changes = [c for c in (*self.kinds, *self.workloads) if gate.violated_by(c)]
        return (
            *(
                f"{c.what} {c.name}: {c.change:+.1%} ({c.lo:+.1%} to {c.hi:+.1%}), p = {c.p:.1g}"
                for c in changes
            ),
            *(f"workload {label}: was measured before, fails now" for label in self.failed),
        )


def diff_tables(a: LatencyTable, b: LatencyTable, allow: Collection[str] = ()) -> TableDiff:
    """Compare what both tables measured.

    Args:
        a: Before.
        b: After.
        allow: Fields, such as ``device.uuid``, that may differ beside :data:`COMPARABLE`.

    Raises:
        TableMismatchError: Device, protocol or batch differ in anything else; names the fields.
        TableError: No workload is measured in both.
    """
    differing = difference_of(a.manifest, b.manifest)
    accepted = {*COMPARABLE, *allow}
    refuse_differences(
        "these tables cannot be compared",
        [d for d in differing if d[0] not in accepted and not d[0].startswith("software.")],
    )
    keys = [key for key in a.measurements if key in b.measurements]
    if not keys:
        raise TableError(
            "no workload is measured in both tables; compare profiles of one space, with the same "
            "head, input size, classes and seed"
        )
    failed = {row.workload.key for row in b.failures} & a.measurements.keys()
    labels = {**b.workloads, **a.workloads}
    workloads, kinds = compare(a, b, keys)
    return TableDiff(
        _changes("workload", workloads, [labels[k].label for k in keys]),
        _changes("kind", kinds, None),
        tuple(differing),
        tuple(labels[k].label for k in a.measurements if k not in b.measurements.keys() | failed),
        tuple(labels[k].label for k in b.measurements if k not in a.measurements),
        tuple(labels[key].label for key in a.measurements if key in failed),
    )


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p-values ``(n,)`` adjusted so that any false alarm among them is bounded.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return adjusted


def _changes(
    what: str, effects: Sequence[Effect], labels: Sequence[str] | None
) -> tuple[Change, ...]:
    adjusted = np.minimum(1.0, 2 * holm([effect.p for effect in effects]))  # two layers
    names = [effect.key for effect in effects] if labels is None else labels
    return tuple(
        Change(
            what,
            name,
            effect.key,
            effect.a_ms,
            effect.b_ms,
            math.expm1(effect.log_ratio),
            math.expm1(effect.log_ratio - effect.half_width),
            math.expm1(effect.log_ratio + effect.half_width),
            float(p),
            bool(p < ALPHA),
        )
        for name, effect, p in zip(names, effects, adjusted, strict=True)
    )
