"""The coded backbones of SM-NAS' modular search."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ModuleSpecError
from ..kinds.base import NORMS
from .base import STAGES, GraphBuilder, Ref
from .residual import WIDTH_UNIT, basic_block, bottleneck, check_option, inverted_residual
from .staged import StagedBackbone, conv

CODED_BLOCKS = ("basicblock", "bottleneck", "Xbottleneck", "MBblock")
"""Block types of SM-NAS, stage two; the last two are ResNeXt's (32x4d) and MobileNetV2's."""

_GROUPS, _GROUP_WIDTH = 32, 4  # ResNeXt 32x4d, table 1
_MB_EXPANSION = 6  # MobileNetV2, table 2
_SYMBOLS = frozenset("12")


@dataclass(frozen=True, slots=True)
class CodedBackbone(StagedBackbone):
    """Declare a backbone in SM-NAS' notation, ``basicblock_64_1-21-21-12`` (Yao et al. 2020).

    Two 3x3 convolutions of stride 2 lead to ``base_channels`` at stride 4. In a group ``1`` is a
    regular block and ``2`` one that doubles the channels; every group but the first begins with
    stride 2. Bottlenecks give four times their planes.

    Attributes:
        block: One of :data:`CODED_BLOCKS`.
        base_channels: Channels (planes) before the first doubling; even.
        groups: Blocks of the four stages, at strides 4, 8, 16 and 32, as text of ``1`` and ``2``.
        norm: ``bn``, ``gn`` or ``gn_ws``.

    Raises:
        ModuleSpecError: No such network exists.
    """

    block: str
    base_channels: int
    groups: tuple[str, ...]
    norm: str = "bn"

    def __post_init__(self) -> None:
        check_option("CodedBackbone.block", self.block, CODED_BLOCKS)
        check_option("CodedBackbone.norm", self.norm, NORMS)
        self._check_groups()
        base: object = self.base_channels
        least = WIDTH_UNIT // _GROUP_WIDTH if self.block == "Xbottleneck" else 2
        if not isinstance(base, int) or type(base) is bool or base < least or base % 2:
            raise ModuleSpecError(
                f"CodedBackbone.base_channels must be an even int >= {least} with {self.block}, "
                f"got {base!r}"
            )

    def _check_groups(self) -> None:
        groups: object = self.groups
        if not isinstance(groups, tuple) or len(groups) != STAGES:
            raise ModuleSpecError(
                f"CodedBackbone.groups must be a tuple of {STAGES} texts such as "
                f"('1', '21', '21', '12'), got {groups!r}"
            )
        for index, group in enumerate(groups):
            if not isinstance(group, str) or not group or not _SYMBOLS.issuperset(group):
                raise ModuleSpecError(
                    f"CodedBackbone.groups[{index}] must be one or more of 1 (block) and 2 (block "
                    f"that doubles the channels), got {group!r}"
                )

    def _stem(self, graph: GraphBuilder, image: Ref) -> Ref:
        x, active = image, "relu6" if self.block == "MBblock" else "relu"
        for index, channels in enumerate((self.base_channels // 2, self.base_channels)):
            name = f"backbone_stem{index}"
            x = conv(graph, name, "backbone", x, channels, norm=self.norm, activation=active)
        return x

    def _stage(self, graph: GraphBuilder, name: str, part: str, x: Ref, stage: int) -> Ref:
        doublings = sum(group.count("2") for group in self.groups[:stage])
        planes = self.base_channels * 2**doublings
        for block, symbol in enumerate(self.groups[stage]):
            planes *= int(symbol)
            stride = 2 if stage and not block else 1
            x = self._block(graph, f"{name}_b{block}", part, x, planes, stride)
        return x

    def _block(
        self, graph: GraphBuilder, name: str, part: str, x: Ref, planes: int, stride: int
    ) -> Ref:
        place = graph, name, part, x
        if self.block == "MBblock":
            return inverted_residual(
                *place, planes, expansion=_MB_EXPANSION, stride=stride, norm=self.norm
            )
        if self.block == "basicblock":
            return basic_block(*place, planes, stride=stride, norm=self.norm)
        groups, width = 1, WIDTH_UNIT
        if self.block == "Xbottleneck":
            groups, width = _GROUPS, _GROUP_WIDTH
        return bottleneck(
            *place, planes, groups=groups, group_width=width, stride=stride, norm=self.norm
        )
