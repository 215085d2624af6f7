"""What evaluates an architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..errors import EvaluatorError

if TYPE_CHECKING:
    from searchspaces import Architecture

TRAINING_STEPS, VALIDATION_IMAGES = "training steps", "validation images"


@dataclass(frozen=True, slots=True)
class Budget:
    """Say how much one evaluation may cost; ``None`` leaves it to the evaluator.

    Attributes:
        epochs: Passes over the training images.
        images: Validation images.
        share: Part of what an evaluation takes otherwise, for evaluators that can be asked so;
            see :func:`graded_by`.

    Raises:
        EvaluatorError: A value is below 1, or the share not in (0, 1].
    """

    epochs: int | None = None
    images: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("images", self.images)):
            if value is not None and value < 1:
                raise EvaluatorError(f"{name} must be at least 1 or None, got {value!r}")
        if self.share is not None and not 0.0 < self.share <= 1.0:
            raise EvaluatorError(f"share must lie in (0, 1] or be None, got {self.share!r}")

    def part_of(self, whole: int) -> int:
        """Return the share of a number, at least 1.

        Example:
            >>> Budget(share=0.1).part_of(25), Budget().part_of(25)
            (2, 25)
        """
        return whole if self.share is None else max(1, round(self.share * whole))


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


def graded_by(evaluator: Evaluator) -> str | None:
    """Return what a share of an evaluation is counted in, such as ``training steps``.

    An evaluator says so by a member ``graded``; one without it knows no cheaper evaluation and
    would leave a budget's share unheeded.
    """
    unit: str | None = getattr(evaluator, "graded", None)
    return unit
