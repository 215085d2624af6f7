"""What stands around the backbones of the DetNAS spaces.

Source: DetNAS (Chen et al., NeurIPS 2019): FPN with the 4conv1fc head, or RetinaNet.
Pyramid and box head are normalised, because the paper trains with synchronised batch
normalisation; RetinaNet's towers are not.
"""

from __future__ import annotations

from ...parts import BoxHead, Fpn, Head, Neck, RegionProposals, RetinaNetHead, Rpn, octave_scales
from ..options import check_head
from .layouts import DetNasLayout

HEADS = ("fpn", "retinanet")


def around(
    layout: DetNasLayout, head: str, proposals: int | None
) -> tuple[Neck, Rpn | None, Head]:
    """Return neck, RPN and head.

    Args:
        layout: Widths and counts.
        head: One of :data:`HEADS`.
        proposals: Boxes given to the second stage; ``None`` takes the layout's own.

    Raises:
        SearchSpaceError: The head is unknown, or RetinaNet is given proposals.
    """
    check_head(head, HEADS, proposals)
    if head == "fpn":
        return Fpn(layout.pyramid, norm="bn"), *_two_stage(layout, proposals)
    neck = Fpn(layout.pyramid, first=1, extra="conv", extra_levels=2, norm="bn")
    return neck, None, _one_stage(layout)


def _one_stage(layout: DetNasLayout) -> RetinaNetHead:
    return RetinaNetHead(
        channels=layout.pyramid,
        num_convs=layout.head_convs,
        anchor_scales=octave_scales(layout.anchor_scale / 2),
        pre_nms=layout.candidates,
    )


def _two_stage(layout: DetNasLayout, proposals: int | None) -> tuple[RegionProposals, BoxHead]:
    rpn = RegionProposals(
        anchor_scales=(layout.anchor_scale,),
        pre_nms=layout.candidates,
        post_nms=layout.proposals if proposals is None else proposals,
    )
    head = BoxHead(
        num_convs=layout.head_convs,
        conv_channels=layout.pyramid,
        fc_channels=layout.hidden,
        pre_nms=layout.candidates,
    )
    return rpn, head
