"""What a search of detectors comes down to, checked before anything is read or trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from searchspaces import SearchSpace

from ..budgets.devices import check_devices, known_bounds, known_objectives
from ..budgets.feasibility import require_feasible
from ..errors import RunError
from ..objectives.constraints import ConstraintSet
from ..objectives.latency import AnyPredictor, check_confidence, load_latency, predicted_space
from ..objectives.objective import AnyOf, Bound, Objective
from ..settings import GOALS, SearchSettings
from ..strategies import make_proposer


@dataclass(frozen=True, slots=True)
class Plan:
    """Say what is searched, by what it is judged and what it has to keep.

    Attributes:
        space: The space.
        options: What it is made with.
        objectives: Those that are known, then what the evaluator tells.
        constraints: What every proposal keeps.
    """

    space: SearchSpace
    options: Mapping[str, Any]
    objectives: tuple[Objective, ...]
    constraints: tuple[Bound, ...]


def plan_search(
    name: str | Path | None, settings: SearchSettings, precision: str | None = None
) -> AnyPredictor | None:
    """Read a predictor and check, in about a second, that the search can be done with it.

    Args:
        name: The predictor's file, or ``simulated:DEVICE[:ENGINE]``; or ``None``, where accuracy
            is weighed against what is counted alone.
        settings: Of the search.
        precision: Of a simulated device.

    Raises:
        PredictorError: The file is missing or damaged, or there is no such simulated device.
        LatencyError: The predictor does not know the space's modules, or knows several spaces
            and none is named.
        RunError: The predictor supports no such confidence; or it is simulated or missing, and
            no space is named or nothing says what a detector costs; or there is a precision
            without any predictor.
        InfeasibleBudgetError: Nothing keeps the budget; names the fastest.
        StrategyError: The strategy is unknown.
    """
    if name is None and precision is not None:
        raise RunError(
            f"a precision (--precision {precision}) is that of a simulated device; give one by "
            "-t, or leave it out"
        )
    predictor = None if name is None else load_latency(name, precision)
    make_plan(predictor, settings)
    return predictor


def make_plan(predictor: AnyPredictor | None, settings: SearchSettings) -> Plan:
    """Return what a search comes down to, once it is known that it can be done.

    Args:
        predictor: Predicts latencies; ``None`` where accuracy is weighed against what is counted.
        settings: Of the search.

    Raises:
        LatencyError: The predictor does not know the space's modules, or knows several spaces
            and none is named.
        RunError: The predictor supports no such confidence; or it is simulated or missing, and
            no space is named or nothing says what a detector costs.
        InfeasibleBudgetError: Nothing keeps the budget; names the fastest.
        StrategyError: The strategy is unknown.
    """
    _check_costs(predictor, settings)
    space, options = predicted_space(predictor, settings.space)
    check_devices(settings.devices, space, options)
    known = known_objectives(predictor, settings.devices, settings.counted, space)
    plan = Plan(space, options, (*known, GOALS[settings.evaluator]), _constraints(settings))
    _check_confidence(predictor, settings)
    _check_feasible(plan, settings)
    return plan


def _check_costs(predictor: AnyPredictor | None, settings: SearchSettings) -> None:
    """Refuse a search in which nothing says what a detector costs."""
    if predictor is not None:
        return
    if settings.budget_ms is not None or settings.devices:
        raise RunError(
            "a latency budget (--budget-ms) or a further device (--also) needs a predictor; give "
            "one by -t"
        )
    if not settings.counted:
        raise RunError(
            "nothing says what a detector costs; give a predictor by -t, or --count macs to weigh "
            "accuracy against multiply-adds alone"
        )


def _check_confidence(predictor: AnyPredictor | None, settings: SearchSettings) -> None:
    """Refuse a confidence that a predictor with a budget cannot tell."""
    budgets = [(predictor, settings.budget_ms)]
    budgets += [(device.predictor, device.budget_ms) for device in settings.devices]
    for each, budget_ms in budgets:
        if each is None or budget_ms is None or settings.confidence is None:
            continue
        check_confidence(each, settings.confidence)


def _check_feasible(plan: Plan, settings: SearchSettings) -> None:
    """Refuse an impossible budget or option."""
    for bound in plan.constraints:
        for own in bound.constraints if isinstance(bound, AnyOf) else (bound,):
            alone = ConstraintSet((own,), plan.objectives)  # or a device had an empty front
            require_feasible(plan.space, alone, np.random.default_rng(settings.seed))
    make_proposer(
        settings.strategy,
        plan.space,
        plan.objectives,
        plan.constraints,
        settings.seed,
        settings.strategy_options,
    )


def _constraints(settings: SearchSettings) -> tuple[Bound, ...]:
    return known_bounds(
        settings.budget_ms,
        settings.devices,
        settings.counted,
        settings.confidence,
        on_every=settings.on_every_device,
    )
