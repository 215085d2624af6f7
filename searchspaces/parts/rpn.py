"""The region proposal network as a part."""

from __future__ import annotations

from dataclasses import dataclass

from .base import GraphBuilder, Ref, anchor_params


@dataclass(frozen=True, slots=True)
class RegionProposals:
    """Declare an RPN (Ren et al. 2015; per-level selection as in FPN).

    Attributes:
        anchor_scales: Anchor sides in strides of their level.
        ratios: Height/width ratios.
        pre_nms: Best anchors taken from every level before NMS.
        post_nms: Proposals given, padded.
        nms_iou: Overlap above which the lesser box goes.
    """

    anchor_scales: tuple[float, ...] = (8.0,)
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    pre_nms: int = 1000
    post_nms: int = 1000
    nms_iou: float = 0.7

    def build(self, graph: GraphBuilder, levels: list[Ref]) -> list[Ref]:
        """Append head and selection; return boxes and their count."""
        scores = graph.add(
            "rpn_head",
            "rpn",
            "rpn_head",
            levels,
            channels=levels[0][1].shape[1],
            num_anchors=len(self.anchor_scales) * len(self.ratios),
        )
        return graph.add(
            "proposals",
            "rpn",
            "proposals",
            scores,
            **anchor_params(graph, levels, self.anchor_scales, self.ratios),
            pre_nms=self.pre_nms,
            post_nms=self.post_nms,
            nms_iou=self.nms_iou,
        )
