"""Search of architectures: objectives, strategies, evaluators, resumable runs, Pareto fronts.

Loads neither torch nor onnx; moocore is loaded when the first front is made.
"""

from __future__ import annotations

from .config import RunConfig
from .constraints import ConstraintSet
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
from .front import FrontPoint, ParetoFront
from .journal import Evaluation
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
    "SpaceExhaustedError",
    "Strategy",
    "StrategyBase",
    "StrategyError",
    "StrategyOptions",
    "TableError",
    "TableEvaluator",
    "UnknownStrategyError",
    "fastest",
    "hypervolume",
    "load_result",
    "make_strategy",
    "nondominated",
    "require_feasible",
    "run_search",
]
