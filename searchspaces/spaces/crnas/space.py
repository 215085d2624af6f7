"""Both levels of CR-NAS as one space (Liang et al., ICLR 2020)."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...architecture import Architecture
from ...errors import ArchitectureError
from ...parts import DILATIONS
from . import dilations
from .base import BudgetedStages
from .dilations import BINS, CHOICES, Digits
from .stages import StageCode


@dataclass(frozen=True)
class CrNasSpace(BudgetedStages):
    """Choose the number of blocks of every stage at equal cost, and the dilation of every block.

    Example:
        >>> space = CrNasSpace("resnet50")
        >>> space.size == 153 * 3**16
        True
        >>> space.encode(space.decode("1-3-5-7/0010001200102112"))
        '1-3-5-7/0010001200102112'
    """

    @property
    def choices(self) -> dict[str, tuple[int, ...]]:
        """Return the numbers of blocks that every searched stage may have, and the dilations."""
        return {**super().choices, "dilation": DILATIONS}

    @property
    def size(self) -> int:
        """Return the exact number of architectures."""
        return sum(CHOICES ** sum(self._rule.depths(code)) for code in self.stage_codes.all)

    def covering(self) -> Iterator[Architecture]:
        """List codes that together hold every count of a stage, each at every dilation."""
        for code, digit in itertools.product(self.stage_codes.cover, range(CHOICES)):
            yield self._architecture(code, (digit,) * sum(self._rule.depths(code)))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly: a stage code as often as it has dilations, then each dilation."""
        place = bisect_right(self._ends, rng.integers(self._ends[-1]))
        code = self.stage_codes.all[place]
        return self._architecture(code, dilations.draw(sum(self._rule.depths(code)), rng))

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        """Add up how many times more dilations each stage code has than the smallest one."""
        blocks = [sum(self._rule.depths(code)) for code in self.stage_codes.all]
        return tuple(itertools.accumulate(CHOICES ** (n - min(blocks)) for n in blocks))

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Move blocks with their dilations between stages, or change dilations: even odds."""
        code, digits = self._checked(arch)
        if len(self.stage_codes.all) == 1 or rng.random() < 0.5:
            return self._architecture(code, dilations.redraw(digits, rng))
        other = self.stage_codes.neighbour(code, rng)
        stages = dilations.by_stage(self._rule.depths(code), digits)
        return self._architecture(other, dilations.carry(stages, self._rule.depths(other), rng))

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        """Take every stage and every dilation from either parent, so that the budget is met."""
        networks = self._checked(a), self._checked(b)
        code = self.stage_codes.child(networks[0][0], networks[1][0], rng)
        of_a, of_b = (dilations.by_stage(self._rule.depths(c), d) for c, d in networks)
        depths = self._rule.depths(code)
        return self._architecture(code, dilations.child(of_a, of_b, depths, rng))

    def features(self, arch: Architecture) -> npt.NDArray[np.float64]:
        """Return shares of counts, then of dilations at places along each stage.

        See :meth:`CrNasStages.features` and :func:`.dilations.shares`.
        """
        code, digits = self._checked(arch)
        stages = dilations.by_stage(self._rule.depths(code), digits)
        shares = dilations.shares(stages, self._bins)
        return np.array([*self.stage_codes.features(code), *shares])

    @cached_property
    def _bins(self) -> tuple[int, ...]:
        """Return the places along every stage: as many as it has blocks at most, up to four."""
        deepest = self._rule.depths(tuple(map(max, self._rule.choices)))
        return tuple(min(count, BINS) for count in deepest)

    def encode(self, arch: Architecture) -> str:
        """Write ``stages/operations``, as in ``1-3-5-7/0010001200102112``."""
        code, digits = self._checked(arch)
        return f"{self._rule.text(code)}/{dilations.write(self._rule, code, digits)}"

    def decode(self, text: str) -> Architecture:
        """Read ``stages/operations``.

        Raises:
            ArchitectureError: Either code is malformed, the stage code is not eligible, or there
                is not one digit per block; the message says what would be valid.
        """
        stages, slash, operations = text.partition("/")
        if not slash:
            raise ArchitectureError(
                f"{text!r}: no '/' between stage code and operation code; write them as in "
                f"{self._example!r}"
            )
        code = self.stage_codes.parse(stages)
        return self._architecture(code, dilations.read(self._rule, code, operations, text))

    def _architecture(self, code: StageCode, digits: Digits) -> Architecture:
        return Architecture(self.name, (*code, *digits))

    @property
    def _example(self) -> str:
        return self.encode(self._architecture(*self._first()))

    def _network(self, genes: tuple[int | str, ...]) -> tuple[StageCode, Digits] | None:
        searched = len(self._rule.choices)
        code, digits = self.stage_codes.by_genes.get(genes[:searched]), genes[searched:]
        if code is None or len(digits) != sum(self._rule.depths(code)):
            return None
        return (code, digits) if dilations.are_digits(digits) else None

    @property
    def _genes_needed(self) -> str:
        return (
            f"its genes are an eligible stage code and one of 0, 1 and 2 per block, as in "
            f"{self._example}"
        )
