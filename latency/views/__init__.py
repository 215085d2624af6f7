"""What tables, predictors and predictions tell, as JSON-able fields.

table.py       what a table holds, how well it closes, what was in its way
predictor.py   what a predictor was fitted on, how well its sum closes
prediction.py  predictions of architectures, and how they compare with what was measured
simulation.py  predictions of simulated devices, labelled as such
"""

from __future__ import annotations

from .prediction import describe_evaluation, describe_latency, predict_archs
from .predictor import (
    describe_closure,
    describe_costs,
    describe_predictor,
    describe_transfer,
)
from .simulation import describe_devices, describe_simulation, predict_simulated
from .table import (
    describe_import,
    describe_profile,
    describe_table,
    describe_table_closure,
)

__all__ = [
    "describe_closure",
    "describe_costs",
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
    "predict_archs",
    "predict_simulated",
]
