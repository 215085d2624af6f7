"""What CR-NAS puts around its backbones.

Source: Computation Reallocation for object detection (Liang et al., ICLR 2020): Faster R-CNN
with FPN and two linear layers; transfers to Mask and Cascade Mask R-CNN and to NAS-FPN.
"""

from __future__ import annotations

from ...parts import (
    CASCADE_STDS,
    BoxHead,
    Fpn,
    Head,
    MaskBranch,
    NasFpn,
    Neck,
    RegionProposals,
    RetinaNetHead,
    Rpn,
)
from ..options import check_head

HEADS = ("fpn", "cascade", "mask", "cascade-mask", "nas-fpn", "retinanet")
PROPOSALS = 1000
ANCHOR_SIDE = 32.0  # pixels, on the finest level: FPN's
CASCADE_STAGES = 3


def around(head: str, proposals: int | None) -> tuple[Neck, Rpn | None, Head]:
    """Return neck, RPN and head.

    Args:
        head: One of :data:`HEADS`.
        proposals: Boxes given to the second stage; ``None`` for 1000.

    Raises:
        SearchSpaceError: The head is unknown, or a one-stage head is given proposals.
    """
    check_head(head, HEADS, proposals)
    if head == "retinanet":
        return Fpn(first=1, extra="conv", extra_levels=2), None, RetinaNetHead()
    cascade = head.startswith("cascade")
    second = BoxHead(
        num_convs=0,
        num_fcs=2,
        norm="none",
        class_agnostic=cascade,
        stage_stds=CASCADE_STDS[: CASCADE_STAGES if cascade else 1],
        mask=MaskBranch() if head.endswith("mask") else None,
    )
    neck, finest = (NasFpn(), 8) if head == "nas-fpn" else (Fpn(), 4)
    rpn = RegionProposals(
        anchor_scales=(ANCHOR_SIDE / finest,),
        post_nms=PROPOSALS if proposals is None else proposals,
    )
    return neck, rpn, second
