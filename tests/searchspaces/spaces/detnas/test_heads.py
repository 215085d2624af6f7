import pytest

from searchspaces import Fpn, SearchSpaceError
from searchspaces.spaces.detnas.heads import HEADS, around
from searchspaces.spaces.detnas.layouts import LAYOUTS


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("layout", LAYOUTS.values())
def test_widths_around_the_backbone_are_the_layouts(layout, head):
    neck, rpn, second = around(layout, head, None)
    assert isinstance(neck, Fpn)
    assert (neck.channels, neck.norm) == (layout.pyramid, "bn")
    assert second.num_convs == layout.head_convs
    assert (rpn is None) == (head == "retinanet")


def test_two_stages_take_the_proposals_asked_for():
    layout = LAYOUTS["detnas-large"]
    assert around(layout, "fpn", None)[1].post_nms == layout.proposals == 1000
    assert around(layout, "fpn", 37)[1].post_nms == 37


def test_one_stage_starts_at_half_the_anchor():
    head = around(LAYOUTS["detnas-nano"], "retinanet", None)[2]
    assert head.anchor_scales[0] == 3.0


@pytest.mark.parametrize(
    ("head", "proposals", "match"),
    [("yolo", None, "is not one of fpn, retinanet"), ("retinanet", 9, "has no second stage")],
)
def test_what_does_not_fit_is_refused(head, proposals, match):
    with pytest.raises(SearchSpaceError, match=match):
        around(LAYOUTS["detnas-nano"], head, proposals)
