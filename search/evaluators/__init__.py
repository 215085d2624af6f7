"""Evaluators by name: what tells the objectives that are not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .base import Budget, Evaluator, graded_by
from .callable import CallableEvaluator
from .completing import CompletingEvaluator
from .proxy import ProxyEvaluator, entropy_score
from .scratch import ScratchEvaluator
from .table import TableEvaluator

__all__ = [
    "EVALUATORS",
    "Budget",
    "CallableEvaluator",
    "CompletingEvaluator",
    "Evaluator",
    "ProxyEvaluator",
    "ScratchEvaluator",
    "TableEvaluator",
    "entropy_score",
    "graded_by",
    "supernet_evaluator",
]


def supernet_evaluator(*args: Any, **options: Any) -> Evaluator:
    """Make the evaluator of a trained supernet; see :mod:`search.evaluators.supernet`."""
    from .supernet import SupernetEvaluator  # needs torch, through detection

    return SupernetEvaluator(*args, **options)


EVALUATORS: dict[str, Callable[..., Evaluator]] = {
    "callable": CallableEvaluator,
    "proxy": ProxyEvaluator,
    "scratch": ScratchEvaluator,
    "supernet": supernet_evaluator,
    "table": TableEvaluator.from_file,
}
"""Name -> factory. One that needs torch is a function here that imports it when called."""
