"""The course of a run: replay what the journal holds, then promote, ask, evaluate and tell.

What a strategy is told, and between which decisions, does not depend on which of several workers
was faster. Decisions are made as if every evaluation took exactly its share of a whole one, by as
many hands as keep the workers busy (:mod:`search.fidelity.schedule`): a result is told when it
would have come then, whatever else has come in. Where every candidate is evaluated whole, results
are told in the order of proposals. What was proposed and not told is pending for the strategy. A
run with workers has thus the same course whenever it is made, and however often it is killed.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from ..errors import JournalError, ResultsPendingError, SpaceExhaustedError
from ..fidelity import Ladder, Promotion, Schedule
from ..strategies import Proposer
from .evaluating import Evaluating
from .evaluation import Batch, Evaluation
from .journal import Journal
from .lineage import Birth
from .result import ENDED, HALVING, STOPPED
from .rungs import RecordedPromotion

if TYPE_CHECKING:
    from searchspaces import Architecture

AHEAD = 2
"""Evaluations for every worker that may be on the way, so that none waits for the slowest one."""


class Course:
    """One process's part in a run.

    Args:
        strategy: Proposes and learns.
        ladder: Says on which rung a proposal begins, and which ones go on.
        evaluating: Evaluates and records.
        journal: Of the run, open for writing.
        workers: How many evaluations run at once.
    """

    def __init__(
        self,
        strategy: Proposer,
        ladder: Ladder,
        evaluating: Evaluating,
        journal: Journal,
        workers: int,
    ) -> None:
        self._strategy, self._ladder = strategy, ladder
        self._evaluating, self._journal = evaluating, journal
        self._step = journal.config.batch_size
        self._hands = self._step + (AHEAD * workers - 1 if workers > 1 else 0)
        self._schedule = Schedule()
        self._evaluations: dict[int, Evaluation] = {}  # every proposal, as it is
        self._batches = 0
        self._told = 0
        self._waiting = False  # for a result, without which the strategy does not go on
        self._over = False

    def run(self) -> None:
        """Bring the run to its end.

        Raises:
            JournalError: What the journal holds is not what the strategy proposes.
            RunError: A worker cannot load the evaluator.
        """
        for name in (STOPPED, ENDED):
            if self._journal.noted(name) is not None:
                self._journal.note(name, None)
        self._replay()
        while self._decide() or self._evaluating.busy:
            # ends: every turn decides on, finishes or repeats one of a bounded number
            for evaluation in self._evaluating.turn():
                self._evaluations[evaluation.index] = evaluation
        if self._ladder.fidelity.top:
            self._journal.note(ENDED, "nothing is left to propose or to send on")

    def _replay(self) -> None:
        """Decide and tell as recorded; what has no result yet is evaluated next."""
        history = self._journal.evaluations()
        self._evaluations = {evaluation.index: evaluation for evaluation in history}
        self._evaluating.done = sum(bool(e.finished or e.rungs) for e in history)
        promotions = deque(self._journal.promotions())
        proposed = 0
        for batch in self._journal.batches():
            while promotions and promotions[0].batches_before <= batch.index:
                self._promote_again(promotions.popleft())
            self._catch_up(batch.told_before, f"batch {batch.index} was asked for")
            last = proposed + batch.proposed
            self._ask_again(batch, history[proposed:last])
            proposed = last
        for recorded in promotions:
            self._promote_again(recorded)
        for evaluation in history:
            if evaluation.status in ("asked", "running"):
                self._evaluating.add(evaluation, self._ladder.rung(evaluation.index))

    def _catch_up(self, told: int, what: str) -> None:
        while self._told < told:
            if not self._tell_next():
                raise JournalError(
                    f"{self._journal.folder} does not replay: {what} after {told} results, which "
                    "are not all there"
                )

    def _promote_again(self, recorded: RecordedPromotion) -> None:
        who = recorded.promotion
        self._catch_up(recorded.told_before, f"evaluation {who.index} was sent on")
        again = self._ladder.promotion()
        if again != who:
            now_is = "nothing" if again is None else f"evaluation {again.index}, by {again.reason}"
            self._refuse(f"evaluation {who.index} was sent on by {who.reason}", now_is, "sends on")
        self._climb(who)

    def _birth(self, arch: Architecture) -> Birth:
        drawn, encode = self._strategy.draw_of(arch), self._strategy.space.encode
        return Birth(drawn.how, tuple(map(encode, drawn.parents)))

    def _ask_again(self, batch: Batch, recorded: Sequence[Evaluation]) -> None:
        known = [evaluation.architecture for evaluation in recorded]
        try:
            asked = self._strategy.replay(batch.requested, known)
        except SpaceExhaustedError:
            asked = []
        for place, (evaluation, again) in enumerate(zip_longest(recorded, asked)):
            if evaluation is None or again != evaluation.architecture:
                first = recorded[0].index if recorded else len(self._evaluations)
                was = "was not proposed" if evaluation is None else f"is {evaluation.code}"
                now_is = "nothing" if again is None else self._strategy.space.encode(again)
                self._refuse(f"evaluation {first + place} {was}", now_is, "proposes")
        self._enter(recorded)

    def _refuse(self, recorded: str, replayed: str, does: str) -> None:
        raise JournalError(
            f"{self._journal.folder} does not replay: {recorded}, but the strategy now {does} "
            f"{replayed}; the space, a known objective or a version (see run.json) has changed; "
            "begin a new run with another -o"
        )

    def _decide(self) -> bool:
        """Promote and ask while the results that this needs are there; tell whether it did."""
        decided = False
        while True:  # ends: every turn decides on or tells one of a bounded number of evaluations
            if self._promote_next() or self._ask_next():
                decided = True
            elif not self._tell_next():
                return decided

    def _promote_next(self) -> bool:
        """Send a candidate on, if there is one and a hand for it."""
        who = self._ladder.promotion() if len(self._schedule) < self._hands else None
        if who is None:
            return False
        self._journal.promote(RecordedPromotion(who, self._batches, self._told))
        self._climb(who)
        self._evaluating.add(self._evaluations[who.index], who.rung)
        return True

    def _climb(self, promotion: Promotion) -> None:
        self._ladder.promote(promotion)
        self._schedule.begin(promotion.index, self._ladder.fidelity.length(promotion.rung))

    def _ask_next(self) -> bool:
        """Ask for a batch and record it, if there are hands for it; tell whether there is one."""
        proposed = len(self._evaluations)
        n = min(self._journal.config.evals - proposed, self._step)
        if n < 1 or self._over or self._waiting or len(self._schedule) > self._hands - self._step:
            return False
        try:
            asked = self._strategy.ask(n)
        except SpaceExhaustedError as error:
            if isinstance(error, ResultsPendingError) and len(self._schedule):
                self._waiting = True
                return False
            self._journal.note(STOPPED, str(error))
            self._over = True
            return False
        encode = self._strategy.space.encode
        births = [self._birth(arch) for arch in asked]
        self._journal.add_batch(n, self._told, [(encode(arch), arch) for arch in asked], births)
        new = self._journal.evaluations(first=proposed)
        self._enter(new)
        for evaluation in new:
            self._evaluating.add(evaluation, self._ladder.rung(evaluation.index))
        return True

    def _enter(self, evaluations: Sequence[Evaluation]) -> None:
        """Put proposals on their rungs."""
        fidelity = self._ladder.fidelity
        for evaluation in evaluations:
            index, arch = evaluation.index, evaluation.architecture
            excess = self._strategy.constraints.excess(arch) if fidelity.top else 0.0
            self._evaluations.setdefault(index, evaluation)
            self._schedule.begin(index, fidelity.length(self._ladder.enter(index, excess)))
        self._batches += 1

    def _tell_next(self) -> bool:
        """Tell the result whose turn it is, if it is there; tell whether it is."""
        index = self._schedule.next
        if index is None:
            return False
        rung = self._ladder.rung(index)
        values = self._evaluations[index].values_on(rung)
        if values is None:
            return False
        self._schedule.end()
        self._told += 1
        self._waiting = False
        before = self._ladder.stopped
        self._ladder.record(index, values)
        if self._ladder.stopped is not None and before is None:
            self._stop_halving(self._ladder.stopped)
        if rung == self._ladder.fidelity.top or any(map(math.isnan, values)):
            self._tell(index, values)
        else:
            share = self._ladder.fidelity.shares[rung]
            self._strategy.tell_part(self._evaluations[index].architecture, share, values)
        return True

    def _tell(self, index: int, values: Sequence[float]) -> None:
        self._strategy.tell([self._evaluations[index].architecture], [values])

    def _stop_halving(self, why: str) -> None:
        """Record that later proposals are evaluated whole; a replay finds and says the same."""
        self._journal.note(HALVING, why)
        self._evaluating.report(f"later proposals are evaluated whole: {why}")
