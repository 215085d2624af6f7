"""Spaces as a search sees them: their members listed, and codes with undecided genes.

listing.py        every architecture of a small space
partial.py        codes of which some genes are not decided yet
partial_space.py  a space with its partial codes
digits.py         the smallest space, for tests and examples
"""

from __future__ import annotations

from .digits import DigitSpace
from .listing import all_architectures, gene_choices
from .partial import UNDECIDED, complete, is_partial
from .partial_space import PartialSpace

__all__ = [
    "UNDECIDED",
    "DigitSpace",
    "PartialSpace",
    "all_architectures",
    "complete",
    "gene_choices",
    "is_partial",
]
