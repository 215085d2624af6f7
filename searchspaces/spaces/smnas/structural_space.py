"""SM-NAS, stage one: which backbone, neck, RPN, head and input size a detector has.

Source: SM-NAS (Yao et al., AAAI 2020).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt

from ...architecture import Architecture
from ...detector import DetectorSpec
from ...errors import ArchitectureError, SearchSpaceError
from ..options import check_proposals
from .covering import cover, numbered
from .faults import either
from .heads import NORMS, around
from .order import structure_precedes
from .structure import (
    BACKBONES,
    EXAMPLE,
    HEADS,
    NECKS,
    RPNS,
    SCHEMES,
    SIZES,
    Structure,
)
from .tokens import structure_tokens

NAME = "smnas-structural"
FIELDS = 4  # what varies by itself: backbone, neck, RPN with head, input size

# They differ from their longer twins in the third stage only.
_SHORT_TWIN = {"resnet101": "resnet50", "resnext101": "resnext50"}
_TWIN_STAGES = 2

FEATURES = (
    *BACKBONES,
    "pyramid",
    "finest level",
    "coarsest level",
    "log2 pyramid width",
    *RPNS,
    *HEADS,
    "log2 pixels",
)


@dataclass(frozen=True)
class SmNasStructuralSpace:
    """Choose backbone, neck, RPN, head and input size (SM-NAS, stage one).

    The genes are five texts; RetinaNet's head goes without RPN and no other does, so there are
    7 backbones x 43 necks x 9 pairs of RPN and head x 4 sizes. As RPN and head depend on each
    other, the space offers no ``gene_choices``: changing one gene at a time would not lead from
    one stage to two.

    Attributes:
        input_hw: Input height and width in pixels, for all architectures; ``None`` takes the one
            that the size gene names.
        num_classes: Classes without background.
        proposals: Boxes given to the second stage, after NMS; ``None`` takes what is usual: 1000
            of an RPN, 300 of a GA-RPN. RetinaNet has no second stage and ignores it.
        norm: ``bn``, or for training from scratch with few images a batch ``gn_ws`` (group
            normalisation and standardised weights, in pyramid and RetinaNet's towers too) or
            ``gn`` (group normalisation alone). Genes mean the same in all; :meth:`with_norm`
            changes over.

    Raises:
        SearchSpaceError: An option is no such number, or there is no such normalisation.

    Example:
        >>> space = SmNasStructuralSpace()
        >>> space.size
        10836
        >>> space.decode("resnet50/P2-P5@256/rpn/cascade3/800x600").genes[1]
        'P2-P5@256'
    """

    input_hw: tuple[int, int] | None = None
    num_classes: int = 80
    proposals: int | None = None
    norm: str = "bn"

    def __post_init__(self) -> None:
        if self.norm not in tuple(NORMS):
            raise SearchSpaceError(f"norm {self.norm!r} is not {either(tuple(NORMS))}")
        check_proposals(self.proposals)
        _ = self.detector(self.decode(EXAMPLE)).graph()  # checks the numbers

    @property
    def name(self) -> str:
        """Return ``smnas-structural``."""
        return NAME

    @property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """Return what each field of a code may be; RPN and head go together."""
        schemes = tuple("/".join(scheme) for scheme in SCHEMES)
        return {
            "backbone": tuple(BACKBONES),
            "neck": tuple(NECKS),
            "rpn/head": schemes,
            "size": tuple(SIZES),
        }

    @property
    def size(self) -> int:
        """Return the exact number of architectures."""
        return len(BACKBONES) * len(NECKS) * len(SCHEMES) * len(SIZES)

    def with_norm(self, norm: str) -> SmNasStructuralSpace:
        """Return the space of the same architectures with another normalisation."""
        return replace(self, norm=norm)

    def enumerate(self) -> Iterator[Architecture]:
        """List every architecture."""
        return (Architecture(NAME, genes) for genes in _all_genes())

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly."""
        return Architecture(NAME, _all_genes()[rng.integers(self.size)])

    def neighbours(self, arch: Architecture) -> list[Architecture]:
        """List what differs in one of backbone, neck, RPN with head, and size."""
        return [other for field in range(FIELDS) for other in self._variants(arch, field)]

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Draw another value for one of backbone, neck, RPN with head, and size."""
        moves = [found for field in range(FIELDS) if (found := self._variants(arch, field))]
        variants = moves[rng.integers(len(moves))]
        return variants[rng.integers(len(variants))]

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        """Take backbone, neck, RPN with head, and size from either parent."""
        parents = [_split(self._genes(parent)) for parent in (a, b)]
        fields = [parents[side][i] for i, side in enumerate(rng.integers(2, size=FIELDS))]
        return Architecture(NAME, _join(fields))

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the representative of all codes that mean the same network.

        A pyramid that ends at P2 needs two stages only, which ResNet-50 and ResNet-101 share; and
        where the space fixes the input, the size gene says nothing.
        """
        backbone, neck, rpn, head, size = genes = self._genes(arch)
        if Structure(*genes).stages <= _TWIN_STAGES:
            backbone = _SHORT_TWIN.get(backbone, backbone)
        if self.input_hw is not None:
            size = next(iter(SIZES))
        return Architecture(NAME, (backbone, neck, rpn, head, size))

    def is_valid(self, arch: Architecture) -> bool:
        """Return whether the genes are five known texts and RPN and head go together."""
        return arch.space == NAME and arch.genes in _valid_genes()

    def precedes(self, a: Architecture, b: Architecture) -> bool:
        """Return whether ``a`` is nowhere deeper or wider than ``b``."""
        mine, other = (self._genes(self.canonical(arch)) for arch in (a, b))
        return structure_precedes(Structure(*mine), Structure(*other))

    def features(self, arch: Architecture) -> npt.NDArray[np.float64]:
        """Return ``(n_features,)`` numbers, named by :attr:`feature_names`."""
        structure = Structure(*self._genes(self.canonical(arch)))
        pyramid = structure.pyramid
        height, width = self._input_hw(structure)
        # Without pyramid: the stride-16 map alone, at the middle of the widths.
        levels = (
            (1, pyramid.first, pyramid.last, np.log2(pyramid.width)) if pyramid else (0, 3, 3, 8)
        )
        row = [
            *(structure.backbone == name for name in BACKBONES),
            *levels,
            *(structure.rpn == name for name in RPNS),
            *(structure.head == name for name in HEADS),
            np.log2(height * width),
        ]
        return np.array(row, dtype=np.float64)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Return what the features say, in their order."""
        return FEATURES

    def detector(self, arch: Architecture) -> DetectorSpec:
        """Return the detector that the five fields name."""
        structure = Structure(*self._genes(arch))
        return DetectorSpec(
            self._input_hw(structure),
            replace(BACKBONES[structure.backbone], norm=self.norm),
            *around(structure, self.proposals, NORMS[self.norm]),
            self.num_classes,
        )

    def node_tokens(self, arch: Architecture) -> Sequence[str]:
        """Name the module at every place of the detector, in order, without wiring it.

        Equal names mean equal modules in the same part, within this space.
        """
        backbone, neck, rpn, head, size = self._genes(arch)
        return structure_tokens(backbone, neck, rpn, head, size if self.input_hw is None else "")

    def covering(self) -> Iterator[Architecture]:
        """Give architectures that together hold every module at every node where it may stand."""
        networks = (arch for arch in self.enumerate() if arch == self.canonical(arch))
        return cover(networks, lambda arch: numbered(self.node_tokens(arch)))

    def encode(self, arch: Architecture) -> str:
        """Write the five fields, separated by ``/``."""
        return "/".join(self._genes(arch))

    def decode(self, text: str) -> Architecture:
        """Read ``backbone/neck/rpn/head/WIDTHxHEIGHT``.

        Raises:
            ArchitectureError: A field is unknown or fields do not go together; the message says
                which, and what would be valid.
        """
        structure = Structure.parse(text)
        return Architecture(NAME, tuple(str(structure).split("/")))

    def _input_hw(self, structure: Structure) -> tuple[int, int]:
        return SIZES[structure.size] if self.input_hw is None else self.input_hw

    def _variants(self, arch: Architecture, field: int) -> list[Architecture]:
        """List the other networks that differ in one field."""
        own, fields = self.canonical(arch), _split(self._genes(arch))
        others = (
            Architecture(NAME, _join([*fields[:field], value, *fields[field + 1 :]]))
            for value in _VALUES[field]
            if value != fields[field]
        )
        return [other for other in others if self.canonical(other) != own]

    def _genes(self, arch: Architecture) -> Genes:
        if not self.is_valid(arch):
            raise ArchitectureError(
                f"{arch} is not in {NAME}: it needs five genes as in {EXAMPLE.split('/')}"
            )
        backbone, neck, rpn, head, size = map(str, arch.genes)
        return backbone, neck, rpn, head, size


Genes = tuple[str, str, str, str, str]
_VALUES: tuple[tuple[tuple[str, ...], ...], ...] = (
    tuple((name,) for name in BACKBONES),
    tuple((name,) for name in NECKS),
    SCHEMES,
    tuple((name,) for name in SIZES),
)


def _split(genes: Genes) -> list[tuple[str, ...]]:
    return [genes[:1], genes[1:2], genes[2:4], genes[4:]]


def _join(fields: list[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(text for field in fields for text in field)


@lru_cache(maxsize=1)
def _all_genes() -> tuple[Genes, ...]:
    every = product(BACKBONES, NECKS, SCHEMES, SIZES)
    return tuple((backbone, neck, rpn, head, size) for backbone, neck, (rpn, head), size in every)


@lru_cache(maxsize=1)
def _valid_genes() -> frozenset[tuple[int | str, ...]]:
    return frozenset(_all_genes())
