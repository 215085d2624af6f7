"""How a proposal came about: drawn from the space, or made of networks evaluated before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from searchspaces import Architecture

SAMPLED = "sampled"
DESIGNED = "initial design"
LISTED = "listed"
REPAIRED = "moved into the budget"
MUTATED = "mutated"
STEPPED = "changed in one gene"
CROSSED = "crossed"
CROSSED_AND_MUTATED = "crossed and mutated"
REFINED = "refined by the model"
EXTENDED = "extended by one gene"
PROPOSED = "proposed"  # by a strategy that does not say how
RECORDED = "recorded"  # proposed again by what a journal holds, which tells how


@dataclass(frozen=True, slots=True)
class Draw:
    """Hold a candidate and what it was made of.

    Attributes:
        architecture: The candidate.
        how: What was done, in words.
        parents: What it was done to; empty where nothing was there before.
    """

    architecture: Architecture
    how: str
    parents: tuple[Architecture, ...] = ()


Source = Callable[[], Draw]
"""Draws one candidate that nobody has looked at yet."""
