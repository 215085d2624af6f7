"""The smallest search space: something to test strategies on, and an example of a space."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from searchspaces import Architecture, ArchitectureError, DetectorSpec


@dataclass(frozen=True)
class DigitSpace:
    """A small search space: so many digits below ``base``, written one after the other.

    Example:
        >>> DigitSpace(3, 2).decode("011").genes
        (0, 1, 1)
    """

    positions: int = 5
    base: int = 3
    name: str = "digits"
    mutation_rate: float = 0.2

    @property
    def size(self) -> int:
        """Return the exact number of architectures."""
        return int(self.base**self.positions)

    @property
    def gene_choices(self) -> tuple[tuple[int, ...], ...]:
        """Return the allowed values of every gene."""
        return (tuple(range(self.base)),) * self.positions

    def enumerate(self) -> Iterator[Architecture]:
        """Iterate over all architectures."""
        for genes in itertools.product(*self.gene_choices):
            yield Architecture(self.name, genes)

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw every digit uniformly."""
        return self._architecture(rng.integers(self.base, size=self.positions))

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Redraw every digit with a fixed probability."""
        fresh = rng.integers(self.base, size=self.positions)
        redraw = rng.random(self.positions) < self.mutation_rate
        return self._architecture(np.where(redraw, fresh, arch.genes))

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        """Take every digit from either parent."""
        return self._architecture(np.where(rng.random(self.positions) < 0.5, a.genes, b.genes))

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the architecture itself."""
        return arch

    def is_valid(self, arch: Architecture) -> bool:
        """Return whether the space holds the architecture."""
        return (
            arch.space == self.name
            and len(arch.genes) == self.positions
            and all(gene in range(self.base) for gene in arch.genes)
        )

    def features(self, arch: Architecture) -> npt.NDArray[np.float64]:
        """Return the digits as ``(positions,)`` floats."""
        return np.array(arch.genes, dtype=np.float64)

    def detector(self, arch: Architecture) -> DetectorSpec:
        """Raise: digits name no detector."""
        raise ArchitectureError(f"{self.encode(arch)} of {self.name} names no detector")

    def encode(self, arch: Architecture) -> str:
        """Write the digits one after the other."""
        return "".join(map(str, arch.genes))

    def decode(self, text: str) -> Architecture:
        """Read back what ``encode`` wrote."""
        digits = [int(digit) if digit.isdecimal() else -1 for digit in text]
        architecture = Architecture(self.name, tuple(digits))
        if not self.is_valid(architecture):
            raise ArchitectureError(
                f"{text!r} is not {self.positions} digits below {self.base}, as {self.name} writes"
            )
        return architecture

    def _architecture(self, genes: npt.NDArray[np.int64]) -> Architecture:
        return Architecture(self.name, tuple(genes.tolist()))
