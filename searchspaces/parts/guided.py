"""The region proposal network with guided anchoring as a part."""

from __future__ import annotations

from dataclasses import dataclass

from .base import GraphBuilder, Ref, anchor_params

GUIDED_STDS = ((0.05, 0.1),)
"""Box coding of a plain second stage behind guided anchors, which lie closer to the objects than
an RPN's: mmdetection, ``configs/guided_anchoring/ga-faster-rcnn_r50-caffe_fpn_1x_coco.py``."""


@dataclass(frozen=True, slots=True)
class GuidedRegionProposals:
    """Declare a GA-RPN: anchors predicted at every cell (Wang et al., CVPR 2019).

    The defaults are mmdetection's,
    ``configs/guided_anchoring/ga-faster-rcnn_r50-caffe_fpn_1x_coco.py``.

    Attributes:
        anchor_scale: Side, in strides of its level, of the square that is reshaped.
        deform_groups: Sets of offsets in the feature adaption; each serves as many channels.
        loc_threshold: Cells where an object is less probable than this give no anchor.
        pre_nms: Best anchors taken from every level before NMS.
        post_nms: Proposals given, padded; guided anchors need fewer than an RPN's.
        nms_iou: Overlap above which the lesser box goes.
    """

    anchor_scale: float = 8.0
    deform_groups: int = 4
    loc_threshold: float = 0.01
    pre_nms: int = 1000
    post_nms: int = 300
    nms_iou: float = 0.7

    def build(self, graph: GraphBuilder, levels: list[Ref]) -> list[Ref]:
        """Append head and selection; return boxes and their count."""
        predictions = graph.add(
            "rpn_head",
            "rpn",
            "guided_rpn_head",
            levels,
            channels=levels[0][1].shape[1],
            deform_groups=self.deform_groups,
        )
        return graph.add(
            "proposals",
            "rpn",
            "guided_proposals",
            predictions,
            **anchor_params(graph, levels, (self.anchor_scale,), (1.0,)),
            loc_threshold=self.loc_threshold,
            pre_nms=self.pre_nms,
            post_nms=self.post_nms,
            nms_iou=self.nms_iou,
        )
