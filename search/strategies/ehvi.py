"""A model-based search: expected hypervolume improvement, with the cost known exactly.

What a surrogate learns is only what must be evaluated; latency is looked up. See :mod:`.gains` for
the criterion, :mod:`.beliefs` for the models and :mod:`.candidates` for what is chosen from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ObjectiveError
from ..fronts.dominance import nondominated
from ..objectives.objective import Bound, Objective
from ..surrogates import FEWEST_RESULTS
from ..surrogates.base import Floats
from .base import StrategyBase
from .beliefs import Beliefs
from .candidates import ranked_candidates
from .checks import check_count, check_flag, check_options, check_share
from .contract import StrategyOptions
from .design import stratified_design
from .draw import DESIGNED, RECORDED, STEPPED, Draw, Source
from .gains import log_gains, worst_costs
from .neighbours import neighbour
from .scored_features import scored_features

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

    from ..surrogates import Surrogate

_PROPOSALS, _DESIGN = 2, 3  # branches of the seed; the base class takes 0 and 1


@dataclass(frozen=True, slots=True)
class EhviOptions(StrategyOptions):
    """Options of :class:`EhviStrategy`.

    Attributes:
        initial: Networks of the initial design.
        exploration: Share of the later proposals that the model does not choose, in [0, 1]: half
            are one step away from the front, half are sampled.
        candidates: Networks that the criterion is first computed for, per proposal.
        process_limit: Results up to which a Gaussian process is the model; beyond, trees.
        training_free: Whether the entropy score of the backbone, which needs no training, is one
            more feature; some 400 candidates of a proposal take a millisecond each.

    Raises:
        StrategyError: A value is out of range.
    """

    initial: int = 10
    exploration: float = 0.1
    candidates: int = 256
    process_limit: int = 500
    training_free: bool = False

    def __post_init__(self) -> None:
        # not super(): the class that slots=True makes is another than the one written here
        StrategyOptions.__post_init__(self)
        check_count("initial", self.initial, 1)
        check_share("exploration", self.exploration)
        check_count("candidates", self.candidates, 1)
        check_count("process_limit", self.process_limit, FEWEST_RESULTS)
        check_flag("training_free", self.training_free)


class EhviStrategy(StrategyBase):
    """Propose what is expected to add most to the front.

    One objective is evaluated; one or more are known. Each known one, such as the latency of one
    of several devices, has a front of its own against the evaluated one; a proposal is expected
    to add most to all of them together, each measured in shares of its range and within its
    budget. The first proposals are a design stratified on the first known objective. What is
    asked and not told yet counts as known, at its predicted value. What parts of evaluations told
    (:meth:`tell_part`) is learned by the model, and is no result.

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
        self._setup = check_options(self.name, self.options, EhviOptions)
        self._goal, self._costs = _split(self.objectives)
        self._column = self.objectives.index(self._goal)
        self._beliefs = Beliefs(
            scored_features(space) if self._setup.training_free else space.features,
            self._goal,
            self._column,
            self._costs,
            self._succeeded,
            self._setup.process_limit,
            self.seed,
        )
        self._design: list[Architecture] | None = None

    def replay(self, requested: int, recorded: Sequence[Architecture]) -> list[Architecture]:
        """Take recorded proposals as they are, where they may be proposed; ask otherwise.

        No model is fitted: later proposals do not depend on how earlier ones came about.
        """
        fresh = self._seen.isdisjoint(recorded) and len(set(recorded)) == len(recorded)
        if not fresh or not all(map(self._may_be_proposed, recorded)):
            return super().replay(requested, recorded)
        for architecture in recorded:
            self._propose(Draw(architecture, RECORDED))
        return list(recorded)

    def tell_part(self, architecture: Architecture, share: float, values: Sequence[float]) -> None:
        """Learn what a part of an evaluation told, beside what whole ones tell."""
        self._beliefs.hear(architecture, share, values[self._column])

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
            return (lambda: Draw(design[self.asked], DESIGNED), self._sample)
        if len(self._succeeded) < FEWEST_RESULTS:
            return (self._sample,)
        draw = self._rng.random()
        if draw < self._setup.exploration / 2:
            return (self._sample,)
        if draw < self._setup.exploration:
            return (self._beside_front, self._sample)
        ranked = iter(self._ranked())

        def best_left() -> Draw:
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
                self._beliefs.features,
                setup.initial,
                rng,
            )
            self._beliefs.learn_usual(self._design)
        return self._design

    def _beside_front(self) -> Draw:
        front = self._front()
        member = front[int(self._rng.integers(len(front)))]
        return Draw(neighbour(self.space, member, self._rng), STEPPED, (member,))

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

    def _ranked(self) -> list[Draw]:
        beliefs, model = self._beliefs, self._beliefs.model()
        asked = beliefs.table(list(self._pending))
        known = self._known(model, asked)
        worst = worst_costs(self._costs, self.constraints, known)

        def score(archs: Sequence[Architecture]) -> Floats:
            table = beliefs.table(archs)
            means, deviations = model.predict(table, asked)
            return log_gains(beliefs.costs(table), means, deviations, known, worst)

        return ranked_candidates(
            self.space,
            self._front(),
            self.constraints,
            self._seen,
            score,
            self._setup.candidates,
            self._rng,
        )

    def _known(self, model: Surrogate, asked: Floats) -> Floats:
        """Return costs and values ``(k, c + 1)``, minimised, of what is told and of what is asked.

        Args:
            model: Predicts the values of what is asked.
            asked: ``(p, d + 2 c)`` rows of it.
        """
        beliefs = self._beliefs
        believed = model.predict(asked, asked[:0])[0] if len(asked) else np.zeros(0)
        costs = beliefs.costs(np.concatenate((beliefs.told(), asked)))
        return np.column_stack((costs, np.concatenate((beliefs.values(), believed))))


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
