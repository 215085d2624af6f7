"""What the genes of the DetNAS spaces do not choose: widths, depths, counts.

Source: DetNAS (Chen et al., NeurIPS 2019), table 1 (the search space).
"""

from __future__ import annotations

from dataclasses import dataclass


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
        input_hw: Input height and width in pixels.
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
    # DetNASNet(3.8), as released: stages 1.8 times as wide, the stem 1.5; 3.94G by our count.
    "detnas-large-1.8x": DetNasLayout(72, (172, 432, 864, 1728), (8, 8, 16, 8)),
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
