"""Evaluators: what tells the objectives that are not known; ``settings.GOALS`` names them."""

from __future__ import annotations

from .base import Budget, Evaluator, graded_by
from .callable import CallableEvaluator
from .completing import CompletingEvaluator
from .proxy import ProxyEvaluator, entropy_score
from .scratch import ScratchEvaluator
from .table import TableEvaluator

__all__ = [
    "Budget",
    "CallableEvaluator",
    "CompletingEvaluator",
    "Evaluator",
    "ProxyEvaluator",
    "ScratchEvaluator",
    "TableEvaluator",
    "entropy_score",
    "graded_by",
]
