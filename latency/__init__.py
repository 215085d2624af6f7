"""Latency: profile a space on an engine, fit a predictor, predict whole detectors.

Importing the room loads neither torch nor an engine.
"""

from __future__ import annotations

from .agenda import Agenda, FixedAgenda, Task
from .baselines import graph_macs, isolated_sum_ms, macs_proportional_ms
from .closure import Closure
from .context import ContextPlan, Recipe, plan_context
from .curve import CurvePoint, error_curve
from .describe import (
    describe_closure,
    describe_evaluation,
    describe_latency,
    describe_predictor,
    describe_transfer,
    predict_archs,
)
from .diff import Change, Gate, TableDiff, diff_tables, holm
from .errors import (
    LatencyError,
    PredictorError,
    ProfileError,
    RecordingError,
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
    merge_tables,
    read_tables,
    split_file,
)
from .feedback import (
    Recorded,
    WholeDetector,
    check_feedback,
    feed_back,
    table_protocol,
)
from .fitting import fit
from .formats import FORMATS, Format, Origin
from .layer_names import module_of_node, modules_of_layer
from .manifest import Manifest
from .plan import ProfileConfig, aimed_at, make_agenda, plan_profile, sample_distinct
from .prediction import CONFIDENCE, Latency, ModuleTime
from .predictor import ModuleCost, Predictor
from .predictor_file import check_predictor_path, load_predictor, save_predictor
from .profiler import profile
from .recording import Origin as RecordingOrigin, Recording, record
from .recording_file import (
    open_recording,
    read_recording,
    recording_path,
    write_recording,
)
from .row import Row
from .simulated import (
    EFFICIENCIES,
    DeviceFigure,
    Efficiency,
    SimulatedDevice,
    get_simulated_device,
    is_simulated,
    read_simulated_device,
    simulated_devices,
)
from .simulated.describe import describe_devices, describe_simulation, predict_simulated
from .simulated.predictor import SimulatedPredictor, make_simulated, simulated_ms
from .space_predictor import SpacePredictor
from .spaces import choose_space, refuse_unfamiliar
from .split import split_table
from .table import LatencyTable
from .table_file import TableWriter, read_table, write_table
from .table_view import describe_profile, describe_table, describe_table_closure
from .transferring import (
    open_predictor,
    open_source,
    transfer,
    transfer_agenda,
    transfer_agenda_of,
)
from .whole import Sentinel, Visit
from .workload import CHAIN, DETECTOR, MODULE, Workload, WorkloadModel

__all__ = [
    "CHAIN",
    "CONFIDENCE",
    "DETECTOR",
    "EFFICIENCIES",
    "FORMATS",
    "MODULE",
    "Agenda",
    "Change",
    "Closure",
    "ContextPlan",
    "CurvePoint",
    "DetectorError",
    "DeviceFigure",
    "Efficiency",
    "Estimates",
    "Evaluation",
    "FixedAgenda",
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
    "Recorded",
    "Recording",
    "RecordingError",
    "RecordingOrigin",
    "Row",
    "Scores",
    "Sentinel",
    "SimulatedDevice",
    "SimulatedPredictor",
    "SpacePredictor",
    "TableDiff",
    "TableError",
    "TableMismatchError",
    "TableWriter",
    "Task",
    "UnprofiledModuleError",
    "Visit",
    "WholeDetector",
    "Workload",
    "WorkloadModel",
    "aimed_at",
    "check_feedback",
    "check_predictor_path",
    "choose_next",
    "choose_space",
    "compare_tables",
    "describe_closure",
    "describe_devices",
    "describe_evaluation",
    "describe_import",
    "describe_latency",
    "describe_predictor",
    "describe_profile",
    "describe_simulation",
    "describe_table",
    "describe_table_closure",
    "describe_transfer",
    "diff_tables",
    "error_curve",
    "evaluate",
    "export_table",
    "feed_back",
    "fit",
    "fit_estimator",
    "get_simulated_device",
    "graph_macs",
    "holm",
    "import_table",
    "is_simulated",
    "isolated_sum_ms",
    "load_predictor",
    "macs_proportional_ms",
    "make_agenda",
    "make_origin",
    "make_simulated",
    "merge_tables",
    "module_of_node",
    "modules_of_layer",
    "open_predictor",
    "open_recording",
    "open_source",
    "plan_context",
    "plan_profile",
    "predict_archs",
    "predict_simulated",
    "profile",
    "read_recording",
    "read_simulated_device",
    "read_table",
    "read_tables",
    "record",
    "recording_path",
    "refuse_unfamiliar",
    "sample_distinct",
    "save_predictor",
    "score",
    "simulated_devices",
    "simulated_ms",
    "split_file",
    "split_table",
    "table_protocol",
    "transfer",
    "transfer_agenda",
    "transfer_agenda_of",
    "write_recording",
    "write_table",
]
