"""What a multi-fidelity run spent on which rung, what that saved, and whether rungs agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..fidelity import BY_AUDIT, BY_RANK, Fidelity, Ladder, Promotion, RankCheck
from ..running.evaluation import Evaluation
from ..running.result import SearchResult
from ..running.run import GRADED


@dataclass(frozen=True, slots=True)
class RungCount:
    """Say what was done on one rung.

    Attributes:
        share: Of a whole evaluation.
        evaluated: Candidates with a result on it.
        sent_on: Those of them that went on for their rank.
        audited: Those that went on whatever their rank.
        seconds: That its evaluations took together, failed ones left out.
    """

    share: float
    evaluated: int
    sent_on: int
    audited: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RungSummary:
    """Say what a multi-fidelity run spent and saved.

    Attributes:
        unit: What shares are counted in, such as ``training steps``.
        rungs: The cheapest first.
        failed: Candidates that failed on a rung.
        cost: Of all evaluations, in whole ones.
        saved: Whole evaluations less than evaluating every candidate whole.
        checks: How the orders of neighbouring rungs agree; only where enough tell.
        stopped: Why later proposals were evaluated whole, or ``None``.
    """

    unit: str
    rungs: tuple[RungCount, ...]
    failed: int
    cost: float
    saved: float
    checks: tuple[RankCheck, ...]
    stopped: str | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return why rungs are not to be trusted."""
        return tuple(check.warning for check in self.checks if check.warning is not None)

    @property
    def statement(self) -> str:
        """Return counts, cost and agreement in one sentence."""
        counts = ", ".join(f"{each.evaluated} at {each.share:g}" for each in self.rungs)
        agreed = "; ".join(
            f"tau {check.kendall_tau:.2f} ({check.interval[0]:.2f} to {check.interval[1]:.2f}) "
            f"from {check.lower:g} to {check.upper:g}"
            for check in self.checks
        )
        return (
            f"evaluated {counts} of the {self.unit}: the cost of {self.cost:.1f} whole "
            f"evaluations, {round(self.saved, 1) + 0.0:.1f} saved; "
            f"{agreed or 'too few tell whether rungs agree'}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "unit": self.unit,
            "rungs": [asdict(each) for each in self.rungs],
            "failed": self.failed,
            "cost": self.cost,
            "saved": self.saved,
            "checks": [check.to_dict() for check in self.checks],
            "stopped": self.stopped,
            "statement": self.statement,
        }


def rung_summary(result: SearchResult) -> RungSummary | None:
    """Return what a run spent on which rung; ``None`` where every candidate is evaluated whole.

    A failed candidate counts as an evaluation on the rung where it failed.
    """
    fidelity = result.config.fidelity
    if fidelity is None:
        return None
    tried = [e for e in result.history if e.finished or e.rungs]
    spent = [_spent(e, fidelity, whole=e.index >= _whole_from(result)) for e in tried]
    ladder = _climbed(result, replace(fidelity, stop=False))
    return RungSummary(
        unit=str(result.config.notes.get(GRADED, "evaluation")),
        rungs=tuple(_count(tried, rung, fidelity) for rung in range(fidelity.top + 1)),
        failed=len(result.failures),
        cost=math.fsum(spent),
        saved=len(tried) - math.fsum(spent),
        checks=tuple(c for rung in range(1, fidelity.top + 1) for c in ladder.checks(rung)),
        stopped=result.halving_stopped,
    )


def _whole_from(result: SearchResult) -> float:
    """Return the first candidate that began on the last rung, as all after it did."""
    began = (e.index for e in result.history if e.status == "ok" and not e.rungs)
    return min(began, default=math.inf)


def _spent(evaluation: Evaluation, fidelity: Fidelity, *, whole: bool) -> float:
    """Return what a candidate cost, in whole evaluations."""
    passed = sum(each.share for each in evaluation.rungs)
    if evaluation.status == "ok" or (evaluation.finished and whole):
        return passed + 1.0
    return passed + (fidelity.shares[len(evaluation.rungs)] if evaluation.finished else 0.0)


def _count(tried: Sequence[Evaluation], rung: int, fidelity: Fidelity) -> RungCount:
    share = fidelity.shares[rung]
    if rung == fidelity.top:
        whole = [e for e in tried if e.status == "ok"]
        return RungCount(share, len(whole), 0, 0, math.fsum(e.seconds or 0.0 for e in whole))
    results = [each for e in tried for each in e.rungs if each.rung == rung]
    reasons = [each.promoted for each in results]
    return RungCount(
        share,
        len(results),
        reasons.count(BY_RANK),
        reasons.count(BY_AUDIT),
        math.fsum(each.seconds for each in results),
    )


def _climbed(result: SearchResult, fidelity: Fidelity) -> Ladder:
    """Return the ladder as the run's results leave it."""
    ladder = Ladder(fidelity, result.objectives, result.config.seed)
    for evaluation in result.history[: int(min(_whole_from(result), len(result.history)))]:
        index = evaluation.index
        ladder.enter(index)
        for each in evaluation.rungs:
            ladder.record(index, each.values)
            if each.promoted is not None:
                ladder.promote(Promotion(index, each.rung + 1, each.promoted))
        if evaluation.finished:
            ladder.record(index, evaluation.values)
    return ladder
