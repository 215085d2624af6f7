"""The six series of networks that CR-NAS reallocates.

Source: Computation Reallocation for object detection (Liang et al., ICLR 2020), search space and
published codes.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import SearchSpaceError
from ...parts import Backbone, MobileNetV2Backbone, ResNetBackbone
from .dilations import Digits
from .stages import StageCode, StageRule

_TEN = tuple(range(1, 11))
RESNET = StageRule(
    choices=(_TEN, _TEN, (2, 3, 5, 6, 9, 11, 14, 17, 20, 23), (2, 3, 4, 6, 7, 9, 11, 13, 15, 17))
)
RESNEXT101 = StageRule(RESNET.choices, also=((3, 4, 15, 11),))  # published; 15 is not in T3
MOBILENETV2 = StageRule(
    choices=((1, 2, 3, 4, 5), (1, 2, 3, 4, 5), (3, 4, 5, 6, 7), (2, 3, 4, 5, 6), (2, 3, 4, 5, 6)),
    weights=(6, 4, 4, 3, 5),  # quarters: 1.5, 1, 1, 0.75 and 1.25 blocks
    before=(1, 1),  # stem, first group of blocks
    after=(1, 1, 1),  # last group of blocks, 1x1 convolution, classifier
    outside=(1, 2),
)


@dataclass(frozen=True, slots=True)
class Series:
    """Describe one series.

    Attributes:
        rule: Which stage codes there are.
        blocks: Budget of the series' own network: its blocks, weighted as the rule says.
        budgets: Budgets of all published networks that one supernet serves.
        stages: The published stage code.
        block: ``basic``, ``bottleneck`` or ``inverted``.
        groups: Of the bottleneck's 3x3 convolution.
        group_width: Channels of a group where the planes are 64.
        last: Modules of the backbone after its blocks.
    """

    rule: StageRule
    blocks: int
    budgets: tuple[int, ...]
    stages: str
    block: str
    groups: int = 1
    group_width: int = 64
    last: int = 0

    def backbone(
        self,
        depths: StageCode,
        dilations: tuple[Digits, ...] | None,
        base_channels: int | None,
        norm: str,
        branches: bool,
    ) -> Backbone:
        """Return the backbone with these depths and dilations.

        Args:
            depths: Blocks of every stage, fixed ones included.
            dilations: Rates per stage and block; ``None`` for 1 everywhere.
            base_channels: Width of a ResNet's first stage; ``None`` for 64.
            norm: ``bn``, ``gn`` or ``gn_ws``.
            branches: Whether a stage's depth is part of the names of its nodes.

        Raises:
            SearchSpaceError: A width is asked of MobileNetV2, or it is none.
        """
        if self.block == "inverted":
            if base_channels is not None:
                raise SearchSpaceError(
                    f"mobilenetv2 has its own widths and takes no base_channels={base_channels}"
                )
            return MobileNetV2Backbone(depths, dilations, norm, branches)
        return ResNetBackbone(
            self.block,
            depths,
            dilations,
            64 if base_channels is None else base_channels,
            self.groups,
            self.group_width,
            norm,
            branches,
        )


_N = (8, 16, 33)  # blocks of ResNet-18, of ResNet-34 and -50, of ResNet-101
SERIES: dict[str, Series] = {
    "mobilenetv2": Series(MOBILENETV2, 16, (16,), "1-1-2-2-3-4-4-1-1-1", "inverted", last=1),
    "resnet101": Series(RESNET, 33, _N, "2-3-17-11", "bottleneck"),
    "resnet18": Series(RESNET, 8, _N, "1-1-2-4", "basic"),
    "resnet50": Series(RESNET, 16, _N, "1-3-5-7", "bottleneck"),
    "resnext101": Series(RESNEXT101, 33, _N, "3-4-15-11", "bottleneck", 32, 4),
    "resnext50": Series(RESNET, 16, _N, "2-2-6-6", "bottleneck", 32, 4),
}
"""Name -> series."""
