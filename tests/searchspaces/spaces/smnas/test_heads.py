import pytest

from searchspaces import (
    BoxHead,
    DetectorSpec,
    Fpn,
    RegionProposals,
    RetinaNetHead,
    SingleLevel,
    octave_scales,
)
from searchspaces.parts import CASCADE_STDS, GuidedRegionProposals
from searchspaces.spaces.smnas.heads import around
from searchspaces.spaces.smnas.structure import BACKBONES, HEADS, NECKS, RPNS, SCHEMES, Structure


def parts(neck, rpn="rpn", head="2fc", **options):
    return around(Structure("resnet18", neck, rpn, head, "512x512"), **options)


def test_schemes_are_the_pairs_that_make_a_detector():
    """The oracle is the detector's own rule: an RPN exactly for heads that need proposals."""
    for rpn in RPNS:
        for head in HEADS:
            _, proposer, detects = parts("c4", rpn, head)
            fits = detects.needs_proposals == (proposer is not None)
            assert fits == ((rpn, head) in SCHEMES)


@pytest.mark.parametrize(
    ("neck", "stages", "strides"),
    [
        ("c4", 3, [16]),
        ("P1-P2@128", 2, [4, 8]),
        ("P1-P4@256", 4, [4, 8, 16, 32]),
        ("P2-P5@256", 4, [8, 16, 32, 64]),
        ("P1-P6@512", 4, [4, 8, 16, 32, 64, 128]),
        ("P3-P4@128", 4, [16, 32]),
        ("P4-P6@128", 4, [32, 64, 128]),
    ],
)
def test_levels_have_the_strides_of_their_names(neck, stages, strides):
    part, _, head = parts(neck, "none", "retinanet")
    assert part.stages == stages
    graph = DetectorSpec((768, 640), BACKBONES["resnet18"], part, None, head, 1).graph()
    towers = next(node.spec for node in graph.nodes if node.spec.kind == "retinanet_head")
    assert [t.shape[2:] for t in towers.inputs] == [(768 // s, 640 // s) for s in strides]
    # ResNet-18's stride-16 map has 256 channels.
    width = 256 if neck == "c4" else int(neck.partition("@")[2])
    assert {t.shape[1] for t in towers.inputs} == {width}


def test_every_pyramid_is_declared_by_its_name():
    for text, pyramid in NECKS.items():
        part, *_ = parts(text, norm="gn_ws")
        if pyramid is None:
            assert part == SingleLevel()
        else:
            assert isinstance(part, Fpn)
            taken = part.last - part.first + 1
            assert taken + part.extra_levels == pyramid.last - pyramid.first + 1
            assert (part.extra == "conv") == (part.extra_levels > 0)
            assert (part.channels, part.norm) == (pyramid.width, "gn_ws")


@pytest.mark.parametrize(("width", "hidden"), [(128, 512), (256, 1024), (512, 2048)])
def test_the_heads_channels_follow_the_pyramid(width, hidden):
    neck = f"P2-P5@{width}"
    box_head = BoxHead(num_convs=0, num_fcs=2, fc_channels=hidden, norm="none")
    assert parts(neck, head="2fc")[2] == box_head
    retina = parts(neck, head="retinanet")[2]
    assert retina == RetinaNetHead(channels=width, anchor_scales=octave_scales(4.0))
    assert parts(neck, head="retinanet", norm="gn_ws")[2].norm == "gn_ws"


@pytest.mark.parametrize("stages", [2, 3, 4])
@pytest.mark.parametrize("neck", ["c4", "P1-P5@128"])
def test_cascades_have_their_stages(stages, neck):
    head = parts(neck, head=f"cascade{stages}")[2]
    assert head.class_agnostic
    assert head.stage_stds == CASCADE_STDS[:stages]
    assert head.roi_stage == (neck == "c4")


def test_without_pyramid_the_last_stage_runs_on_boxes_and_anchors_span_all_sizes():
    assert parts("c4", head="2fc")[2].roi_stage
    assert not parts("c4", head="2fc")[2].class_agnostic
    assert parts("c4", "rpn")[1].anchor_scales == (2, 4, 8, 16, 32)
    assert parts("c4", head="retinanet")[2].anchor_scales == (2, 4, 8, 16, 32)
    assert parts("c4", head="retinanet")[2].channels == 256


def test_proposals_are_the_usual_ones_unless_given():
    assert parts("P2-P5@256", "none")[1] is None
    assert parts("P2-P5@256", "rpn")[1] == RegionProposals()
    assert parts("P2-P5@256", "rpn", proposals=37)[1] == RegionProposals(post_nms=37)
    assert parts("c4", "rpn", proposals=37)[1].post_nms == 37
    assert parts("P2-P5@256", "garpn")[1] == GuidedRegionProposals()
    assert parts("P2-P5@256", "garpn", proposals=37)[1] == GuidedRegionProposals(post_nms=37)
