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
was measured before and fails now. It is undecided for a kind whose interval reaches beyond the
limit in tables that are too few or too noisy to show a change of the limit.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import TableError
from ..tables.manifest import Difference, difference_of, refuse_differences
from ..tables.table import LatencyTable
from .gate import Change, Gate
from .stats import TESTS, Effect, compare

ALPHA = 0.01
"""Chance of any false alarm in one comparison: two in 200 comparisons of equal tables."""

LAYERS = 2  # workloads and kinds: each has half of ALPHA

COMPARABLE = ("device.engine_version", "device.driver", "device.os", "device.python")
"""What may differ, since it is what one compares: versions of the runtime and the system."""

MOST_LOG = 10.0  # of a change that is worked out: beyond, nothing is shown at all


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
        untold: Kinds whose ratio is noise, or not told apart from another's; never significant.
    """

    workloads: tuple[Change, ...]
    kinds: tuple[Change, ...]
    differing: tuple[Difference, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    failed: tuple[str, ...]
    untold: tuple[Change, ...] = ()

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

    def undecided(self, gate: Gate) -> tuple[Change, ...]:
        """Return the kinds that may break a gate without the tables showing it."""
        return tuple(c for c in (*self.kinds, *self.untold) if gate.left_open_by(c))


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
    found = compare(a, b, keys)
    return TableDiff(
        _changes("workload", found.workloads, [labels[k].label for k in keys]),
        _changes("kind", found.kinds),
        tuple(differing),
        tuple(labels[k].label for k in a.measurements if k not in b.measurements.keys() | failed),
        tuple(labels[k].label for k in b.measurements if k not in a.measurements),
        tuple(labels[key].label for key in a.measurements if key in failed),
        _changes("kind", found.untold, tested=len(found.kinds)),
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
    what: str,
    effects: Sequence[Effect],
    labels: Sequence[str] | None = None,
    tested: int | None = None,
) -> tuple[Change, ...]:
    """Return changes.

    Args:
        what: ``workload`` or ``kind``.
        effects: Of each.
        labels: Their names; their keys if None.
        tested: Beside how many others each would be tested, for effects that are not; ``None``
            tests them.
    """
    names = [effect.key for effect in effects] if labels is None else labels
    if tested is None:
        adjusted = np.minimum(1.0, LAYERS * holm([effect.p for effect in effects]))
        smallest = _smallest_shown(effects, len(effects))
    else:
        adjusted = np.ones(len(effects))
        smallest = _smallest_shown(effects, tested + 1)
    return tuple(
        Change(
            what,
            name,
            effect.key,
            effect.a_ms,
            effect.b_ms,
            _relative(effect.log_ratio),
            _relative(effect.log_ratio - effect.half_width),
            _relative(effect.log_ratio + effect.half_width),
            float(p),
            bool(p < ALPHA),
            least,
        )
        for name, effect, p, least in zip(names, effects, adjusted, smallest, strict=True)
    )


def _relative(log_ratio: float) -> float:
    """Return a change whose logarithm is given; beyond :data:`MOST_LOG` nothing was found out."""
    return math.expm1(min(max(log_ratio, -MOST_LOG), MOST_LOG))


def _smallest_shown(effects: Sequence[Effect], tested: int) -> list[float]:
    """Return the least slowdown of each that would be significant as the first of so many."""
    from scipy.stats import t

    level = ALPHA / (LAYERS * TESTS * max(tested, 1))  # of both tails
    quantiles = t.isf(level / 2, np.array([effect.freedom for effect in effects]))
    logs = quantiles * np.array([effect.error for effect in effects])
    return [float(least) for least in np.expm1(np.minimum(logs, MOST_LOG))]
