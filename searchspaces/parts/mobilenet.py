"""The MobileNetV2 backbones of SM-NAS and CR-NAS."""

from __future__ import annotations

from dataclasses import dataclass

from ..kinds.base import NORMS
from .base import STAGES, GraphBuilder, Ref
from .residual import check_depths, check_dilations, check_option, inverted_residual
from .staged import StagedBackbone, conv

STEM_CHANNELS = 32
GROUPS: tuple[tuple[int, int, int], ...] = (
    (1, 16, 1),
    (6, 24, 2),
    (6, 32, 2),
    (6, 64, 2),
    (6, 96, 1),
    (6, 160, 2),
    (6, 320, 1),
)
"""MobileNetV2, table 2: (expansion, channels, stride of the first block) of every group."""

STAGE_GROUPS: tuple[tuple[int, ...], ...] = ((0, 1), (2,), (3, 4), (5, 6))
"""The groups of each stage: those of one stride, the stem's stride 2 counted to the first."""

LAST_CHANNELS = 1280


@dataclass(frozen=True, slots=True)
class MobileNetV2Backbone(StagedBackbone):
    """Declare a MobileNetV2 (Sandler et al. 2018), dilated as in CR-NAS.

    Its maps have 24, 32, 96 and 1280 channels at strides 4, 8, 16 and 32. The last stage ends in
    the network's last 1x1 convolution (320 -> 1280): detectors with a pyramid take their coarsest
    map behind it, in mmdetection (``out_indices=(1, 2, 4, 7)``) as in torchvision, and CR-NAS'
    stage code has an entry for it.

    Attributes:
        depths: Blocks of the seven groups of table 2.
        dilations: One rate of 1..3 per block, one tuple per group, or ``None`` for 1 everywhere.
            It dilates the depthwise convolution.
        norm: ``bn``, ``gn`` or ``gn_ws``.
        branches: Whether a node's name says its group's depth, so that a supernet keeps one
            branch per depth.

    Raises:
        ModuleSpecError: No such network exists.
    """

    depths: tuple[int, ...] = (1, 2, 3, 4, 3, 3, 1)
    dilations: tuple[tuple[int, ...], ...] | None = None
    norm: str = "bn"
    branches: bool = False

    def __post_init__(self) -> None:
        check_option("MobileNetV2Backbone.norm", self.norm, NORMS)
        check_depths("MobileNetV2Backbone", self.depths, len(GROUPS))
        check_dilations("MobileNetV2Backbone", self.dilations, self.depths)

    def _stem(self, graph: GraphBuilder, image: Ref) -> Ref:
        return self._conv(graph, "backbone_stem", "backbone", image, STEM_CHANNELS)

    def _stage(self, graph: GraphBuilder, name: str, part: str, x: Ref, stage: int) -> Ref:
        for group in STAGE_GROUPS[stage]:
            x = self._group(graph, f"{name}_g{group}", part, x, group)
        if stage < STAGES - 1:
            return x
        return self._conv(graph, f"{name}_last", part, x, LAST_CHANNELS, kernel=1, stride=1)

    def _conv(
        self,
        graph: GraphBuilder,
        name: str,
        part: str,
        x: Ref,
        out: int,
        *,
        kernel: int = 3,
        stride: int = 2,
    ) -> Ref:
        return conv(
            graph,
            name,
            part,
            x,
            out,
            kernel=kernel,
            stride=stride,
            norm=self.norm,
            activation="relu6",
        )

    def _group(self, graph: GraphBuilder, name: str, part: str, x: Ref, group: int) -> Ref:
        expansion, channels, stride = GROUPS[group]
        depth = self.depths[group]
        rates = self.dilations[group] if self.dilations else (1,) * depth
        prefix = f"{name}_n{depth}" if self.branches else name
        for block, dilation in enumerate(rates):
            x = inverted_residual(
                graph,
                f"{prefix}_b{block}",
                part,
                x,
                channels,
                expansion=expansion,
                stride=1 if block else stride,
                dilation=dilation,
                norm=self.norm,
            )
        return x
