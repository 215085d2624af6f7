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
from .diff import Change, Gate, TableDiff, diff_tables, holm
from .errors import (
    LatencyError,
    PredictorError,
    ProfileError,
    TableError,
    TableMismatchError,
    UnprofiledModuleError,
)
from .estimator import Estimates, ModuleEstimator, choose_next, fit_estimator
from .evaluation import DetectorError, Evaluation, Scores, evaluate, score
from .exchange import (
    compare_tables,
    describe_import,
    export_table,
    import_table,
    make_origin,
    split_file,
)
from .fitting import context_costs, fit
from .formats import FORMATS, Format, Origin
from .layer_names import module_of_node, modules_of_layer
from .manifest import Manifest
from .predictor import CONFIDENCE, Latency, ModuleCost, ModuleTime, Predictor
from .predictor_file import load_predictor, save_predictor
from .profiler import ProfileConfig, plan_profile, profile, sample_distinct
from .simulated import (
    EFFICIENCIES,
    DeviceFigure,
    Efficiency,
    SimulatedDevice,
    SimulatedPredictor,
    get_simulated_device,
    is_simulated,
    make_simulated,
    predict_simulated,
    read_simulated_device,
    simulated_devices,
)
from .space_predictor import SpacePredictor
from .split import split_table
from .table import LatencyTable, Row
from .table_file import TableWriter, read_table, write_table
from .workload import CHAIN, DETECTOR, MODULE, Workload, WorkloadModel

__all__ = [
    "CHAIN",
    "CONFIDENCE",
    "DETECTOR",
    "EFFICIENCIES",
    "FORMATS",
    "MODULE",
    "Change",
    "Closure",
    "ContextPlan",
    "DetectorError",
    "DeviceFigure",
    "Efficiency",
    "Estimates",
    "Evaluation",
    "Format",
    "Gate",
    "Latency",
    "LatencyError",
    "LatencyTable",
    "Manifest",
    "ModuleCost",
    "ModuleEstimator",
    "ModuleTime",
    "Origin",
    "Predictor",
    "PredictorError",
    "ProfileConfig",
    "ProfileError",
    "Recipe",
    "Row",
    "Scores",
    "SimulatedDevice",
    "SimulatedPredictor",
    "SpacePredictor",
    "TableDiff",
    "TableError",
    "TableMismatchError",
    "TableWriter",
    "UnprofiledModuleError",
    "Workload",
    "WorkloadModel",
    "choose_next",
    "compare_tables",
    "context_costs",
    "describe_evaluation",
    "describe_import",
    "describe_latency",
    "describe_predictor",
    "describe_table",
    "diff_tables",
    "evaluate",
    "export_table",
    "fit",
    "fit_closure",
    "fit_estimator",
    "get_simulated_device",
    "graph_macs",
    "holm",
    "import_table",
    "is_simulated",
    "isolated_sum_ms",
    "load_predictor",
    "macs_proportional_ms",
    "make_origin",
    "make_simulated",
    "merge_tables",
    "module_of_node",
    "modules_of_layer",
    "plan_context",
    "plan_profile",
    "predict_archs",
    "predict_simulated",
    "profile",
    "read_simulated_device",
    "read_table",
    "sample_distinct",
    "save_predictor",
    "score",
    "simulated_devices",
    "split_file",
    "split_table",
    "write_table",
]
