"""What makes a detector slow or accurate: correlations with the factors of its architecture.

SM-NAS (Yao et al., AAAI 2020), figure 5, correlates depth, width, places of the doublings and
share of the blocks per stage with accuracy, on a front and over all searched models. Factors here
are the features of the space, which in SM-NAS' spaces are these.

A search evaluates what it finds promising. The figures describe what was evaluated, not the space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from searchspaces import SPACES, make_space

from ..errors import RunError
from ..fronts.dominance import FloatArray, nondominated
from ..running.result import SearchResult

FEWEST = 5
"""Architectures that a correlation is told for."""

COVERAGE = 0.95
_RESAMPLES = (200, 1000)  # least and most
_DRAWN = 2_000_000  # architectures drawn for one factor; more of them, fewer resamples
_USABLE = 0.95  # share of the resamples that have to tell a correlation


@dataclass(frozen=True, slots=True)
class Correlation:
    """Hold the correlation of one factor of an architecture with one objective.

    Attributes:
        factor: Name of the feature.
        objective: Name of the objective, in its own direction: positive means that both rise.
        n: Architectures.
        kendall: Rank correlation, tau-b; ``None``, as the others, where a side never changes.
        spearman: Rank correlation.
        pearson: Linear correlation.
        spearman_interval: 95 % interval of ``spearman`` by a bootstrap over the architectures;
            ``None`` where too many resamples tell nothing, as of a factor that few have.
        pearson_interval: That of ``pearson``.
    """

    factor: str
    objective: str
    n: int
    kendall: float | None
    spearman: float | None
    pearson: float | None
    spearman_interval: tuple[float, float] | None
    pearson_interval: tuple[float, float] | None


def correlations(
    result: SearchResult, *, on_front: bool = False, seed: int = 0
) -> tuple[Correlation, ...]:
    """Correlate every feature of the run's space with every objective.

    Args:
        result: The run.
        on_front: Takes the members of the front only, not all that was evaluated.
        seed: Of the bootstrap.

    Returns:
        Factor by factor; nothing where fewer than five architectures were evaluated.

    Raises:
        RunError: The space is none of the project's, so that its features are not known.
    """
    names, factors, values = _table(result, on_front)
    if len(values) < FEWEST:
        return ()
    rng = np.random.default_rng(seed)
    least, most = _RESAMPLES
    resamples = max(least, min(most, _DRAWN // len(values)))
    drawn = rng.integers(len(values), size=(resamples, len(values)))
    columns = [_Column(values[:, k], drawn) for k in range(values.shape[1])]
    found = []
    for place, name in enumerate(names):
        factor = _Column(factors[:, place], drawn)
        for objective, column in zip(result.objectives, columns, strict=True):
            found.append(_correlation(name, objective.name, factor, column))
    return tuple(found)


def describe_correlations(result: SearchResult, seed: int = 0) -> dict[str, Any]:
    """Return the correlations over all that was evaluated, and on the front, as plain values."""
    return {
        name: [asdict(each) for each in correlations(result, on_front=on_front, seed=seed)]
        for name, on_front in (("evaluated", False), ("front", True))
    }


class _Column:
    """One side of a correlation: the numbers, and standardised resamples of them."""

    def __init__(self, numbers: FloatArray, drawn: npt.NDArray[np.int64]) -> None:
        from scipy.stats import rankdata

        self.numbers = numbers
        self.constant = bool(np.ptp(numbers) == 0)
        self.ranks: FloatArray = rankdata(numbers)
        resampled = numbers[drawn]
        self.linear = _standardised(resampled)
        self.ranked = _standardised(rankdata(resampled, axis=1))


def _correlation(name: str, objective: str, factor: _Column, goal: _Column) -> Correlation:
    from scipy.stats import kendalltau

    n = len(goal.numbers)
    if factor.constant or goal.constant:
        return Correlation(name, objective, n, None, None, None, None, None)
    return Correlation(
        factor=name,
        objective=objective,
        n=n,
        kendall=float(kendalltau(factor.numbers, goal.numbers).statistic),
        spearman=float(np.corrcoef(factor.ranks, goal.ranks)[0, 1]),
        pearson=float(np.corrcoef(factor.numbers, goal.numbers)[0, 1]),
        spearman_interval=_interval(factor.ranked, goal.ranked),
        pearson_interval=_interval(factor.linear, goal.linear),
    )


def _standardised(rows: FloatArray) -> FloatArray:
    """Return rows ``(b, n)`` with mean 0 and length 1; NaN where a row never changes."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    constant = np.ptp(rows, axis=1) == 0
    lengths = np.where(constant, np.nan, np.sqrt((centred**2).sum(axis=1)))
    standard: FloatArray = centred / lengths[:, None]
    return standard


def _interval(factor: FloatArray, goal: FloatArray) -> tuple[float, float] | None:
    """Return the middle 95 % of the resampled correlations."""
    told = np.einsum("bn,bn->b", factor, goal)
    told = told[np.isfinite(told)]
    if len(told) < _USABLE * len(factor):
        return None
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(told, (tail, 1 - tail))
    return float(low), float(high)


def _table(result: SearchResult, on_front: bool) -> tuple[Sequence[str], FloatArray, FloatArray]:
    """Return names of the factors, factors ``(n, f)`` and values ``(n, m)``."""
    config = result.config
    if config.space not in SPACES:
        raise RunError(
            f"the run in {result.folder} searched {config.space!r}, which is none of the "
            "project's spaces, so that its features are not known"
        )
    space = make_space(config.space, **config.space_options)
    done = [e for e in result.candidates if e.status == "ok"]
    values = np.array([e.values for e in done]).reshape(len(done), len(result.objectives))
    if on_front and done:
        kept = nondominated(values, result.objectives)
        done = [e for e, keep in zip(done, kept, strict=True) if keep]
        values = values[kept]
    factors = np.array([space.features(e.architecture) for e in done])
    width = factors.shape[1] if done else 0
    unnamed = tuple(f"feature {place}" for place in range(width))
    names: Sequence[str] = getattr(space, "feature_names", unnamed)
    return names, factors, values
