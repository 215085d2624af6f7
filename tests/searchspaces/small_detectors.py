"""Small detectors of both kinds, and a builder for parts of them."""

from searchspaces import (
    BoxHead,
    DetectorSpec,
    Fpn,
    RegionProposals,
    RetinaNetHead,
    ShuffleBackbone,
    TensorSpec,
)
from searchspaces.parts import GraphBuilder

BACKBONE = ShuffleBackbone(16, (32, 64, 128, 256), ((0,), (1, 2), (3,), (0, 0)))


def builder(hw=(64, 96), classes=3, batch=2, dtype="fp16"):
    return GraphBuilder(hw, classes, batch, dtype, BACKBONE)


def build_backbone(graph, backbone=BACKBONE, **options):
    image = ("image", TensorSpec((graph.batch, 3, *graph.input_hw)))
    return backbone.build(graph, image, **options)


def two_stage(hw, neck=None, rpn=None, head=None):
    neck, rpn, head = neck or Fpn(32), rpn or RegionProposals(), head or BoxHead()
    return DetectorSpec(hw, BACKBONE, neck, rpn, head, 3)


def one_stage(hw, neck=None, head=None):
    neck = neck or Fpn(32, first=1, extra="conv", extra_levels=2)
    return DetectorSpec(hw, BACKBONE, neck, None, head or RetinaNetHead(32), 3)


def spec_named(detector, name):
    return next(n.spec for n in detector.graph().nodes if n.name == name)
