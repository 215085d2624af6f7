"""Asynchronous successive halving: who is evaluated on which rung.

Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020, arXiv:1810.05934,
algorithm 2: whenever there is room, the best candidate of the highest rung that has one to send on
goes on; else a new one begins. No rung waits until it is full. With several objectives, the best
are those of :func:`search.fidelity.promotion.best_rows`. Other than there, no more than one of eta
is ever sent on for its rank: a search that learns proposes better and better candidates, nearly
each of which is among the best so far.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..fronts.dominance import FloatArray, minimised
from ..objectives.objective import Objective
from .fidelity import Fidelity
from .promotion import BY_AUDIT, BY_RANK, Promotion, best_rows, is_audited
from .rank_check import Pair, RankCheck, rank_check


class Ladder:
    """Know on which rung every candidate stands and which one goes on next.

    Who goes on depends on nothing but what was recorded and the seed, not on the order of results;
    only when halving stops does.

    Args:
        fidelity: The rungs.
        objectives: What the columns of the values mean.
        seed: Of the audit.

    Attributes:
        fidelity: The rungs.
        stopped: Why later proposals are evaluated whole; ``None`` while they begin on the lowest
            rung.
    """

    def __init__(self, fidelity: Fidelity, objectives: Sequence[Objective], seed: int) -> None:
        self.fidelity, self._objectives, self._seed = fidelity, tuple(objectives), seed
        self.stopped: str | None = None
        self._rungs: dict[int, int] = {}  # on which a candidate stands
        self._excess: dict[int, float] = {}
        self._values: list[dict[int, tuple[float, ...]]] = [{} for _ in fidelity.shares]
        self._best: dict[int, list[int]] = {}  # of a rung, where nothing was recorded since
        self._drawn: list[list[int]] = [[] for _ in fidelity.shares]  # by the audit
        self._by_rank: set[tuple[int, int]] = set()  # who was sent where for its rank
        self._sent = [0] * len(fidelity.shares)  # from a rung, for their rank

    def enter(self, index: int, excess: float = 0.0) -> int:
        """Let a new candidate in and return the rung that it begins on.

        Args:
            index: Of the evaluation.
            excess: How far it is from keeping the constraints; at most 0 if it does.
        """
        self._rungs[index] = 0 if self.stopped is None else self.fidelity.top
        self._excess[index] = excess
        return self._rungs[index]

    def rung(self, index: int) -> int:
        """Return the rung that a candidate stands on."""
        return self._rungs[index]

    def record(self, index: int, values: Sequence[float]) -> None:
        """Take the result of a candidate on its rung into account; NaN if it failed.

        Args:
            index: Of the evaluation.
            values: ``(m,)`` in the order of the objectives.
        """
        rung = self._rungs[index]
        self._values[rung][index] = tuple(values)
        self._best.pop(rung, None)
        if is_audited(self.fidelity.audit, self._seed, rung, index):
            self._drawn[rung] = sorted((*self._drawn[rung], index))
        if rung and self.fidelity.stop and self.stopped is None:
            refuted = [check for check in self.checks(rung) if check.refuted]
            self.stopped = refuted[0].statement if refuted else None

    def promotion(self) -> Promotion | None:
        """Return who goes on next, and where; ``None`` where nobody does."""
        if self.stopped is not None:
            return None
        for rung in reversed(range(self.fidelity.top)):
            room = len(self._values[rung]) // self.fidelity.eta - self._sent[rung]
            for index in self._chosen(rung) if room > 0 else ():
                if self._rests(index, rung):
                    return Promotion(index, rung + 1, BY_RANK)
            for index in self._drawn[rung]:
                if self._rests(index, rung):
                    return Promotion(index, rung + 1, BY_AUDIT)
        return None

    def promote(self, promotion: Promotion) -> None:
        """Send a candidate on."""
        self._rungs[promotion.index] = promotion.rung
        if promotion.reason == BY_RANK:
            self._by_rank.add((promotion.index, promotion.rung))
            self._sent[promotion.rung - 1] += 1

    def checks(self, rung: int) -> tuple[RankCheck, ...]:
        """Compare the order of a rung with that of the one below, for each evaluated objective.

        Args:
            rung: The upper one, at least 1.

        Returns:
            Nothing where too few tell.
        """
        lower, upper = self._values[rung - 1], self._values[rung]
        both = [i for i in sorted(upper) if i in lower and np.isfinite(upper[i]).all()]
        chosen = {*self._chosen(rung - 1), *(i for i, where in self._by_rank if where == rung)}
        shares = self.fidelity.shares
        found = []
        for column, goal in enumerate(self._objectives):
            if goal.is_known:
                continue
            pairs = [Pair(lower[i][column], upper[i][column], i in chosen) for i in both]
            found.append(
                rank_check(
                    goal.name,
                    pairs,
                    (shares[rung - 1], shares[rung]),
                    self.fidelity.audit,
                    self.fidelity.min_tau,
                )
            )
        return tuple(check for check in found if check is not None)

    def _chosen(self, rung: int) -> list[int]:
        """Return the best of a rung, whether they went on or not."""
        if rung not in self._best:
            there = sorted(self._values[rung])
            excess = np.array([self._excess[index] for index in there])
            rows = best_rows(self._costs(rung, there), excess, self.fidelity.eta)
            self._best[rung] = [there[row] for row in rows]
        return self._best[rung]

    def _costs(self, rung: int, there: Sequence[int]) -> FloatArray:
        return minimised([self._values[rung][index] for index in there], self._objectives)

    def _rests(self, index: int, rung: int) -> bool:
        finite = bool(np.isfinite(self._values[rung][index]).all())
        return finite and self._rungs[index] == rung
