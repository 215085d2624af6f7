"""An architecture: the genes of one point of a search space."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from .errors import ArchitectureError


@dataclass(frozen=True, slots=True)
class Architecture:
    """Name one point of a search space by its genes; weights are never part of it.

    Attributes:
        space: Name of the space that gives the genes their meaning.
        genes: One value per searched position.

    Example:
        >>> Architecture("detnas-nano", (0, 3, 1)).digest[:8]
        '42dec93e'
    """

    space: str
    genes: tuple[int | str, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.genes, tuple):
            raise ArchitectureError(
                f"genes must be a tuple, got {type(self.genes).__name__}; write tuple(genes)"
            )
        bad = [g for g in self.genes if isinstance(g, bool) or not isinstance(g, int | str)]
        if bad:
            raise ArchitectureError(
                f"genes must be plain int or str, got {bad[0]!r} of type {type(bad[0]).__name__}; "
                "convert NumPy integers with int()"
            )

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON of space and genes, as 64 hex digits."""
        text = json.dumps([self.space, list(self.genes)], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
