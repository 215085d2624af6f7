"""What evaluates an architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..errors import EvaluatorError

if TYPE_CHECKING:
    from searchspaces import Architecture


@dataclass(frozen=True, slots=True)
class Budget:
    """Say how much one evaluation may cost; ``None`` leaves it to the evaluator.

    Attributes:
        epochs: Passes over the training images.
        images: Validation images.

    Raises:
        EvaluatorError: A value is below 1.
    """

    epochs: int | None = None
    images: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("images", self.images)):
            if value is not None and value < 1:
                raise EvaluatorError(f"{name} must be at least 1 or None, got {value!r}")


class Evaluator(Protocol):
    """Tell the objectives that are not known.

    The result must depend on nothing but the architecture and the budget: not on what was
    evaluated before, so that a resumed run is the undisturbed one.
    """

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> Mapping[str, float]:
        """Evaluate one architecture.

        Returns:
            Objective name -> value, for every objective that is not known; values of known
            objectives and other names are ignored.

        Raises:
            Exception: Whatever went wrong; the run records it as this architecture's result and
                goes on.
        """
        ...
