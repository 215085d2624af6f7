"""The stage level of CR-NAS as a space (Liang et al., ICLR 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ...architecture import Architecture
from .base import BudgetedStages
from .dilations import Digits
from .stages import StageCode


@dataclass(frozen=True)
class CrNasStages(BudgetedStages):
    """Choose the number of blocks of every stage at equal cost; no block is dilated.

    As in the paper, a supernet has one branch per stage and count unless ``branches`` says
    otherwise.

    Example:
        >>> space = CrNasStages("resnet50")
        >>> space.size
        153
        >>> space.decode("1-3-5-7").genes
        (1, 3, 5, 7)
    """

    branches: bool = True
    suffix: ClassVar[str] = "-stages"

    @property
    def size(self) -> int:
        """Return the number of eligible stage codes."""
        return len(self.stage_codes.all)

    def enumerate(self) -> Iterator[Architecture]:
        """List every eligible stage code, ascending."""
        return (Architecture(self.name, code) for code in self.stage_codes.all)

    def covering(self) -> Iterator[Architecture]:
        """List codes that together hold every count that a stage has."""
        return (Architecture(self.name, code) for code in self.stage_codes.cover)

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an eligible code uniformly."""
        return Architecture(self.name, self.stage_codes.all[rng.integers(self.size)])

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Move blocks between stages, few rather than many."""
        code, _ = self._checked(arch)
        return Architecture(self.name, self.stage_codes.neighbour(code, rng))

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        """Take every stage from either parent, so that the budget is met."""
        codes = self._checked(a)[0], self._checked(b)[0]
        return Architecture(self.name, self.stage_codes.child(*codes, rng))

    def features(self, arch: Architecture) -> npt.NDArray[np.float64]:
        """Return the share that every searched stage has of its largest count."""
        return np.array(self.stage_codes.features(self._checked(arch)[0]))

    def encode(self, arch: Architecture) -> str:
        """Write the number of blocks of every stage, as in ``1-3-5-7``."""
        return self._rule.text(self._checked(arch)[0])

    def decode(self, text: str) -> Architecture:
        """Read a stage code.

        Raises:
            ArchitectureError: It is malformed or not eligible; the message says what would be.
        """
        return Architecture(self.name, self.stage_codes.parse(text))

    def _network(self, genes: tuple[int | str, ...]) -> tuple[StageCode, Digits] | None:
        code = self.stage_codes.by_genes.get(genes)
        return None if code is None else (code, (0,) * sum(self._rule.depths(code)))

    @property
    def _genes_needed(self) -> str:
        return f"its genes are an eligible stage code, as in {self.stage_codes.all[0]}"
