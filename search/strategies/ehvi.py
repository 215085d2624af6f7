"""A model-based search: expected hypervolume improvement, with the cost known exactly.

What a surrogate learns is only what must be evaluated; latency is looked up. See
:mod:`search.acquisition` for the criterion and :mod:`search.surrogates` for the models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..acquisition import log_ehvi
from ..dominance import nondominated
from ..errors import ObjectiveError, StrategyError
from ..objective import Bound, Objective
from ..surrogates import GaussianProcess, Surrogate, TreeEnsemble, choose_parameters
from .base import Source, StrategyBase, StrategyOptions, check_count, check_share
from .candidates import ranked_candidates
from .design import stratified_design
from .neighbours import neighbour

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

    from ..surrogates import Parameters

FEWEST_RESULTS = 4  # that a model is made of
GROWTH = 1.15  # parameters are chosen, and trees grown, anew each time there are so many more
KEPT = 20_000  # architectures whose features are kept
MARGIN = 0.01  # of a range: the worst that is known still adds a little
BEYOND = 0.1  # of a range: dearer networks than are known count, where no budget excludes them
LEAST_COST = 1e-3  # of the usual: what costs less counts as much in the logarithm
TINY = 1e-300  # stands for a range of nothing
_PROPOSALS, _DESIGN = 2, 3  # branches of the seed; the base class takes 0 and 1

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EhviOptions(StrategyOptions):
    """Options of :class:`EhviStrategy`.

    Attributes:
        initial: Networks of the initial design.
        exploration: Share of the later proposals that the model does not choose, in [0, 1]: half
            are one step away from the front, half are sampled.
        candidates: Networks that the criterion is first computed for, per proposal.
        process_limit: Results up to which a Gaussian process is the model; beyond, trees.

    Raises:
        StrategyError: A value is out of range.
    """

    initial: int = 10
    exploration: float = 0.1
    candidates: int = 256
    process_limit: int = 500

    def __post_init__(self) -> None:
        # not super(): the class that slots=True makes is another than the one written here
        StrategyOptions.__post_init__(self)
        check_count("initial", self.initial, 1)
        check_share("exploration", self.exploration)
        check_count("candidates", self.candidates, 1)
        check_count("process_limit", self.process_limit, FEWEST_RESULTS)


class EhviStrategy(StrategyBase):
    """Propose what is expected to add most to the front.

    One objective is evaluated; one or more are known. Each known one, such as the latency of one
    of several devices, has a front of its own against the evaluated one; a proposal is expected
    to add most to all of them together, each measured in shares of its range and within its
    budget. The first proposals are a design stratified on the first known objective. What is
    asked and not told yet counts as known, at its predicted value.

    What is proposed depends on nothing but the seed, the number of proposals and what is told and
    pending: a run is resumed without fitting what was fitted before.

    Raises:
        ObjectiveError: Not exactly one objective is to be evaluated, or none is known.
    """

    name = "ehvi"
    options_type = EhviOptions

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound] = (),
        seed: int = 0,
        options: StrategyOptions | None = None,
    ) -> None:
        super().__init__(space, objectives, constraints, seed, options)
        if not isinstance(self.options, EhviOptions):
            raise StrategyError(f"ehvi takes EhviOptions, got {self.options!r}")
        self._setup = self.options
        self._goal, self._costs = _split(self.objectives)
        self._column = self.objectives.index(self._goal)
        self._features = lru_cache(maxsize=KEPT)(self.space.features)
        self._known_rows: list[Floats] = []  # of what succeeded, in that order
        self._least_costs = np.ones(len(self._costs))
        self._design: list[Architecture] | None = None
        self._parameters: dict[int, Parameters] = {}
        self._forests: dict[int, TreeEnsemble] = {}
        self._model: tuple[int, Surrogate] | None = None

    def replay(self, requested: int, recorded: Sequence[Architecture]) -> list[Architecture]:
        """Take recorded proposals as they are, where they may be proposed; ask otherwise.

        No model is fitted: later proposals do not depend on how earlier ones came about.
        """
        fresh = self._seen.isdisjoint(recorded) and len(set(recorded)) == len(recorded)
        if not fresh or not all(map(self._may_be_proposed, recorded)):
            return super().replay(requested, recorded)
        for architecture in recorded:
            self._propose(architecture)
        return list(recorded)

    def _may_be_proposed(self, architecture: Architecture) -> bool:
        return (
            self.space.is_valid(architecture)
            and self.space.canonical(architecture) == architecture
            and self.constraints.satisfied(architecture)
        )

    def _sources(self) -> Sequence[Source]:
        self._rng = self._branch(_PROPOSALS, self.asked)
        design = self._initial()
        if self.asked < len(design):
            return (lambda: design[self.asked], self._sample)
        if len(self._succeeded) < FEWEST_RESULTS:
            return (self._sample,)
        draw = self._rng.random()
        if draw < self._setup.exploration / 2:
            return (self._sample,)
        if draw < self._setup.exploration:
            return (self._beside_front, self._sample)
        ranked = iter(self._ranked())

        def best_left() -> Architecture:
            return next(ranked, None) or self._sample()

        return (best_left, self._sample)

    def _branch(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _initial(self) -> list[Architecture]:
        """Return the initial design; it also says from what on a cost is as good as none."""
        if self._design is None:
            rng, setup = self._branch(_DESIGN), self._setup
            self._design = stratified_design(
                self.space,
                self._costs[0],
                self.constraints,
                self._feature_table,
                setup.initial,
                rng,
            )
            for column, cost in enumerate(self._costs if self._design else ()):
                usual = float(np.median(np.abs(cost.values(self._design))))
                self._least_costs[column] = max(LEAST_COST * usual, TINY)
        return self._design

    def _beside_front(self) -> Architecture:
        front = self._front()
        return neighbour(self.space, front[int(self._rng.integers(len(front)))], self._rng)

    def _front(self) -> list[Architecture]:
        """Return the members of all fronts."""
        archs = [arch for arch, _ in self._succeeded]
        table = np.array([row for _, row in self._succeeded])
        members: dict[Architecture, None] = {}
        for cost in self._costs:
            columns = [self.objectives.index(cost), self._column]
            kept = nondominated(table[:, columns], (cost, self._goal))
            members |= dict.fromkeys(archs[row] for row in np.flatnonzero(kept))
        return list(members)

    def _ranked(self) -> list[Architecture]:
        model, told = self._fitted(), self._told_table()
        asked = self._table(list(self._pending))
        believed = model.predict(asked, asked[:0])[0] if len(asked) else np.zeros(0)
        front = np.column_stack(
            (
                self._cost_columns(np.concatenate((told, asked))),
                np.concatenate((self._told_values(), believed)),
            )
        )

        def score(archs: Sequence[Architecture]) -> Floats:
            table = self._table(archs)
            means, deviations = model.predict(table, asked)
            return self._log_gain(self._cost_columns(table), means, deviations, front)

        return ranked_candidates(
            self.space,
            self._front(),
            self.constraints,
            self._seen,
            score,
            self._setup.candidates,
            self._rng,
        )

    def _log_gain(self, costs: Floats, means: Floats, deviations: Floats, known: Floats) -> Floats:
        """Return the logarithm of what candidates are expected to add to all fronts ``(n,)``.

        Args:
            costs: ``(n, c)`` of candidates, minimised.
            means: ``(n,)`` of the evaluated objective, minimised.
            deviations: ``(n,)`` of it.
            known: ``(k, c + 1)`` costs and values of what is told or pending.
        """
        worst, best = float(known[:, -1].max()), float(known[:, -1].min())
        height = max(worst - best, TINY)
        gains = []
        for column, cost in enumerate(self._costs):
            least, most = float(known[:, column].min()), float(known[:, column].max())
            reference = self._reference(cost, least, most)
            corner = (reference, worst + MARGIN * height)
            gain = log_ehvi(costs[:, column], means, deviations, known[:, [column, -1]], corner)
            gains.append(gain - math.log(max(reference - least, TINY)) - math.log(height))
        return np.asarray(np.logaddexp.reduce(gains, axis=0))

    def _reference(self, cost: Objective, least: float, most: float) -> float:
        """Return the worst cost that counts, minimised: the budget, or beyond all there is."""
        uppers = [c.upper for c in self.constraints.constraints if c.objective == cost.name]
        if uppers and cost.direction == "min":
            most = max(uppers)
            return most + MARGIN * max(most - least, TINY)
        return most + BEYOND * max(most - least, TINY)

    def _told_values(self) -> Floats:
        """Return the evaluated objective of what succeeded ``(n,)``, minimised."""
        return np.array([self._goal.sign * row[self._column] for _, row in self._succeeded])

    def _told_table(self) -> Floats:
        """Return the table of what succeeded ``(n, d + 2 c)``."""
        new = [arch for arch, _ in self._succeeded[len(self._known_rows) :]]
        if new:
            self._known_rows += list(self._table(new))
        return np.array(self._known_rows)

    def _table(self, archs: Sequence[Architecture]) -> Floats:
        """Return features, logarithms of the costs, and the costs as told ``(n, d + 2 c)``.

        What a network gains by a given share more of cost is much the same everywhere.
        """
        if not archs:
            return np.array(self._known_rows[:1])[:0]
        costs = np.column_stack([cost.values(archs) for cost in self._costs])
        shares = np.log(np.maximum(costs, self._least_costs))
        return np.column_stack((self._feature_table(archs), shares, costs))

    def _feature_table(self, archs: Sequence[Architecture]) -> Floats:
        return np.array([self._features(arch) for arch in archs], dtype=np.float64)

    def _cost_columns(self, table: Floats) -> Floats:
        signs = np.array([cost.sign for cost in self._costs])
        return np.asarray(table[:, -len(self._costs) :] * signs)

    def _fitted(self) -> Surrogate:
        """Return the model of everything told so far.

        Parameters and trees are those of the results that there were at certain numbers of them,
        which the results alone decide.
        """
        count = len(self._succeeded)
        if self._model is None or self._model[0] != count:
            self._model = (count, self._fit(count))
        return self._model[1]

    def _fit(self, count: int) -> Surrogate:
        table, values = self._told_table(), self._told_values()
        then = _last_milestone(count)
        if count > self._setup.process_limit:
            if then not in self._forests:
                self._forests = {then: TreeEnsemble(table[:then], values[:then], self.seed)}
            return self._forests[then]
        if then not in self._parameters:
            self._parameters = {then: choose_parameters(table[:then], values[:then])}
        return GaussianProcess(table, values, self._parameters[then])


def _last_milestone(count: int) -> int:
    """Return the largest milestone up to a number of results: each is 1.15 times the one before.

    Example:
        >>> [_last_milestone(n) for n in (4, 5, 30, 31, 500)]
        [4, 5, 29, 29, 494]
    """
    milestone = FEWEST_RESULTS
    while (following := max(milestone + 1, int(GROWTH * milestone))) <= count:
        milestone = following
    return milestone


def _split(objectives: Sequence[Objective]) -> tuple[Objective, tuple[Objective, ...]]:
    """Return the objective that is evaluated, and those that are known."""
    evaluated = [goal for goal in objectives if not goal.is_known]
    known = tuple(goal for goal in objectives if goal.is_known)
    if len(evaluated) != 1 or not known:
        names = ", ".join(goal.name for goal in evaluated) or "none"
        raise ObjectiveError(
            "ehvi models one objective that is evaluated beside one or more that are known; "
            f"evaluated here: {names}, known: {', '.join(goal.name for goal in known) or 'none'}; "
            "take nsga2 for others"
        )
    return evaluated[0], known
