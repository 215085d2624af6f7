"""Search of architectures: objectives, strategies, evaluators, resumable runs, Pareto fronts.

Loads neither torch nor onnx; moocore is loaded when the first front is made.
"""

from __future__ import annotations

from .agreement import Agreement, proxy_agreement
from .config import RunConfig
from .constraints import ConstraintSet
from .counted import COUNTED, counted_objective
from .descent import fastest
from .describe import describe_result, describe_training
from .detector_search import SearchSettings, plan_search, search_detectors
from .devices import Device, parse_counted, parse_device
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
from .evaluators import (
    EVALUATORS,
    Budget,
    CallableEvaluator,
    Evaluator,
    ProxyEvaluator,
    TableEvaluator,
    entropy_score,
)
from .feasibility import minimise, require_feasible
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
from .minimum import Minimum
from .objective import AnyOf, Constraint, Objective
from .result import SearchResult, load_result
from .run import run_search
from .strategies import (
    STRATEGIES,
    DetNasOptions,
    DetNasStrategy,
    EhviOptions,
    EhviStrategy,
    LocalOptions,
    LocalStrategy,
    Nsga2Options,
    Nsga2Strategy,
    RandomStrategy,
    Strategy,
    StrategyBase,
    StrategyOptions,
    make_strategy,
)
from .supernet_training import load_supernet, split_for_search

__all__ = [
    "COUNTED",
    "EVALUATORS",
    "STRATEGIES",
    "Agreement",
    "AnyOf",
    "Budget",
    "CallableEvaluator",
    "Constraint",
    "ConstraintSet",
    "DetNasOptions",
    "DetNasStrategy",
    "Device",
    "EhviOptions",
    "EhviStrategy",
    "Evaluation",
    "EvaluationError",
    "Evaluator",
    "EvaluatorError",
    "Finalist",
    "FrontError",
    "FrontPoint",
    "InfeasibleBudgetError",
    "JournalError",
    "LocalOptions",
    "LocalStrategy",
    "Minimum",
    "Nsga2Options",
    "Nsga2Strategy",
    "Objective",
    "ObjectiveError",
    "ParetoFront",
    "ProxyEvaluator",
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
    "counted_objective",
    "describe_result",
    "describe_training",
    "entropy_score",
    "fastest",
    "hypervolume",
    "latency_objective",
    "load_latency",
    "load_result",
    "load_supernet",
    "make_strategy",
    "minimise",
    "nondominated",
    "parse_counted",
    "parse_device",
    "plan_search",
    "predicted_space",
    "proxy_agreement",
    "require_feasible",
    "run_budget_ms",
    "run_search",
    "search_detectors",
    "simulation_of",
    "split_for_search",
    "train_finalist",
]
