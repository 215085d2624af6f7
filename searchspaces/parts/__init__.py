"""The parts of a detector, declared; each lists the modules that it consists of.

A part appends its nodes to a :class:`GraphBuilder`, which threads the tensors. What a part
holds is what a researcher would write in a table: widths, counts, thresholds.
"""

from __future__ import annotations

from .base import STAGES, Backbone, GraphBuilder, Head, Neck, Ref, Rpn
from .coded import CODED_BLOCKS, CodedBackbone
from .fpn import Fpn
from .guided import GUIDED_STDS, GuidedRegionProposals
from .masks import MaskBranch
from .mobilenet import MobileNetV2Backbone
from .nas_fpn import NasFpn
from .rcnn import BOX_STDS, CASCADE_STDS, BoxHead, Masks
from .residual import DILATIONS
from .resnet import ResNetBackbone
from .retinanet import RetinaNetHead, octave_scales
from .rpn import RegionProposals
from .shuffle import SHUFFLE_OPS, ShuffleBackbone
from .single_level import C4_ANCHOR_SCALES, SingleLevel

__all__ = [
    "BOX_STDS",
    "C4_ANCHOR_SCALES",
    "CASCADE_STDS",
    "CODED_BLOCKS",
    "DILATIONS",
    "GUIDED_STDS",
    "SHUFFLE_OPS",
    "STAGES",
    "Backbone",
    "BoxHead",
    "CodedBackbone",
    "Fpn",
    "GraphBuilder",
    "GuidedRegionProposals",
    "Head",
    "MaskBranch",
    "Masks",
    "MobileNetV2Backbone",
    "NasFpn",
    "Neck",
    "Ref",
    "RegionProposals",
    "ResNetBackbone",
    "RetinaNetHead",
    "Rpn",
    "ShuffleBackbone",
    "SingleLevel",
    "octave_scales",
]
