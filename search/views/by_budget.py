"""What the search of both levels of CR-NAS found for each of its budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from searchspaces import CrNasSpace, make_space

from ..objectives.objective import evaluated_objective, objective_named
from ..running.evaluation import Evaluation
from ..running.result import SearchResult
from ..strategies import CrNasStrategy
from .optimality import ELIGIBLE, best_of, value_of

Keeps = Callable[[Evaluation], bool]


@dataclass(frozen=True, slots=True)
class BudgetResult:
    """Hold the result of one budget; what was not evaluated yet, or failed, is ``None``.

    Attributes:
        budget: The budget in words, such as ``20 ms`` or ``16 blocks``.
        objective: Name of the objective that is compared.
        stages: The best stage code, undilated.
        stages_value: Its value.
        best: The best architecture.
        best_value: Its value.
    """

    budget: str
    objective: str
    stages: str | None
    stages_value: float | None
    best: str | None
    best_value: float | None


def results_by_budget(result: SearchResult) -> tuple[BudgetResult, ...]:
    """Return the best of every budget of a run of ``crnas``, in ascending order.

    An architecture counts for every budget that it keeps, whichever it was proposed for.

    Returns:
        Nothing for a run of another strategy.
    """
    if result.config.strategy != CrNasStrategy.name:
        return ()
    goal = evaluated_objective(CrNasStrategy.name, result.objectives)
    stage_codes = set(result.architectures[: int(result.config.notes[ELIGIBLE])])
    rows = []
    for budget, keeps in _budgets(result):
        kept = tuple(filter(keeps, (e for e in result.candidates if e.status == "ok")))
        stages = best_of(tuple(e for e in kept if e.architecture in stage_codes), goal, result)
        best = best_of(kept, goal, result)
        found = (stages, best)
        codes = [None if each is None else each.code for each in found]
        values = [None if each is None else value_of(each, goal, result) for each in found]
        rows.append(BudgetResult(budget, goal.name, codes[0], values[0], codes[1], values[1]))
    return tuple(rows)


def _budgets(result: SearchResult) -> Iterator[tuple[str, Keeps]]:
    """Yield every budget in words, and what keeps it."""
    config = result.config
    uppers = config.strategy_options["budgets"]
    if uppers:
        bounded = objective_named(result.objectives, config.constraints[0].objective)
        for upper in uppers:
            yield bounded.show(upper), partial(_keeps, upper)
        return
    space = make_space(config.space, **config.space_options)
    assert isinstance(space, CrNasSpace)  # the strategy takes no other
    for blocks in sorted(space.stage_codes.budgets):
        codes = frozenset(space.stage_codes.rule.eligible(blocks))
        yield f"{blocks} blocks", partial(_has_stages, codes)


def _keeps(upper: float, evaluation: Evaluation) -> bool:
    """Compare with the bound of another budget what the first constraint compares."""
    return evaluation.compared[0] <= upper


def _has_stages(codes: frozenset[tuple[int, ...]], evaluation: Evaluation) -> bool:
    searched = len(next(iter(codes)))
    return evaluation.architecture.genes[:searched] in codes
