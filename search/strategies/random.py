"""Random search: the baseline that every other strategy has to beat."""

from __future__ import annotations

from collections.abc import Sequence

from .base import StrategyBase
from .draw import Source


class RandomStrategy(StrategyBase):
    """Sample the space uniformly, without repetition, within the constraints."""

    name = "random"

    def _sources(self) -> Sequence[Source]:
        return (self._sample,)
