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
NORMS = {"bn": "none", "gn": "gn", "gn_ws": "gn_ws"}
"""Norm of backbone, pyramid and box head -> that of RetinaNet's towers."""


def around(
    layout: DetNasLayout, head: str, proposals: int | None, norm: str = "bn"
) -> tuple[Neck, Rpn | None, Head]:
    """Return neck, RPN and head.

    Args:
        layout: Widths and counts.
        head: One of :data:`HEADS`.
        proposals: Boxes given to the second stage; ``None`` takes the layout's own.
        norm: A key of :data:`NORMS`.

    Raises:
        SearchSpaceError: The head is unknown, or RetinaNet is given proposals.
    """
    check_head(head, HEADS, proposals)
    if head == "fpn":
        return Fpn(layout.pyramid, norm=norm), *_two_stage(layout, proposals, norm)
    neck = Fpn(layout.pyramid, first=1, extra="conv", extra_levels=2, norm=norm)
    return neck, None, _one_stage(layout, NORMS[norm])


def _one_stage(layout: DetNasLayout, norm: str) -> RetinaNetHead:
    return RetinaNetHead(
        channels=layout.pyramid,
        num_convs=layout.head_convs,
        norm=norm,
        anchor_scales=octave_scales(layout.anchor_scale / 2),
        pre_nms=layout.candidates,
    )


def _two_stage(
    layout: DetNasLayout, proposals: int | None, norm: str
) -> tuple[RegionProposals, BoxHead]:
    rpn = RegionProposals(
        anchor_scales=(layout.anchor_scale,),
        pre_nms=layout.candidates,
        post_nms=layout.proposals if proposals is None else proposals,
    )
    head = BoxHead(
        num_convs=layout.head_convs,
        conv_channels=layout.pyramid,
        fc_channels=layout.hidden,
        norm=norm,
        pre_nms=layout.candidates,
    )
    return rpn, head
