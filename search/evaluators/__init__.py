"""Evaluators by name: what tells the objectives that are not known."""

from __future__ import annotations

from collections.abc import Callable

from .base import Budget, Evaluator
from .callable import CallableEvaluator
from .table import TableEvaluator

__all__ = ["EVALUATORS", "Budget", "CallableEvaluator", "Evaluator", "TableEvaluator"]

EVALUATORS: dict[str, Callable[..., Evaluator]] = {
    "callable": CallableEvaluator,
    "table": TableEvaluator.from_file,
}
"""Name -> factory. One that needs torch is a function here that imports it when called."""
