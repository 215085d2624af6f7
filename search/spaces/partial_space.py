"""A space with its partial codes, and known objectives that take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from searchspaces import Architecture, ArchitectureError, DetectorSpec

from ..objectives.objective import Objective
from .partial import UNDECIDED, fastest_completion, filled, is_partial

if TYPE_CHECKING:
    from searchspaces import SearchSpace

CACHE_SIZE = 16_384  # partial codes whose fastest completion is kept


@dataclass(frozen=True)
class PartialSpace:
    """Add the partial codes of a space to it.

    Samples, children and the size are those of the whole architectures. Genes that may be
    undecided are written as one character each.

    Attributes:
        whole: The space of whole architectures.

    Example:
        >>> from searchspaces import make_space
        >>> space = PartialSpace(make_space("crnas-resnet50"))
        >>> space.decode("1-3-5-7/001?????????????").genes[:9]
        (1, 3, 5, 7, 0, 0, 1, '?', '?')
    """

    whole: SearchSpace

    @property
    def name(self) -> str:
        """Return the name of the space: codes of both are its architectures."""
        return self.whole.name

    @property
    def size(self) -> int:
        """Return the exact number of whole architectures."""
        return self.whole.size

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw a whole architecture uniformly."""
        return self.whole.sample(rng)

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Return a neighbour of a whole architecture."""
        return self.whole.mutate(arch, rng)

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        """Return a child of two whole architectures."""
        return self.whole.crossover(a, b, rng)

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the canonical whole architecture; a partial code as it is."""
        return arch if is_partial(arch) else self.whole.canonical(arch)

    def is_valid(self, arch: Architecture) -> bool:
        """Return whether the space holds an architecture, or the completions of a partial code."""
        try:
            return all(map(self.whole.is_valid, self._two_completions(arch)))
        except ArchitectureError:
            return False  # no code of the space has so many genes

    def features(self, arch: Architecture) -> npt.NDArray[np.float64]:
        """Return the features of a whole architecture."""
        return self.whole.features(arch)

    def detector(self, arch: Architecture) -> DetectorSpec:
        """Return the detector that a whole architecture names."""
        return self.whole.detector(arch)

    def encode(self, arch: Architecture) -> str:
        """Write the code, with ``?`` in place of every undecided gene.

        Raises:
            ArchitectureError: The space does not write one character per gene.
        """
        one, other = map(self.whole.encode, self._two_completions(arch))
        if len(one) != len(other):
            raise ArchitectureError(
                f"{self.name} writes {one} and {other} with different lengths, so that undecided "
                "genes cannot be marked; partial codes need one character per gene"
            )
        return "".join(a if a == b else UNDECIDED for a, b in zip(one, other, strict=True))

    def decode(self, text: str) -> Architecture:
        """Read back what ``encode`` wrote, where undecided genes are digits.

        Raises:
            ArchitectureError: It is malformed.
        """
        one, other = (self.whole.decode(text.replace(UNDECIDED, digit)) for digit in "01")
        pairs = zip(one.genes, other.genes, strict=True)
        return replace(one, genes=tuple(a if a == b else UNDECIDED for a, b in pairs))

    def _two_completions(self, arch: Architecture) -> tuple[Architecture, Architecture]:
        """Return completions that differ in every undecided gene that has a choice."""
        first = filled(self.whole, arch, lambda _: 0)
        return first, filled(self.whole, arch, lambda allowed: min(1, len(allowed) - 1))


def partial_objective(objective: Objective, space: SearchSpace) -> Objective:
    """Let a known objective take partial codes: by their fastest completion.

    A bound that this value keeps is kept by at least one completion.
    """
    known, upper, many = objective.known, objective.known_upper, objective.known_many
    if known is None:
        return objective

    @lru_cache(maxsize=CACHE_SIZE)
    def whole(architecture: Architecture) -> Architecture:
        return fastest_completion(space, architecture, objective)

    def known_upper(architecture: Architecture, confidence: float) -> float:
        assert upper is not None
        return upper(whole(architecture), confidence)

    def known_many(architectures: Sequence[Architecture]) -> npt.ArrayLike:
        assert many is not None
        return many([whole(architecture) for architecture in architectures])

    return replace(
        objective,
        known=lambda architecture: known(whole(architecture)),
        known_upper=None if upper is None else known_upper,
        known_many=None if many is None else known_many,
    )
