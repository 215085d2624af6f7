"""What a strategy remembers: what was proposed and why, what is pending, what was told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import StrategyError
from ..fronts.dominance import FloatArray
from ..objectives.constraints import ConstraintSet
from ..objectives.objective import Bound, Objective, check_objectives
from .checks import check_values
from .draw import Draw

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace


class StrategyMemory:
    """Remember proposals and results, and refuse results that cannot be.

    Args:
        space: Any object with the members of ``searchspaces.SearchSpace``.
        objectives: What the columns of the told values mean.
        constraints: Bounds on known objectives.

    Raises:
        ObjectiveError: Objectives or constraints contradict themselves.
    """

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound],
    ) -> None:
        self.space = space
        self.objectives = check_objectives(objectives)
        self.constraints = ConstraintSet(constraints, self.objectives)
        self._seen: set[Architecture] = set()  # membership only; its order is never used
        self._pending: dict[Architecture, None] = {}
        self._told: dict[Architecture, FloatArray] = {}
        self._succeeded: list[tuple[Architecture, FloatArray]] = []  # rows without NaN, as told
        self._origins: dict[Architecture, Draw] = {}

    @property
    def asked(self) -> int:
        """Return how many architectures were proposed."""
        return len(self._origins)

    @property
    def pending(self) -> tuple[Architecture, ...]:
        """Return what was asked and not yet told, in the order of asking."""
        return tuple(self._pending)

    @property
    def told(self) -> tuple[tuple[Architecture, FloatArray], ...]:
        """Return what was told, in that order, with ``(n_objectives,)`` values."""
        return tuple(self._told.items())

    def draw_of(self, architecture: Architecture) -> Draw:
        """Return how a proposal came about.

        Raises:
            StrategyError: It was not asked for.
        """
        if architecture not in self._origins:
            raise StrategyError(f"{architecture} was not asked for; nothing tells how it came")
        return self._origins[architecture]

    def tell(self, architectures: Sequence[Architecture], values: npt.ArrayLike) -> None:
        """Report the values of architectures, asked for or evaluated elsewhere.

        Args:
            architectures: ``n`` architectures.
            values: ``(n, n_objectives)`` in the order of the objectives; a row with NaN is a
                failed evaluation.

        Raises:
            StrategyError: The shape is wrong, a value is infinite, or an architecture is not in
                the space, is given twice or was told before. Nothing is learned then.
        """
        table = check_values(values, len(architectures), self.objectives)
        canonical = [self._check_told(architecture) for architecture in architectures]
        if len(set(canonical)) != len(canonical):
            raise StrategyError("an architecture is told twice in one call; tell each once")
        for architecture, row in zip(canonical, table, strict=True):
            self._pending.pop(architecture, None)
            self._seen.add(architecture)
            self._told[architecture] = row
            if not np.isnan(row).any():
                self._succeeded.append((architecture, row))

    def tell_part(self, architecture: Architecture, share: float, values: Sequence[float]) -> None:
        """Report what a part of the evaluation of something pending told; most learn nothing.

        Args:
            architecture: Pending, and still so afterwards.
            share: Of a whole evaluation, below 1.
            values: ``(n_objectives,)`` in the order of the objectives, all finite; comparable
                with those of the same share only.
        """

    def _propose(self, drawn: Draw) -> None:
        self._origins[drawn.architecture] = drawn
        self._seen.add(drawn.architecture)
        self._pending[drawn.architecture] = None

    def _check_told(self, architecture: Architecture) -> Architecture:
        if not self.space.is_valid(architecture):
            raise StrategyError(f"told {architecture}, which is not in {self.space.name}")
        canonical = self.space.canonical(architecture)
        if canonical in self._told:
            raise StrategyError(f"{self.space.encode(canonical)} was told before; tell each once")
        return canonical
