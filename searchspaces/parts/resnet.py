"""The ResNet and ResNeXt backbones of SM-NAS and CR-NAS."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ModuleSpecError
from ..kinds.base import NORMS
from .base import STAGES, GraphBuilder, Ref
from .residual import (
    WIDTH_UNIT,
    basic_block,
    bottleneck,
    check_depths,
    check_dilations,
    check_option,
)
from .staged import StagedBackbone

BLOCKS = ("basic", "bottleneck")


@dataclass(frozen=True, slots=True)
class ResNetBackbone(StagedBackbone):
    """Declare a ResNet (He et al. 2016) or ResNeXt (Xie et al. 2017), dilated as in CR-NAS.

    Stage ``i`` has ``base_channels * 2**i`` planes; a bottleneck gives four times as many.

    Attributes:
        block: ``basic`` (two 3x3 convolutions) or ``bottleneck`` (1x1, 3x3, 1x1).
        depths: Blocks of the four stages, at strides 4, 8, 16 and 32.
        dilations: One rate of 1..3 per block, one tuple per stage, or ``None`` for 1 everywhere.
            It dilates the 3x3 convolution of a bottleneck and the second one of a basic block.
        base_channels: Width of the stem and planes of the first stage.
        groups: Of the bottleneck's 3x3 convolution: 32 in ResNeXt 32x4d.
        group_width: Channels of one group where the planes are 64: 4 in ResNeXt 32x4d.
        norm: ``bn``, ``gn`` or ``gn_ws``.
        branches: Whether a node's name says its stage's depth, so that a supernet keeps one
            branch per depth (CR-NAS, stage reallocation).

    Raises:
        ModuleSpecError: No such network exists.
    """

    block: str
    depths: tuple[int, ...] = (3, 4, 6, 3)
    dilations: tuple[tuple[int, ...], ...] | None = None
    base_channels: int = 64
    groups: int = 1
    group_width: int = 64
    norm: str = "bn"
    branches: bool = False

    def __post_init__(self) -> None:
        check_option("ResNetBackbone.block", self.block, BLOCKS)
        check_option("ResNetBackbone.norm", self.norm, NORMS)
        check_depths("ResNetBackbone", self.depths, STAGES)
        check_dilations("ResNetBackbone", self.dilations, self.depths)
        self._check_widths()

    def _check_widths(self) -> None:
        widths = (self.base_channels, self.groups, self.group_width)
        if any(type(width) is not int or width < 1 for width in widths):
            raise ModuleSpecError(
                "base_channels, groups and group_width of a ResNetBackbone must be ints >= 1, "
                f"got {widths}"
            )
        if self.block == "basic" and (self.groups, self.group_width) != (1, WIDTH_UNIT):
            raise ModuleSpecError(
                f"basic blocks have groups=1 and group_width={WIDTH_UNIT}, got {self.groups} and "
                f"{self.group_width}; grouped convolutions need block='bottleneck'"
            )
        if self.base_channels * self.group_width < WIDTH_UNIT:
            raise ModuleSpecError(
                f"base_channels * group_width must be at least {WIDTH_UNIT} so that a group has "
                f"a channel, got {self.base_channels} * {self.group_width}"
            )

    def _stem(self, graph: GraphBuilder, image: Ref) -> Ref:
        return graph.add(
            "backbone_stem",
            "backbone",
            "resnet_stem",
            [image],
            in_channels=image[1].shape[1],
            out_channels=self.base_channels,
            norm=self.norm,
        )[0]

    def _stage(self, graph: GraphBuilder, name: str, part: str, x: Ref, stage: int) -> Ref:
        planes, depth = self.base_channels * 2**stage, self.depths[stage]
        rates = self.dilations[stage] if self.dilations else (1,) * depth
        prefix = f"{name}_n{depth}" if self.branches else name
        stride = 2 if stage else 1
        for block, dilation in enumerate(rates):
            place = graph, f"{prefix}_b{block}", part, x
            x = self._block(*place, planes, 1 if block else stride, dilation)
        return x

    def _block(
        self,
        graph: GraphBuilder,
        name: str,
        part: str,
        x: Ref,
        planes: int,
        stride: int,
        dilation: int,
    ) -> Ref:
        if self.block == "basic":
            return basic_block(
                graph, name, part, x, planes, stride=stride, dilation=dilation, norm=self.norm
            )
        return bottleneck(
            graph,
            name,
            part,
            x,
            planes,
            groups=self.groups,
            group_width=self.group_width,
            stride=stride,
            dilation=dilation,
            norm=self.norm,
        )
