"""The DetNAS spaces: a choice of four blocks at every position of a ShuffleNetV2 backbone.

Source: DetNAS (Chen et al., NeurIPS 2019), table 1 (the search space). The detector around the
backbone is the paper's: FPN with the 4conv1fc head, or RetinaNet.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import add
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from ...architecture import Architecture
from ...detector import DetectorSpec
from ...errors import ArchitectureError, SearchSpaceError
from ...kinds.shuffle import SHUFFLES
from ...parts import SHUFFLE_OPS, ShuffleBackbone
from ..mutation import redraw
from ..tokens import block_tokens, constant_tokens
from .heads import NORMS, around
from .layouts import LAYOUTS, DetNasLayout

CHOICES = frozenset(range(len(SHUFFLE_OPS)))


@dataclass(frozen=True)
class DetNasSpace:
    """Choose one of four blocks at every position.

    Attributes:
        name: ``detnas-large``, ``detnas-large-1.8x``, ``detnas-small`` or ``detnas-nano``.
        head: ``fpn`` (Faster R-CNN with FPN and 4conv1fc) or ``retinanet``.
        input_hw: Input height and width in pixels; ``None`` takes the layout's own.
        num_classes: Classes without background.
        shuffle: Channel-shuffle variant; see :class:`searchspaces.ShuffleBackbone`.
        proposals: Boxes given to the second stage, after NMS; ``None`` takes the layout's own.
            RetinaNet has no second stage.
        norm: ``bn``, or for training from scratch with few images a batch ``gn_ws`` (group
            normalisation and standardised weights, in RetinaNet's towers too) or ``gn`` (group
            normalisation alone). Genes mean the same in all; :meth:`with_norm` changes over.

    Raises:
        SearchSpaceError: A name or option is unknown.

    Example:
        >>> space = DetNasSpace("detnas-small")
        >>> space.size == 4**20
        True
        >>> space.decode("2120-2112-33130031-3132").genes[:4]
        (2, 1, 2, 0)
    """

    name: str
    head: str = "fpn"
    input_hw: tuple[int, int] | None = None
    num_classes: int = 80
    shuffle: str = "even_odd"
    proposals: int | None = None
    norm: str = "bn"

    def __post_init__(self) -> None:
        if self.name not in LAYOUTS:
            raise SearchSpaceError(
                f"{self.name!r} is no DetNAS layout; known: {', '.join(LAYOUTS)}"
            )
        if self.shuffle not in SHUFFLES:
            raise SearchSpaceError(f"shuffle {self.shuffle!r} is not one of {', '.join(SHUFFLES)}")
        if self.norm not in tuple(NORMS):
            raise SearchSpaceError(f"norm {self.norm!r} is not one of {', '.join(NORMS)}")
        _ = self._frame  # checks the numbers

    @property
    def layout(self) -> DetNasLayout:
        """Return the fixed widths and depths."""
        return LAYOUTS[self.name]

    @property
    def gene_choices(self) -> tuple[tuple[int, ...], ...]:
        """Return the allowed values of every gene."""
        return (tuple(range(len(SHUFFLE_OPS))),) * sum(self.layout.blocks)

    @property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """Return what the digits 0 to 3 stand for."""
        names = (op if op == "xception" else f"{side}x{side}" for op, side in SHUFFLE_OPS)
        return {"block": tuple(names)}

    @property
    def size(self) -> int:
        """Return the exact number of architectures."""
        return math.prod(map(len, self.gene_choices))

    def with_norm(self, norm: str) -> DetNasSpace:
        """Return the space of the same architectures with another normalisation."""
        return replace(self, norm=norm)

    def covering(self) -> Iterator[Architecture]:
        """List the architectures that have one choice everywhere: together they hold all."""
        blocks = sum(self.layout.blocks)
        return (Architecture(self.name, (op,) * blocks) for op in range(len(SHUFFLE_OPS)))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw every gene uniformly."""
        genes = rng.integers(len(SHUFFLE_OPS), size=sum(self.layout.blocks))
        return self._architecture(genes)

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Change every gene with probability 0.1, and at least one."""
        return self._architecture(redraw(self._genes(arch), len(SHUFFLE_OPS), rng))

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        """Take every gene from either parent with equal probability (uniform crossover)."""
        from_a = rng.random(sum(self.layout.blocks)) < 0.5
        return self._architecture(np.where(from_a, self._genes(a), self._genes(b)))

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the architecture itself: no two codes mean the same network."""
        self._genes(arch)
        return arch

    def is_valid(self, arch: Architecture) -> bool:
        """Return whether every gene is a choice id and there are as many as blocks."""
        return (
            arch.space == self.name
            and len(arch.genes) == sum(self.layout.blocks)
            and CHOICES.issuperset(arch.genes)
        )

    def features(self, arch: Architecture) -> npt.NDArray[np.float64]:
        """Return ``(4 * blocks,)`` indicators: one per position and choice."""
        return np.eye(len(SHUFFLE_OPS))[self._genes(arch)].ravel()

    def detector(self, arch: Architecture) -> DetectorSpec:
        """Return the detector around the backbone that the genes name."""
        layout, genes = self.layout, [int(gene) for gene in self._genes(arch)]
        stages = []
        for blocks in layout.blocks:
            stages.append(tuple(genes[:blocks]))
            genes = genes[blocks:]
        backbone = ShuffleBackbone(
            layout.stem, layout.channels, tuple(stages), self.shuffle, self.norm
        )
        neck, rpn, head = around(layout, self.head, self.proposals, self.norm)
        input_hw = layout.input_hw if self.input_hw is None else self.input_hw
        return DetectorSpec(input_hw, backbone, neck, rpn, head, self.num_classes)

    def node_tokens(self, arch: Architecture) -> Sequence[Hashable]:
        """Name the module at every node of the detector's graph, in order, without wiring it.

        Within one space equal tokens mean equal modules: in a stage all blocks of one choice are
        equal but the first.
        """
        if not self.is_valid(arch):
            self._refuse(arch)
        before, places, after = self._frame
        return [*before, *map(add, places, arch.genes), *after]

    @cached_property
    def _frame(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Return what node tokens are made of: before, of choice 0 at every block, after."""
        places = block_tokens(self.layout.blocks, len(SHUFFLE_OPS))
        before, after = constant_tokens(self.detector(self._first()).graph(), len(places))
        return before, places, after

    def encode(self, arch: Architecture) -> str:
        """Write the choice ids, stages separated by ``-``."""
        digits = "".join(map(str, self._genes(arch)))
        parts = []
        for blocks in self.layout.blocks:
            parts.append(digits[:blocks])
            digits = digits[blocks:]
        return "-".join(parts)

    def decode(self, text: str) -> Architecture:
        """Read choice ids; the ``-`` between stages may be left out.

        Raises:
            ArchitectureError: A character is no choice id (the message points at it), a stage
                has another number of blocks (the message names it), or there are too few or too
                many.
        """
        for position, character in enumerate(text, 1):
            if character not in "0123-":
                raise ArchitectureError(
                    f"{text!r}: character {position}, {character!r}, is no choice id; "
                    "use 0 (3x3), 1 (5x5), 2 (7x7), 3 (xception) and '-' between stages"
                )
        self._check_stages(text)
        return Architecture(self.name, tuple(map(int, text.replace("-", ""))))

    def _check_stages(self, text: str) -> None:
        blocks, lengths = self.layout.blocks, tuple(map(len, text.split("-")))
        if lengths in (blocks, (sum(blocks),)):
            return
        if len(lengths) == len(blocks):
            pairs = enumerate(zip(lengths, blocks, strict=True), 1)
            stage, (got, need) = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
            wrong = f"stage {stage} has {got} blocks instead of {need}"
        elif len(lengths) == 1:
            wrong = f"it has {lengths[0]} blocks instead of {sum(blocks)}"
        else:
            wrong = f"it has {len(lengths)} stages of {'-'.join(map(str, lengths))} blocks"
        raise ArchitectureError(
            f"{text!r}: {wrong}; {self.name} has {'-'.join(map(str, blocks))} blocks, as in "
            f"{self.encode(self._first())!r}"
        )

    def _first(self) -> Architecture:
        return Architecture(self.name, (0,) * sum(self.layout.blocks))

    def _architecture(self, genes: npt.NDArray[np.int64]) -> Architecture:
        return Architecture(self.name, tuple(genes.tolist()))

    def _genes(self, arch: Architecture) -> npt.NDArray[np.int64]:
        if not self.is_valid(arch):
            self._refuse(arch)
        return np.array(arch.genes, dtype=np.int64)

    def _refuse(self, arch: Architecture) -> NoReturn:
        raise ArchitectureError(
            f"{arch} is not in {self.name}: it needs {sum(self.layout.blocks)} genes "
            f"out of 0..{len(SHUFFLE_OPS) - 1}"
        )
