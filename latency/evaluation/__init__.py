"""How good predictions are.

held_out.py   a predictor against a table that it was not fitted on
scores.py     errors of predicted against measured latencies
baselines.py  what a prediction has to beat
curve.py      how sure predictions became while a profile went on
"""

from __future__ import annotations

from .baselines import graph_macs, isolated_sum_ms, macs_proportional_ms
from .curve import CurvePoint, error_curve, measured_minutes
from .held_out import DetectorError, Evaluation, evaluate
from .scores import Scores, score

__all__ = [
    "CurvePoint",
    "DetectorError",
    "Evaluation",
    "Scores",
    "error_curve",
    "evaluate",
    "graph_macs",
    "isolated_sum_ms",
    "macs_proportional_ms",
    "measured_minutes",
    "score",
]
