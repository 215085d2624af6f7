"""RetinaNet's head as a part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import GraphBuilder, Ref, anchor_params


def octave_scales(scale: float, octaves: int = 3) -> tuple[float, ...]:
    """Return RetinaNet's anchor sides (sec. 4): ``octaves`` steps from a scale to its double.

    Example:
        >>> [round(side, 2) for side in octave_scales(4.0)]
        [4.0, 5.04, 6.35]
    """
    return tuple(scale * 2 ** (octave / octaves) for octave in range(octaves))


@dataclass(frozen=True, slots=True)
class RetinaNetHead:
    """Declare the one-stage head of RetinaNet (Lin et al. 2017).

    Attributes:
        channels: Width of both towers.
        num_convs: Convolutions of each tower.
        norm: After each of them: ``none``, ``bn``, ``gn`` or ``gn_ws``.
        anchor_scales: Anchor sides in strides of their level.
        ratios: Height/width ratios.
        score_threshold: Detections below it are not given.
        nms_iou: Overlap above which the lesser box of a class goes.
        max_detections: Rows of the outputs.
        pre_nms: Best (anchor, class) pairs taken from every level before NMS.
    """

    channels: int = 256
    num_convs: int = 4
    norm: str = "none"
    anchor_scales: tuple[float, ...] = octave_scales(4.0)
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    score_threshold: float = 0.05
    nms_iou: float = 0.5
    max_detections: int = 100
    pre_nms: int = 1000
    needs_proposals: ClassVar[bool] = False

    def build(self, graph: GraphBuilder, levels: list[Ref], proposals: list[Ref]) -> list[Ref]:
        """Append the head and its detections."""
        predicted = graph.add(
            "retinanet_head",
            "head",
            "retinanet_head",
            levels,
            in_channels=levels[0][1].shape[1],
            channels=self.channels,
            num_convs=self.num_convs,
            num_anchors=len(self.anchor_scales) * len(self.ratios),
            num_classes=graph.num_classes,
            norm=self.norm,
        )
        return graph.add(
            "detections",
            "head",
            "retinanet_detections",
            predicted,
            **anchor_params(graph, levels, self.anchor_scales, self.ratios),
            num_classes=graph.num_classes,
            score_threshold=self.score_threshold,
            nms_iou=self.nms_iou,
            max_detections=self.max_detections,
            pre_nms=self.pre_nms,
        )
