"""Search of architectures: objectives, strategies, evaluators, resumable runs, Pareto fronts.

Loads neither torch nor onnx; moocore is loaded when the first front is made.
"""

from __future__ import annotations

from .agreement import Agreement, proxy_agreement
from .best_so_far import BestCurve, best_curve, curves_to_dict
from .best_so_far_picture import draw_best_curves, write_best_curves
from .certification import (
    BuildTime,
    Candidate,
    Certification,
    load_certification,
)
from .certification_bench import Bench, EngineBench
from .certification_describe import describe_certification, view_certification
from .certification_run import certify_run
from .certification_trial import CertifySettings
from .config import RunConfig
from .constraints import ConstraintSet
from .correlation import Correlation, correlations, describe_correlations
from .counted import COUNTED, counted_objective
from .descent import fastest
from .describe import describe_result, describe_training
from .detector_evaluators import TRAINING_EVALUATORS
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
    ResultsPendingError,
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
    CompletingEvaluator,
    Evaluator,
    ProxyEvaluator,
    ScratchEvaluator,
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
from .front_views import view_front
from .hierarchical import BudgetResult, results_by_budget
from .joint_front import JointPoint, describe_joint, joint_front
from .journal import Evaluation
from .latency_source import (
    SpaceChoice,
    latency_objective,
    load_latency,
    predicted_space,
    save_latency,
)
from .minimum import Minimum
from .objective import AnyOf, Constraint, Objective
from .optimality import Optimality, optimality_of
from .partial import UNDECIDED, complete, is_partial
from .partial_order import PartialOrder, Pruned, by_genes, cannot_prune, order_of
from .partial_space import PartialSpace
from .picking import PICKS, Pick, describe_picks, parse_picks, pick_levels
from .ranking_monitor import (
    ANCHORS_FILE,
    RankAgreement,
    rank_agreement,
    read_agreement,
    train_anchors,
)
from .recipe_training import describe_trained, make_recipe_task
from .result import SearchResult, load_result
from .run import run_search
from .standing import RunProgress, Standing, run_progress
from .strategies import (
    STRATEGIES,
    CrNasGreedyOptions,
    CrNasGreedyStrategy,
    CrNasOptions,
    CrNasStageStrategy,
    CrNasStrategy,
    DetNasOptions,
    DetNasStrategy,
    EhviOptions,
    EhviStrategy,
    LocalOptions,
    LocalStrategy,
    Nsga2Options,
    Nsga2Strategy,
    RandomStrategy,
    SmNasOptions,
    SmNasStrategy,
    Strategy,
    StrategyBase,
    StrategyOptions,
    make_strategy,
)
from .supernet_training import SupernetStage, load_supernet, split_for_search
from .two_stages import Origin, stage_two
from .watching import describe_progress, watch_run
from .workers import WorkerChoice, Workers, parse_workers

__all__ = [
    "ANCHORS_FILE",
    "COUNTED",
    "EVALUATORS",
    "PICKS",
    "STRATEGIES",
    "TRAINING_EVALUATORS",
    "UNDECIDED",
    "Agreement",
    "AnyOf",
    "Bench",
    "BestCurve",
    "Budget",
    "BudgetResult",
    "BuildTime",
    "CallableEvaluator",
    "Candidate",
    "Certification",
    "CertifySettings",
    "CompletingEvaluator",
    "Constraint",
    "ConstraintSet",
    "Correlation",
    "CrNasGreedyOptions",
    "CrNasGreedyStrategy",
    "CrNasOptions",
    "CrNasStageStrategy",
    "CrNasStrategy",
    "DetNasOptions",
    "DetNasStrategy",
    "Device",
    "EhviOptions",
    "EhviStrategy",
    "EngineBench",
    "Evaluation",
    "EvaluationError",
    "Evaluator",
    "EvaluatorError",
    "Finalist",
    "FrontError",
    "FrontPoint",
    "InfeasibleBudgetError",
    "JointPoint",
    "JournalError",
    "LocalOptions",
    "LocalStrategy",
    "Minimum",
    "Nsga2Options",
    "Nsga2Strategy",
    "Objective",
    "ObjectiveError",
    "Optimality",
    "Origin",
    "ParetoFront",
    "PartialOrder",
    "PartialSpace",
    "Pick",
    "ProxyEvaluator",
    "Pruned",
    "RandomStrategy",
    "RankAgreement",
    "ResultsPendingError",
    "RunConfig",
    "RunError",
    "RunProgress",
    "ScratchEvaluator",
    "SearchError",
    "SearchResult",
    "SearchSettings",
    "SmNasOptions",
    "SmNasStrategy",
    "SpaceChoice",
    "SpaceExhaustedError",
    "Standing",
    "Strategy",
    "StrategyBase",
    "StrategyError",
    "StrategyOptions",
    "SupernetStage",
    "TableError",
    "TableEvaluator",
    "UnknownStrategyError",
    "WorkerChoice",
    "Workers",
    "best_curve",
    "best_within",
    "by_genes",
    "cannot_prune",
    "certify_run",
    "choose_finalist",
    "complete",
    "correlations",
    "counted_objective",
    "curves_to_dict",
    "describe_certification",
    "describe_correlations",
    "describe_joint",
    "describe_picks",
    "describe_progress",
    "describe_result",
    "describe_trained",
    "describe_training",
    "draw_best_curves",
    "entropy_score",
    "fastest",
    "hypervolume",
    "is_partial",
    "joint_front",
    "latency_objective",
    "load_certification",
    "load_latency",
    "load_result",
    "load_supernet",
    "make_recipe_task",
    "make_strategy",
    "minimise",
    "nondominated",
    "optimality_of",
    "order_of",
    "parse_counted",
    "parse_device",
    "parse_picks",
    "parse_workers",
    "pick_levels",
    "plan_search",
    "predicted_space",
    "proxy_agreement",
    "rank_agreement",
    "read_agreement",
    "require_feasible",
    "results_by_budget",
    "run_budget_ms",
    "run_progress",
    "run_search",
    "save_latency",
    "search_detectors",
    "simulation_of",
    "split_for_search",
    "stage_two",
    "train_anchors",
    "train_finalist",
    "view_certification",
    "view_front",
    "watch_run",
    "write_best_curves",
]
