"""The model of several fidelities: of the cheapest first, each next one of what it adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .autoregressive import Autoregressive, scale_of
from .base import Floats, Surrogate
from .gaussian import GaussianProcess, Parameters, choose_parameters
from .trees import TreeEnsemble

FEWEST_RESULTS = 4  # that a model is made of
GROWTH = 1.15  # parameters are chosen, and trees grown, anew each time there are so many more


@dataclass(frozen=True, slots=True)
class Level:
    """Hold the results of one fidelity, in the order that they came in.

    Attributes:
        share: Of a whole evaluation.
        rows: ``(n, d)`` features.
        values: ``(n,)``.
    """

    share: float
    rows: Floats
    values: Floats

    def first(self, count: int) -> Level:
        """Return the first results."""
        return Level(self.share, self.rows[:count], self.values[:count])


_Key = tuple[tuple[float, int], ...]


class Chain:
    """Fit the models, and keep what is dear to fit.

    Parameters and trees are those of the results that there were at certain numbers of them, so
    that the results alone decide, whenever a model is asked for.

    Args:
        process_limit: Results of a level up to which a Gaussian process is its model; beyond,
            trees.
        seed: Of the trees.
    """

    def __init__(self, process_limit: int, seed: int) -> None:
        self._limit, self._seed = process_limit, seed
        self._parameters: dict[_Key, Parameters] = {}
        self._forests: dict[_Key, TreeEnsemble] = {}

    def model(self, levels: Sequence[Level]) -> Surrogate:
        """Return the model of the last level.

        Args:
            levels: At least one, the cheapest first; the first ones with too few results are
                left out.
        """
        *below, last = levels
        enough = [level for level in below if len(level.values) >= FEWEST_RESULTS]
        return self._model([*enough, last])

    def _model(self, levels: Sequence[Level]) -> Surrogate:
        *below, last = levels
        if not below:
            return self._own(levels, last)
        cheap = self._model(below)
        scale, rest = _difference(cheap, last)
        return Autoregressive(cheap, scale, self._own(levels, rest))

    def _own(self, levels: Sequence[Level], rest: Level) -> Surrogate:
        """Return the model of what the last level adds."""
        then = [level.first(last_milestone(len(level.values))) for level in levels]
        key = tuple((level.share, len(level.values)) for level in then)
        if len(rest.values) > self._limit:
            if key not in self._forests:
                seen = self._rest(then)
                kept = {k: v for k, v in self._forests.items() if len(k) != len(key)}
                forest = TreeEnsemble(seen.rows, seen.values, self._seed)
                self._forests = {**kept, key: forest}
            return self._forests[key]
        if key not in self._parameters:
            seen = self._rest(then)
            self._parameters[key] = choose_parameters(seen.rows, seen.values)
        return GaussianProcess(rest.rows, rest.values, self._parameters[key])

    def _rest(self, levels: Sequence[Level]) -> Level:
        """Return what the last level adds to those below."""
        *below, last = levels
        return _difference(self._model(below), last)[1] if below else last


def _difference(cheap: Surrogate, level: Level) -> tuple[float, Level]:
    below = cheap.predict(level.rows, level.rows[:0])[0]
    scale = scale_of(below, level.values)
    return scale, Level(level.share, level.rows, level.values - scale * below)


def last_milestone(count: int) -> int:
    """Return the largest milestone up to a number of results: each is 1.15 times the one before.

    Example:
        >>> [last_milestone(n) for n in (4, 5, 30, 31, 500)]
        [4, 5, 29, 29, 494]
    """
    milestone = FEWEST_RESULTS
    while (following := max(milestone + 1, int(GROWTH * milestone))) <= count:
        milestone = following
    return milestone
