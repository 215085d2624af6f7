"""Errors of the search.

SearchError
├── ObjectiveError            an objective, constraint or value that makes no sense
├── StrategyError             a strategy was asked, told or configured wrongly
│   ├── UnknownStrategyError  a strategy name that is not registered
│   ├── InfeasibleBudgetError nothing found keeps the budget
│   └── SpaceExhaustedError   no further architecture can be proposed
│       └── ResultsPendingError   none before results are told that are pending
├── EvaluatorError            an evaluator cannot be made, or cannot evaluate
│   ├── EvaluationError       one architecture could not be evaluated (recorded, not fatal)
│   └── TableError            a file of known results is malformed
├── FrontError                a question that this front cannot answer
└── RunError                  a run folder cannot be used as asked
    └── JournalError          the files of a run are damaged or do not replay
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from searchspaces import Architecture


class SearchError(Exception):
    """Base of every error that the room raises."""


class ObjectiveError(SearchError, ValueError):
    """An objective, a constraint or a value of one makes no sense."""


class StrategyError(SearchError, ValueError):
    """A strategy was asked, told or configured wrongly."""


class UnknownStrategyError(StrategyError):
    """A strategy name is not registered."""


class InfeasibleBudgetError(StrategyError):
    """Nothing that was found keeps the budget.

    Attributes:
        objective: Name of the constrained objective that is violated.
        budget: The constraint's upper bound, in the objective's unit.
        fastest: The smallest value found, in the same unit.
        architecture: The architecture that reaches it.
        code: Its code, as the space writes it.
        exact: Whether it is proven that no architecture of the space has a smaller value.
    """

    def __init__(
        self,
        message: str,
        *,
        objective: str,
        budget: float,
        fastest: float,
        architecture: Architecture,
        code: str,
        exact: bool = False,
    ) -> None:
        super().__init__(message)
        self.objective = objective
        self.budget = budget
        self.fastest = fastest
        self.architecture = architecture
        self.code = code
        self.exact = exact


class SpaceExhaustedError(StrategyError):
    """No architecture is left that is new and keeps the constraints.

    Attributes:
        proposed: Architectures that the strategy knows already.
        proven: Whether the whole space was enumerated; otherwise a bounded search found nothing.
    """

    def __init__(self, message: str, *, proposed: int, proven: bool) -> None:
        super().__init__(message)
        self.proposed = proposed
        self.proven = proven


class ResultsPendingError(SpaceExhaustedError):
    """What is proposed next depends on results that are pending; ask again once they are told."""


class EvaluatorError(SearchError, ValueError):
    """An evaluator cannot be made, or cannot evaluate."""


class EvaluationError(EvaluatorError):
    """One architecture could not be evaluated; the run records it and goes on."""


class TableError(EvaluatorError):
    """A file of known results is malformed."""


class FrontError(SearchError, ValueError):
    """A front cannot answer the question."""


class RunError(SearchError, ValueError):
    """A run folder cannot be used as asked."""


class JournalError(RunError):
    """The files of a run are damaged, of an unknown version, or do not replay."""
