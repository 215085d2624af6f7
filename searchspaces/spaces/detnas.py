"""The DetNAS spaces: a choice of four blocks at every position of a ShuffleNetV2 backbone.

Source: DetNAS (Chen et al., NeurIPS 2019), sec. 3.3 and table 1. The detector around the
backbone is the paper's: FPN with the 4conv1fc head, or RetinaNet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..architecture import Architecture
from ..detector import DetectorSpec
from ..errors import ArchitectureError, SearchSpaceError
from ..kinds.backbone import SHUFFLES
from ..parts import (
    SHUFFLE_OPS,
    BoxHead,
    Fpn,
    Head,
    RegionProposals,
    RetinaNetHead,
    Rpn,
    ShuffleBackbone,
)

MUTATION_RATE = 0.1  # released search code: every gene is redrawn with this probability
HEADS = ("fpn", "retinanet")


@dataclass(frozen=True, slots=True)
class DetNasLayout:
    """Fix what the genes do not: widths, depths and the widths around the backbone.

    Attributes:
        stem: Channels of the stem convolution.
        channels: Output channels of the four stages.
        blocks: Blocks per stage.
        pyramid: Channels of FPN and of the convolutions of the heads.
        hidden: Features of the box head's linear layer.
        head_convs: Convolutions of the box head and of each RetinaNet tower.
        anchor_scale: Anchor side in strides, two-stage; half of it is RetinaNet's smallest.
        candidates: Boxes per level kept before NMS.
        proposals: Boxes given to the second stage.
    """

    stem: int
    channels: tuple[int, int, int, int]
    blocks: tuple[int, int, int, int]
    pyramid: int = 256
    hidden: int = 1024
    head_convs: int = 4
    anchor_scale: float = 8.0
    candidates: int = 1000
    proposals: int = 1000
    input_hw: tuple[int, int] = (800, 1088)


LAYOUTS = {
    "detnas-large": DetNasLayout(48, (96, 240, 480, 960), (8, 8, 16, 8)),
    "detnas-small": DetNasLayout(16, (64, 160, 320, 640), (4, 4, 8, 4)),
    # Ours: the same blocks, fewer and narrower, so that a laptop searches in minutes.
    "detnas-nano": DetNasLayout(
        16,
        (64, 128, 256, 512),
        (2, 2, 4, 2),
        pyramid=48,
        hidden=128,
        head_convs=1,
        anchor_scale=6.0,
        candidates=200,
        proposals=100,
        input_hw=(160, 160),
    ),
}


@dataclass(frozen=True)
class DetNasSpace:
    """Choose one of four blocks at every position.

    Attributes:
        name: ``detnas-large``, ``detnas-small`` or ``detnas-nano``.
        head: ``fpn`` (Faster R-CNN with FPN and 4conv1fc) or ``retinanet``.
        input_hw: Input height and width in pixels; ``None`` takes the layout's own. A list, as
            JSON gives it, becomes a tuple.
        num_classes: Classes without background.
        shuffle: Channel-shuffle variant; see :class:`searchspaces.ShuffleBackbone`.
        proposals: Boxes given to the second stage, after NMS; ``None`` takes the layout's own.
            RetinaNet has no second stage.

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

    def __post_init__(self) -> None:
        if self.name not in LAYOUTS:
            raise SearchSpaceError(
                f"{self.name!r} is no DetNAS layout; known: {', '.join(LAYOUTS)}"
            )
        if self.head not in HEADS:
            raise SearchSpaceError(f"head {self.head!r} is not one of {', '.join(HEADS)}")
        if self.shuffle not in SHUFFLES:
            raise SearchSpaceError(f"shuffle {self.shuffle!r} is not one of {', '.join(SHUFFLES)}")
        if self.head == "retinanet" and self.proposals is not None:
            raise SearchSpaceError(
                f"head retinanet has no second stage and takes no proposals, got {self.proposals}"
            )
        size: object = self.input_hw
        if isinstance(size, list):  # options that went through JSON
            object.__setattr__(self, "input_hw", tuple(size))
        _ = self.detector(self._first()).graph()  # checks the numbers

    @property
    def layout(self) -> DetNasLayout:
        """Return the fixed widths and depths."""
        return LAYOUTS[self.name]

    @property
    def gene_choices(self) -> tuple[tuple[int, ...], ...]:
        """Return the allowed values of every gene."""
        return (tuple(range(len(SHUFFLE_OPS))),) * sum(self.layout.blocks)

    @property
    def size(self) -> int:
        """Return the exact number of architectures."""
        return math.prod(map(len, self.gene_choices))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw every gene uniformly."""
        genes = rng.integers(len(SHUFFLE_OPS), size=sum(self.layout.blocks))
        return self._architecture(genes)

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Redraw every gene with probability 0.1; at least one gene changes."""
        genes = self._genes(arch)
        redraw = rng.random(genes.size) < MUTATION_RATE
        redraw[rng.integers(genes.size)] = True
        shift = rng.integers(1, len(SHUFFLE_OPS), size=genes.size)
        return self._architecture(np.where(redraw, (genes + shift) % len(SHUFFLE_OPS), genes))

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
        allowed = range(len(SHUFFLE_OPS))
        return (
            arch.space == self.name
            and len(arch.genes) == sum(self.layout.blocks)
            and all(isinstance(gene, int) and gene in allowed for gene in arch.genes)
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
        backbone = ShuffleBackbone(layout.stem, layout.channels, tuple(stages), self.shuffle)
        neck, rpn, head = self._around()
        input_hw = self.input_hw or layout.input_hw
        return DetectorSpec(input_hw, backbone, neck, rpn, head, self.num_classes)

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

    def _around(self) -> tuple[Fpn, Rpn | None, Head]:
        layout = self.layout
        if self.head == "retinanet":
            head = RetinaNetHead(
                channels=layout.pyramid,
                num_convs=layout.head_convs,
                anchor_scale=layout.anchor_scale / 2,
                pre_nms=layout.candidates,
            )
            return Fpn(layout.pyramid, first=1, extra="p6p7", norm="bn"), None, head
        rpn = RegionProposals(
            anchor_scale=layout.anchor_scale,
            pre_nms=layout.candidates,
            post_nms=layout.proposals if self.proposals is None else self.proposals,
        )
        box_head = BoxHead(
            num_convs=layout.head_convs,
            conv_channels=layout.pyramid,
            fc_channels=layout.hidden,
            pre_nms=layout.candidates,
        )
        return Fpn(layout.pyramid, extra="pool", norm="bn"), rpn, box_head

    def _architecture(self, genes: npt.NDArray[np.int64]) -> Architecture:
        return Architecture(self.name, tuple(genes.tolist()))

    def _genes(self, arch: Architecture) -> npt.NDArray[np.int64]:
        if not self.is_valid(arch):
            raise ArchitectureError(
                f"{arch} is not in {self.name}: it needs {sum(self.layout.blocks)} genes "
                f"out of 0..{len(SHUFFLE_OPS) - 1}"
            )
        return np.array(arch.genes, dtype=np.int64)
