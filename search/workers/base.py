"""What workers are given, what they answer, and what every kind of them can do."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from ..errors import EvaluationError, SearchError
from ..evaluators import Budget, Evaluator

if TYPE_CHECKING:
    from searchspaces import Architecture


@dataclass(frozen=True, slots=True)
class Task:
    """Name one evaluation of a run.

    Attributes:
        index: Its place in the order of proposals.
        architecture: What is evaluated.
        share: Of a whole evaluation.
    """

    index: int
    architecture: Architecture
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Say what became of a task.

    Attributes:
        index: Of the task.
        values: Of the objectives that are not known; empty unless it succeeded.
        seconds: That it took.
        error: Why it failed, in one line; ``None`` if it did not.
        traceback: Where.
        final: Whether the failure is the evaluator's own verdict, which another try will not
            change.
        lost: Whether the worker died: that says little about the candidate.
    """

    index: int
    values: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: str | None = None
    traceback: str | None = None
    final: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """Hold what all tasks of a run have in common; it travels to the workers.

    Attributes:
        evaluator: Tells the objectives that are not known.
        wanted: Their names.
        budget: What one evaluation may cost.
    """

    evaluator: Evaluator
    wanted: tuple[str, ...]
    budget: Budget | None = None

    def run(self, task: Task) -> Outcome:
        """Evaluate; a failure is an outcome, not an exception."""
        begin = time.perf_counter()
        try:
            values = self._values(task)
        except Exception as error:  # a failed candidate is a result, not the end of the run
            return Outcome(
                index=task.index,
                seconds=time.perf_counter() - begin,
                error=one_line(error),
                traceback="".join(traceback.format_exception(error)),
                final=isinstance(error, SearchError),
            )
        return Outcome(index=task.index, values=values, seconds=time.perf_counter() - begin)

    def _values(self, task: Task) -> dict[str, float]:
        budget = self.budget
        if task.share < 1.0:
            budget = replace(budget or Budget(), share=task.share)
        told = self.evaluator.evaluate(task.architecture, budget)
        missing = [name for name in self.wanted if name not in told]
        if missing:
            names = ", ".join(told) or "nothing"
            raise EvaluationError(f"the evaluator gave no {missing[0]!r}; it gave {names}")
        values = {name: float(told[name]) for name in self.wanted}
        for name, value in values.items():
            if not math.isfinite(value):
                raise EvaluationError(f"{name!r} is {value}")
        return values


class Workers(Protocol):
    """Evaluate tasks, several at once where there are several workers."""

    @property
    def count(self) -> int:
        """Return how many tasks can run at once."""
        ...

    @property
    def free(self) -> int:
        """Return how many more tasks can be given now."""
        ...

    def submit(self, task: Task) -> None:
        """Give a task to a free worker.

        Raises:
            RunError: None is free, or a worker cannot load the evaluator.
        """
        ...

    def wait(self) -> Outcome:
        """Return the next outcome, waiting for it; the death of a worker is one.

        Raises:
            RunError: Nothing is running, or a worker cannot load the evaluator.
        """
        ...

    def close(self) -> None:
        """End the workers; what is running is lost."""
        ...


def one_line(error: BaseException) -> str:
    """Write an error with its type in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
