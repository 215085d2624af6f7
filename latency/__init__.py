"""Latency: profile a space on an engine, fit a predictor, predict whole detectors.

Importing the room loads neither torch nor an engine.
"""

from __future__ import annotations

from .baselines import graph_macs, isolated_sum_ms, macs_proportional_ms
from .closure import Closure, fit_closure
from .context import ContextPlan, Recipe, plan_context
from .describe import (
    describe_evaluation,
    describe_latency,
    describe_predictor,
    describe_table,
    merge_tables,
    predict_archs,
)
from .errors import (
    LatencyError,
    PredictorError,
    ProfileError,
    TableError,
    TableMismatchError,
    UnprofiledModuleError,
)
from .evaluation import DetectorError, Evaluation, Scores, evaluate, score
from .fitting import context_costs, fit
from .predictor import CONFIDENCE, Latency, ModuleCost, ModuleTime, Predictor
from .predictor_file import load_predictor, save_predictor
from .profiler import ProfileConfig, plan_profile, profile, sample_distinct
from .table import LatencyTable, Manifest, Row
from .table_file import TableWriter, read_table, write_table
from .workload import CHAIN, DETECTOR, MODULE, Workload, WorkloadModel

__all__ = [
    "CHAIN",
    "CONFIDENCE",
    "DETECTOR",
    "MODULE",
    "Closure",
    "ContextPlan",
    "DetectorError",
    "Evaluation",
    "Latency",
    "LatencyError",
    "LatencyTable",
    "Manifest",
    "ModuleCost",
    "ModuleTime",
    "Predictor",
    "PredictorError",
    "ProfileConfig",
    "ProfileError",
    "Recipe",
    "Row",
    "Scores",
    "TableError",
    "TableMismatchError",
    "TableWriter",
    "UnprofiledModuleError",
    "Workload",
    "WorkloadModel",
    "context_costs",
    "describe_evaluation",
    "describe_latency",
    "describe_predictor",
    "describe_table",
    "evaluate",
    "fit",
    "fit_closure",
    "graph_macs",
    "isolated_sum_ms",
    "load_predictor",
    "macs_proportional_ms",
    "merge_tables",
    "plan_context",
    "plan_profile",
    "predict_archs",
    "profile",
    "read_table",
    "sample_distinct",
    "save_predictor",
    "score",
    "write_table",
]
