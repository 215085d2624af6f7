"""How much every kind of module changed: all workloads together, by what share of each it has.

A workload's log ratio is the sum over its kinds of share times the kind's own log ratio, and an
error. Solved for all kinds at once by least squares, this uses every chain and every detector;
differences of two chains, which shares are taken from, would be several times noisier.

Where no kind changed, the shares do not matter: they decide what is blamed, not how often.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

from ..joint import Spread, equations_of, fit_joint
from ..tables.table import LatencyTable
from ..workloads.workload import MODULE
from .side import Side, squares_of
from .variance import Tested

Floats = npt.NDArray[np.float64]
PRIOR_SD = 0.5
"""Of a kind's log ratio: keeps the equations solvable where two kinds always stand together."""

MAX_STDERR = 0.05
"""Standard error beyond which a kind's ratio is noise, or cannot be told from another's."""

LEAST_MS = 1e-6  # of a kind for which the workloads leave no time at all

SPREAD = Spread(layer=0.3, module=0.3, whole=0.02, border_ms=0.5, part_noise=0.01)
"""Of costs about their trend: wide, so that measurements decide. To search for the likeliest one,
as a fit does, would take most of a comparison's time, and shares only say what is blamed."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Say what workloads consist of.

    Attributes:
        names: ``(k,)`` kinds.
        ms: ``(k,)`` milliseconds of all distinct modules of a kind.
        of: ``(n, k)`` share of every kind in every workload's time, 0 to 1.
    """

    names: tuple[str, ...]
    ms: Floats
    of: Floats

    @property
    def design(self) -> Floats:
        """Return the shares ``(n, k + 1)`` with that of the time between modules."""
        rest = np.maximum(0.0, 1.0 - self.of.sum(axis=1))
        return np.concatenate([self.of, rest[:, None]], axis=1)


def shares_of(table: LatencyTable, keys: Sequence[str], ms: Floats) -> Shares:
    """Return the kinds' shares in workloads.

    Args:
        table: Says what modules cost in context; a module timed alone is its kind's altogether.
        keys: Workloads that the table measured.
        ms: ``(n,)`` their milliseconds.
    """
    counts = [table.workloads[key].graph.counts() for key in keys]
    alone = [table.workloads[key].role == MODULE for key in keys]
    chained = [each for each, single in zip(counts, alone, strict=True) if not single]
    costs = _costs(table, {spec for each in chained for spec in each})
    names = sorted({spec.kind for each in counts for spec in each})
    place = {name: index for index, name in enumerate(names)}
    of, sums = np.zeros((len(keys), len(names))), np.zeros(len(names))
    for row, (each, single) in enumerate(zip(counts, alone, strict=True)):
        for spec, count in each.items():
            share = 1.0 if single else count * costs[spec] / ms[row]
            of[row, place[spec.kind]] += share
            if spec not in costs:
                sums[place[spec.kind]] += ms[row]
    of /= np.maximum(1.0, of.sum(axis=1))[:, None]
    for spec, cost in costs.items():
        sums[place[spec.kind]] += cost
    return Shares(tuple(names), sums, of)


def kind_sides(
    shares: Shares, first: Side, second: Side, variance: Tested
) -> tuple[KindSides, KindSides]:
    """Return both sides of the kinds whose ratio can be told, and of those whose cannot.

    Args:
        shares: Of the kinds in the workloads.
        first: The workloads before.
        second: The workloads after.
        variance: Of the workloads' log ratios.
    """
    design = shares.design
    weighted = design.T / variance.of_ratio
    covariance = np.linalg.inv(weighted @ design + np.eye(design.shape[1]) / PRIOR_SD**2)
    solution = covariance @ weighted
    ratios = second.mean - first.mean
    lack = _lack_of_fit(ratios - design @ (solution @ ratios), variance, design.shape[1])
    errors = np.sqrt(lack * np.diag(covariance))[:-1]
    # of both sides the difference alone counts; the level makes the logarithms those of ms
    level = np.log(np.maximum(shares.ms, LEAST_MS)) - (solution @ first.mean)[:-1]
    one, other = (
        _kind_side(level[:, None] + (solution @ side.filled)[:-1], errors, side)
        for side in (first, second)
    )
    every, told = KindSides(shares.names, one, other), errors <= MAX_STDERR
    return every.only(told), every.only(~told)


@dataclass(frozen=True, slots=True)
class KindSides:
    """Hold both sides of the kinds; the logarithms of the first average to those of its ms."""

    names: tuple[str, ...]
    first: Side
    second: Side

    def only(self, some: npt.NDArray[np.bool_]) -> KindSides:
        """Return the sides of the kinds ``(k,)`` that are marked."""
        names = tuple(np.array(self.names)[some].tolist())
        return KindSides(names, self.first.only(some), self.second.only(some))


def _kind_side(log_ms: Floats, errors: Floats, side: Side) -> Side:
    freedom = np.full(len(log_ms), log_ms.shape[1] - 1.0)
    within = errors / np.sqrt(2)  # half of the ratio's variance is of either side
    return Side(log_ms, squares_of(log_ms), freedom, within, side.pass_variance)


def _lack_of_fit(residuals: Floats, variance: Tested, unknowns: int) -> float:
    """Return by what variances grow where modules of one kind did not change alike.

    Birge's ratio: the mean square of normalised residuals, at least 1.
    """
    freedom = len(residuals) - unknowns
    if freedom < 1:
        return 1.0
    return max(1.0, float(np.sum(residuals**2 / variance.of_ratio)) / freedom)


def _costs(table: LatencyTable, specs: Set[ModuleSpec]) -> dict[ModuleSpec, float]:
    """Return what modules cost inside detectors; rates stand in for what was never measured."""
    if not specs:
        return {}
    ordered = sorted(specs, key=lambda spec: spec.key)
    costs = fit_joint(equations_of(table), SPREAD).modules(ordered)
    return {spec: cost.ms for spec, cost in zip(ordered, costs, strict=True)}
