"""No pyramid: the backbone's stride-16 map alone."""

from __future__ import annotations

from dataclasses import dataclass

from .base import STAGES, GraphBuilder, Ref

C4_ANCHOR_SCALES = (2.0, 4.0, 8.0, 16.0, 32.0)
"""Anchor sides in strides of the one level: 32 to 512 pixels (mmdetection,
``configs/_base_/models/faster-rcnn_r50-caffe-c4.py``)."""


@dataclass(frozen=True, slots=True)
class SingleLevel:
    """Give the stride-16 map as the one level, without a module of its own.

    This is the layout of Faster R-CNN before pyramids (C4, He et al., ResNet, CVPR 2016, appendix
    A): the backbone's last stage is not run on the image; ``BoxHead(roi_stage=True)`` runs it on
    every box.
    """

    @property
    def stages(self) -> int:
        """Return how many of the backbone's stages it needs: all but the last."""
        return STAGES - 1

    def build(self, graph: GraphBuilder, features: list[Ref]) -> list[Ref]:
        """Return the stride-16 map."""
        return [features[self.stages - 1]]
