"""The operation level of CR-NAS as a space (Liang et al., ICLR 2020)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ...architecture import Architecture
from ...errors import SearchSpaceError
from ...parts import DILATIONS
from . import dilations
from .base import CrNasDetectors
from .dilations import CHOICES, Digits
from .stages import StageCode


@dataclass(frozen=True)
class CrNasOperations(CrNasDetectors):
    """Choose the dilation of every block on a fixed stage code.

    Attributes:
        stages: The stage code, of any number of blocks; ``None`` for the published one.

    Example:
        >>> space = CrNasOperations("resnet50")
        >>> space.size == 3**16
        True
        >>> space.decode("0010001200102112").genes[:4]
        (0, 0, 1, 0)
    """

    stages: str | None = None
    suffix: ClassVar[str] = "-operations"

    @cached_property
    def stage_code(self) -> StageCode:
        """Return the searched entries of the fixed stage code."""
        return self._rule.parse(self._series.stages if self.stages is None else self.stages)

    @property
    def _blocks(self) -> int:
        return sum(self._rule.depths(self.stage_code))

    @property
    def gene_choices(self) -> tuple[tuple[int, ...], ...]:
        """Return the allowed digits of every block."""
        return (tuple(range(CHOICES)),) * self._blocks

    @property
    def choices(self) -> dict[str, tuple[int, ...]]:
        """Return the dilations that the digits 0, 1 and 2 stand for."""
        return {"dilation": DILATIONS}

    @property
    def size(self) -> int:
        """Return the exact number of architectures."""
        return math.prod(map(len, self.gene_choices))

    def covering(self) -> Iterator[Architecture]:
        """List the architectures that have one dilation everywhere."""
        return (Architecture(self.name, (d,) * self._blocks) for d in range(CHOICES))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw every dilation uniformly."""
        return Architecture(self.name, dilations.draw(self._blocks, rng))

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Change every dilation with probability 0.1, and at least one."""
        return Architecture(self.name, dilations.redraw(self._checked(arch)[1], rng))

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        """Take every dilation from either parent."""
        depths = self._rule.depths(self.stage_code)
        of_a, of_b = (dilations.by_stage(depths, self._checked(arch)[1]) for arch in (a, b))
        return Architecture(self.name, dilations.child(of_a, of_b, depths, rng))

    def features(self, arch: Architecture) -> npt.NDArray[np.float64]:
        """Return ``(3 * blocks,)`` indicators: one per block and dilation."""
        return np.array(dilations.indicators(self._checked(arch)[1]))

    def encode(self, arch: Architecture) -> str:
        """Write one digit per block; MobileNetV2's layers that are no blocks have a 0."""
        return dilations.write(self._rule, *self._checked(arch))

    def decode(self, text: str) -> Architecture:
        """Read an operation code.

        Raises:
            ArchitectureError: A character is no digit, or their number is wrong.
        """
        return Architecture(self.name, dilations.read(self._rule, self.stage_code, text, text))

    def _check_options(self) -> None:
        if self.stages is not None and not isinstance(self.stages, str):
            raise SearchSpaceError(
                f"stages must be a text such as {self._series.stages!r}, got {self.stages!r}"
            )
        _ = self.stage_code

    def _first(self) -> tuple[StageCode, Digits]:
        return self.stage_code, (0,) * self._blocks

    def _network(self, genes: tuple[int | str, ...]) -> tuple[StageCode, Digits] | None:
        fits = len(genes) == self._blocks
        return (self.stage_code, genes) if fits and dilations.are_digits(genes) else None

    @property
    def _genes_needed(self) -> str:
        return f"it needs {self._blocks} genes out of 0, 1 and 2"
