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
NORMS = {"bn": "none", "gn": "gn", "gn_ws": "gn_ws"}
"""Norm of the backbone -> norm of pyramid, RetinaNet's towers and masks, none beside BN.

NAS-FPN's neck, which has a normalisation always, has the backbone's. The linear layers of the box
head have none.
"""


def around(head: str, proposals: int | None, norm: str = "bn") -> tuple[Neck, Rpn | None, Head]:
    """Return neck, RPN and head.

    Args:
        head: One of :data:`HEADS`.
        proposals: Boxes given to the second stage; ``None`` for 1000.
        norm: A key of :data:`NORMS`.

    Raises:
        SearchSpaceError: The head is unknown, or a one-stage head is given proposals.
    """
    check_head(head, HEADS, proposals)
    inner = NORMS[norm]
    if head == "retinanet":
        pyramid = Fpn(first=1, extra="conv", extra_levels=2, norm=inner)
        return pyramid, None, RetinaNetHead(norm=inner)
    cascade = head.startswith("cascade")
    second = BoxHead(
        num_convs=0,
        num_fcs=2,
        norm="none",
        class_agnostic=cascade,
        stage_stds=CASCADE_STDS[: CASCADE_STAGES if cascade else 1],
        mask=MaskBranch(norm=inner) if head.endswith("mask") else None,
    )
    neck, finest = (NasFpn(norm=norm), 8) if head == "nas-fpn" else (Fpn(norm=inner), 4)
    rpn = RegionProposals(
        anchor_scales=(ANCHOR_SIDE / finest,),
        post_nms=PROPOSALS if proposals is None else proposals,
    )
    return neck, rpn, second
