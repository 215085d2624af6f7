"""Search of architectures: objectives, strategies, evaluators, resumable runs, Pareto fronts.

Loads neither torch nor onnx; moocore is loaded when the first front is made.
"""

from __future__ import annotations

from .config import RunConfig
from .constraints import ConstraintSet
from .describe import describe_result, describe_training
from .detector_search import SearchSettings, plan_search, search_detectors
from .dominance import hypervolume, nondominated
from .errors import (
    EvaluationError,
    EvaluatorError,
    FrontError,
    InfeasibleBudgetError,
    JournalError,
    ObjectiveError,
    RunError,
    SearchError,
    SpaceExhaustedError,
    StrategyError,
    TableError,
    UnknownStrategyError,
)
from .evaluators import EVALUATORS, Budget, CallableEvaluator, Evaluator, TableEvaluator
from .feasibility import fastest, require_feasible
from .finalist import (
    Finalist,
    best_within,
    choose_finalist,
    run_budget_ms,
    simulation_of,
    train_finalist,
)
from .front import FrontPoint, ParetoFront
from .journal import Evaluation
from .latency_source import SpaceChoice, latency_objective, load_latency, predicted_space
from .objective import Constraint, Objective
from .result import SearchResult, load_result
from .run import run_search
from .strategies import (
    STRATEGIES,
    DetNasOptions,
    DetNasStrategy,
    RandomStrategy,
    Strategy,
    StrategyBase,
    StrategyOptions,
    make_strategy,
)
from .supernet_training import load_supernet, split_for_search

__all__ = [
    "EVALUATORS",
    "STRATEGIES",
    "Budget",
    "CallableEvaluator",
    "Constraint",
    "ConstraintSet",
    "DetNasOptions",
    "DetNasStrategy",
    "Evaluation",
    "EvaluationError",
    "Evaluator",
    "EvaluatorError",
    "Finalist",
    "FrontError",
    "FrontPoint",
    "InfeasibleBudgetError",
    "JournalError",
    "Objective",
    "ObjectiveError",
    "ParetoFront",
    "RandomStrategy",
    "RunConfig",
    "RunError",
    "SearchError",
    "SearchResult",
    "SearchSettings",
    "SpaceChoice",
    "SpaceExhaustedError",
    "Strategy",
    "StrategyBase",
    "StrategyError",
    "StrategyOptions",
    "TableError",
    "TableEvaluator",
    "UnknownStrategyError",
    "best_within",
    "choose_finalist",
    "describe_result",
    "describe_training",
    "fastest",
    "hypervolume",
    "latency_objective",
    "load_latency",
    "load_result",
    "load_supernet",
    "make_strategy",
    "nondominated",
    "plan_search",
    "predicted_space",
    "require_feasible",
    "run_budget_ms",
    "run_search",
    "search_detectors",
    "simulation_of",
    "split_for_search",
    "train_finalist",
]
