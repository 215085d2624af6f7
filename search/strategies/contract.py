"""The ask/tell contract, and the options that every strategy has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy.typing as npt

from .checks import check_count

if TYPE_CHECKING:
    from searchspaces import Architecture


class Strategy(Protocol):
    """Propose architectures and learn from their values.

    Equal seeds and equal sequences of ``ask`` and ``tell`` give equal proposals; telling a batch
    at once or one by one makes no difference. Proposals are valid, canonical and new, and keep
    every constraint on a known objective. Results may come in another order than proposals, and
    most of them never where cheap evaluations come first (:class:`search.Fidelity`).

    A run takes the class of a strategy, or a function, that makes one of a space, objectives,
    constraints and a seed. These members are optional:

    * ``tell_part(architecture, share, values)`` reports what a part of an evaluation told of
      something pending, which stays pending: ``share`` of the whole, below 1; ``values``
      ``(n_objectives,)``, finite, comparable with those of the same share only. Proposals may
      depend on it as on ``tell``. Without it, a strategy learns from whole evaluations alone.
    * ``needs_every_result`` is true of a strategy that cannot do without results that never
      come; cheap evaluations first are then refused.
    * ``options_type``, of the class, is a dataclass of its options; one is its fifth argument.
    """

    @property
    def name(self) -> str:
        """Return the registered name."""
        ...

    def ask(self, n: int = 1) -> list[Architecture]:
        """Propose ``n`` new architectures.

        Fewer only where no more can be found.

        Raises:
            SpaceExhaustedError: Not even one can be found; a ``ResultsPendingError`` where one can
                be once pending results are told.
        """
        ...

    def tell(self, architectures: Sequence[Architecture], values: npt.ArrayLike) -> None:
        """Report the values of architectures, ``(n, n_objectives)``; NaN marks a failure."""
        ...


@dataclass(frozen=True, slots=True)
class StrategyOptions:
    """Options of every strategy.

    Attributes:
        max_attempts: Rejected candidates before a proposal gives up its last source; the sources
            before it, which have a next one to turn to, get a twentieth of that.

    Raises:
        StrategyError: A value is out of range.
    """

    max_attempts: int = 1000

    def __post_init__(self) -> None:
        check_count("max_attempts", self.max_attempts, 1)
