"""SM-NAS, stage two: the blocks of the backbone and the width of the pyramid.

Source: SM-NAS (Yao et al., AAAI 2020). The search stands on one structure of stage one
and keeps everything else of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
import numpy.typing as npt

from ...architecture import Architecture
from ...detector import DetectorSpec
from ...errors import ArchitectureError, SearchSpaceError
from ...parts import CODED_BLOCKS, STAGES
from ..options import check_proposals
from .code import DOUBLINGS, PUBLISHED, BackboneCode, CodeLimits, is_deeper_or_wider
from .covering import covering_groups
from .faults import either, fault
from .features import CODE_FEATURES, code_features
from .groups import (
    Groups,
    count_groups,
    groups_at,
    inserted,
    removed,
    repaired,
    shown,
    swapped,
)
from .heads import NORMS, around
from .structure import BLOCK_OF, SIZES, WIDTHS, Structure
from .tokens import coded_tokens

NAME = "smnas-modular"
DEFAULT_STRUCTURE = "resnet50/P1-P5@256/rpn/cascade3/800x600"
"""Like E2, E3: a three-stage cascade on P1-P5 at 800x600."""

NO_WIDTH = 0  # the gene where there is no pyramid
_WIDTH_MARK = "@"


@dataclass(frozen=True)
class SmNasModularSpace:
    """Choose the blocks of the backbone and the pyramid's width (SM-NAS, stage two).

    The genes are block type, base channels, the blocks of the four groups and the pyramid's
    width. Codes are written as in the paper, with the width behind: ``..._1-21-21-12@256``.

    Attributes:
        structure: Code of ``smnas-structural`` on which the space stands. ``None`` takes
            :data:`DEFAULT_STRUCTURE` and all four block types.
        block: The only block type. ``None`` keeps the structure's, as the paper does, or takes
            all four where no structure is given.
        norm: ``bn``, or for training from scratch ``gn_ws`` (group normalisation and
            standardised weights) or ``gn`` (group normalisation alone). Genes mean the same in
            all; :meth:`with_norm` changes over.
        input_hw: Input height and width in pixels; ``None`` takes the structure's.
        num_classes: Classes without background.
        proposals: Boxes given to the second stage, after NMS; ``None`` takes what is usual: 1000
            of an RPN, 300 of a GA-RPN. RetinaNet has no second stage and ignores it.
        limits: Bounds of the codes.

    Raises:
        ArchitectureError: The structure does not exist.
        SearchSpaceError: Another option does not exist or is no such number.

    Example:
        >>> space = SmNasModularSpace("resnet18/P2-P5@128/rpn/2fc/512x512")
        >>> space.encode(space.decode("basicblock_64_1-21-21-12"))
        'basicblock_64_1-21-21-12@128'
    """

    structure: str | None = None
    block: str | None = None
    norm: str = "bn"
    input_hw: tuple[int, int] | None = None
    num_classes: int = 80
    proposals: int | None = None
    limits: CodeLimits = PUBLISHED

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("block", self.block, (None, *CODED_BLOCKS)),
            ("norm", self.norm, tuple(NORMS)),
        ):
            if value not in allowed:
                raise SearchSpaceError(f"{name} {value!r} is not {either(allowed)}")
        if self.structure is not None and not isinstance(self.structure, str):
            raise SearchSpaceError(
                f"structure must be a code of smnas-structural such as {DEFAULT_STRUCTURE!r}, got "
                f"{self.structure!r}"
            )
        limits: object = self.limits
        if not isinstance(limits, CodeLimits):
            raise SearchSpaceError(
                f"limits must be a CodeLimits such as {PUBLISHED}, got {limits!r}"
            )
        check_proposals(self.proposals)
        _ = self.detector(self._at(0)).graph()  # checks the numbers

    @cached_property
    def stands_on(self) -> Structure:
        """Return the structure that the space stands on."""
        return Structure.parse(DEFAULT_STRUCTURE if self.structure is None else self.structure)

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """Return the block types that the space holds."""
        if self.block is not None:
            return (self.block,)
        if self.structure is None:
            return CODED_BLOCKS
        return (BLOCK_OF[self.stands_on.backbone],)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Return the pyramid's widths; without a pyramid there is one choice, 0."""
        return WIDTHS if self.stands_on.pyramid else (NO_WIDTH,)

    @cached_property
    def _structures(self) -> dict[int, Structure]:
        """Return the structure with each of the widths."""
        pyramid = self.stands_on.pyramid
        if pyramid is None:
            return {NO_WIDTH: self.stands_on}
        return {
            w: replace(self.stands_on, neck=str(replace(pyramid, width=w))) for w in self.widths
        }

    @property
    def name(self) -> str:
        """Return ``smnas-modular``."""
        return NAME

    @property
    def choices(self) -> dict[str, tuple[int | str, ...]]:
        """Return what the parts of a code may be; none of the four groups is empty."""
        least, most = self.limits.min_blocks, self.limits.max_blocks
        return {
            "block type": self.blocks,
            "base channels": self.limits.bases,
            "block of a group": ("1 (regular)", "2 (doubles the channels)"),
            "blocks in all groups": (f"{least} to {most}, {DOUBLINGS} of them 2",),
            "pyramid width": self.widths,
        }

    @cached_property
    def size(self) -> int:
        """Return the exact number of architectures."""
        choices = len(self.blocks) * len(self.limits.bases) * len(self.widths)
        return choices * count_groups(self.limits)

    def with_norm(self, norm: str) -> SmNasModularSpace:
        """Return the space of the same architectures with another normalisation.

        The paper searches from scratch with ``gn_ws`` and trains the found ones with ``bn``.
        """
        return replace(self, norm=norm)

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly: a number below :attr:`size`, and the architecture of that number."""
        return self._at(int(rng.integers(self.size)))

    def neighbours(self, arch: Architecture) -> list[Architecture]:
        """List the other networks that are one step away; see :meth:`mutate`."""
        return [other for move in self._moves(arch) for other in self._new(arch, move())]

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Take a step of a kind drawn among those that are possible.

        Base channels or pyramid width one step up or down, a regular block inserted or removed,
        two neighbours swapped (with ``-``: a block changes its stage), or another block type
        where the space holds several.
        """
        moves = self._moves(arch)
        for index in rng.permutation(len(moves)).tolist():
            others = self._new(arch, moves[index]())
            if others:
                return others[rng.integers(len(others))]
        raise SearchSpaceError(f"{NAME} holds a single network, so nothing can change")

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        """Take every gene from either parent; groups are repaired to three doublings."""
        codes, widths = zip(*(self._read(parent) for parent in (a, b)), strict=True)
        block, base, width, *sides = rng.integers(2, size=3 + STAGES).tolist()
        groups = tuple(codes[side].groups[stage] for stage, side in enumerate(sides))
        code = BackboneCode(
            codes[block].block, codes[base].base, repaired(groups, self.limits, rng)
        )
        return self._architecture(code, widths[width])

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the representative of all codes that mean the same network.

        Codes differ in vain only in stages that the structure does not use.
        """
        code, width = self._read(arch)
        if self.stands_on.stages == STAGES:
            return arch
        groups = shown(code.groups, self.stands_on.stages, self.limits)
        return self._architecture(replace(code, groups=groups), width)

    def is_valid(self, arch: Architecture) -> bool:
        """Return whether the genes are allowed and their groups keep to the limits."""
        if arch.space != NAME or len(arch.genes) != STAGES + 3:
            return False
        block, base, *groups, width = arch.genes
        return (
            block in self.blocks
            and base in self.limits.bases
            and width in self.widths
            and self.limits.hold(tuple(groups))
        )

    def precedes(self, a: Architecture, b: Architecture) -> bool:
        """Return whether ``a`` is nowhere deeper or wider than ``b``, backbone and pyramid."""
        (mine, narrow), (other, wide) = self._read(a), self._read(b)
        return narrow <= wide and is_deeper_or_wider(other, mine, self.stands_on.stages)

    def features(self, arch: Architecture) -> npt.NDArray[np.float64]:
        """Return ``(n_features,)`` numbers, named by :attr:`feature_names`."""
        return code_features(*self._read(self.canonical(arch)))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Return what the features say, in their order."""
        return CODE_FEATURES

    def detector(self, arch: Architecture) -> DetectorSpec:
        """Return the structure with the coded backbone and pyramid width in it."""
        code, width = self._read(arch)
        return DetectorSpec(
            SIZES[self.stands_on.size] if self.input_hw is None else self.input_hw,
            code.part(self.norm),
            *around(self._structures[width], self.proposals, NORMS[self.norm]),
            self.num_classes,
        )

    def node_tokens(self, arch: Architecture) -> Sequence[str]:
        """Name the module at every place of the detector, in order, without wiring it.

        Equal names mean equal modules in the same part, within this space.
        """
        code, width = self._read(arch)
        return coded_tokens(code, self._structures[width])

    def covering(self) -> Iterator[Architecture]:
        """Give architectures that together hold every module at every node where it may stand."""
        for groups, width in covering_groups(self.limits, self.widths):
            for block, base in product(self.blocks, self.limits.bases):
                yield self._architecture(BackboneCode(block, base, groups), width)

    def encode(self, arch: Architecture) -> str:
        """Write the code as in the paper, and ``@`` with the pyramid's width."""
        code, width = self._read(arch)
        return f"{code}{_WIDTH_MARK}{width}" if width else str(code)

    def decode(self, text: str) -> Architecture:
        """Read a code; without ``@`` the pyramid's width is the structure's.

        Raises:
            ArchitectureError: The text is no code of this space; the message points at the
                character and says what would be valid.
        """
        code, mark, width = text.partition(_WIDTH_MARK)
        read = BackboneCode.parse(code, self.limits, self.blocks)
        pyramid = self.stands_on.pyramid
        if not mark:
            return self._architecture(read, pyramid.width if pyramid else NO_WIDTH)
        if pyramid is None:
            problem = f"{self.stands_on} has no pyramid and so no width; leave it out"
            raise fault(text, len(code), len(text) - len(code), problem)
        if width not in map(str, WIDTHS):
            problem = f"no pyramid width here; use {either(WIDTHS)}"
            raise fault(text, len(code) + 1, len(width), problem)
        return self._architecture(read, int(width))

    def _moves(self, arch: Architecture) -> list[Callable[[], Iterable[Architecture]]]:
        """List the kinds of steps; calling one gives its codes."""
        code, width = self._read(arch)

        def with_groups(found: Iterable[Groups]) -> Iterator[Architecture]:
            return (self._architecture(replace(code, groups=g), width) for g in found)

        return [
            lambda: (
                self._architecture(replace(code, base=base), width)
                for base in _beside(self.limits.bases, code.base)
            ),
            lambda: (self._architecture(code, w) for w in _beside(self.widths, width)),
            lambda: with_groups(inserted(code.groups, self.limits)),
            lambda: with_groups(removed(code.groups, self.limits)),
            lambda: with_groups(swapped(code.groups)),
            lambda: (
                self._architecture(replace(code, block=block), width)
                for block in self.blocks
                if block != code.block
            ),
        ]

    def _new(self, arch: Architecture, others: Iterable[Architecture]) -> list[Architecture]:
        """Keep the codes that mean another network."""
        own = self.canonical(arch)
        return [other for other in others if self.canonical(other) != own]

    def _at(self, index: int) -> Architecture:
        """Return architecture ``index`` of ``size``."""
        index, groups = divmod(index, count_groups(self.limits))
        index, width = divmod(index, len(self.widths))
        block, base = divmod(index, len(self.limits.bases))
        code = BackboneCode(
            self.blocks[block], self.limits.bases[base], groups_at(self.limits, groups)
        )
        return self._architecture(code, self.widths[width])

    def _architecture(self, code: BackboneCode, width: int) -> Architecture:
        return Architecture(NAME, (code.block, code.base, *code.groups, width))

    def _read(self, arch: Architecture) -> tuple[BackboneCode, int]:
        if not self.is_valid(arch):
            raise ArchitectureError(
                f"{arch} is not in {NAME}: its genes are block type ({either(self.blocks)}), base "
                f"channels, {STAGES} groups with {DOUBLINGS} doublings and "
                f"{self.limits.min_blocks} to {self.limits.max_blocks} blocks in all, and the "
                f"pyramid's width ({either(self.widths)})"
            )
        block, base, *groups, width = arch.genes
        return BackboneCode(str(block), int(base), tuple(map(str, groups))), int(width)


def _beside(choices: tuple[int, ...], value: int) -> Iterator[int]:
    """Give the next smaller and the next larger choice."""
    place = choices.index(value)
    return (choices[i] for i in (place - 1, place + 1) if 0 <= i < len(choices))
