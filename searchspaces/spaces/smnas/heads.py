"""What stands around the backbones of the SM-NAS spaces.

Source: SM-NAS (Yao et al., AAAI 2020); what the paper leaves out is decided in
docs/decisions/0010-smnas-spaces.md.
"""

from __future__ import annotations

from dataclasses import replace

from ...parts import (
    C4_ANCHOR_SCALES,
    CASCADE_STDS,
    GUIDED_STDS,
    BoxHead,
    Fpn,
    GuidedRegionProposals,
    Head,
    Neck,
    RegionProposals,
    RetinaNetHead,
    Rpn,
    SingleLevel,
    octave_scales,
)
from .structure import BACKBONE_LEVELS, CASCADES, Pyramid, Structure

USUAL_WIDTH = 256  # stands for a pyramid's where there is none
FC_PER_WIDTH = 4  # FPN's own proportion: linear layers of 1024 on a pyramid of 256
NORMS = {"bn": "none", "gn": "gn", "gn_ws": "gn_ws"}
"""Norm of the backbone -> norm of pyramid and RetinaNet towers, which have none beside BN."""


def around(
    structure: Structure, proposals: int | None = None, norm: str = "none"
) -> tuple[Neck, Rpn | None, Head]:
    """Return neck, RPN and head.

    Args:
        structure: Names them; RPN and head may contradict each other.
        proposals: Boxes that an RPN gives to the second stage; ``None`` for as many as is usual
            for its kind. Without RPN it says nothing.
        norm: Of the pyramid's convolutions and of RetinaNet's towers.
    """
    pyramid = structure.pyramid
    return (
        _neck(pyramid, norm),
        _rpn(pyramid, structure.rpn, proposals),
        _head(pyramid, structure, norm),
    )


def _neck(pyramid: Pyramid | None, norm: str) -> Neck:
    if pyramid is None:
        return SingleLevel()
    extra_levels = max(0, pyramid.last - BACKBONE_LEVELS)
    return Fpn(
        pyramid.width,
        first=pyramid.first - 1,
        last=min(pyramid.last, BACKBONE_LEVELS) - 1,
        extra="conv" if extra_levels else "none",
        extra_levels=extra_levels,
        norm=norm,
    )


def _rpn(pyramid: Pyramid | None, rpn: str, proposals: int | None) -> Rpn | None:
    if rpn == "none":
        return None
    if rpn == "garpn":
        guided = GuidedRegionProposals()
        return guided if proposals is None else replace(guided, post_nms=proposals)
    plain = RegionProposals() if pyramid else RegionProposals(anchor_scales=C4_ANCHOR_SCALES)
    return plain if proposals is None else replace(plain, post_nms=proposals)


def _head(pyramid: Pyramid | None, structure: Structure, norm: str) -> Head:
    """Return the head; its width follows the pyramid's (SM-NAS, stage two)."""
    width = pyramid.width if pyramid else USUAL_WIDTH
    if structure.head == "retinanet":
        return RetinaNetHead(
            channels=width,
            norm=norm,
            anchor_scales=octave_scales(4.0) if pyramid else C4_ANCHOR_SCALES,
        )
    stages = CASCADES.get(structure.head, 1)
    guided = structure.rpn == "garpn" and stages == 1
    return BoxHead(
        num_convs=0,
        num_fcs=2,
        fc_channels=FC_PER_WIDTH * width,
        norm="none",
        class_agnostic=stages > 1,
        stage_stds=GUIDED_STDS if guided else CASCADE_STDS[:stages],
        roi_stage=pyramid is None,
    )
