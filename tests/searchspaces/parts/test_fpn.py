import pytest

from searchspaces import Fpn, ModuleSpecError
from tests.searchspaces.small_detectors import build_backbone, builder, spec_named, two_stage


@pytest.mark.parametrize(("first", "last"), [(4, 3), (-1, 3), (0, 4), (2, 1)])
def test_a_pyramid_takes_maps_that_exist(first, last):
    with pytest.raises(ModuleSpecError, match=f"of 0..3, got first={first}, last={last}"):
        Fpn(32, first=first, last=last)


@pytest.mark.parametrize(
    ("neck", "strides"),
    [
        (Fpn(32), (4, 8, 16, 32, 64)),
        (Fpn(32, extra="none", extra_levels=0), (4, 8, 16, 32)),
        (Fpn(32, first=1, extra="conv", extra_levels=2), (8, 16, 32, 64, 128)),
        (Fpn(32, first=1, last=2, extra="conv", extra_levels=3), (8, 16, 32, 64, 128)),
        (Fpn(32, last=0, extra="pool", extra_levels=2), (4, 8, 16)),
        (Fpn(32, first=2, last=2, extra="none", extra_levels=0), (16,)),
    ],
)
def test_a_pyramid_of_any_levels(neck, strides):
    detector = two_stage((333, 500), neck=neck)
    spec = spec_named(detector, "proposals")
    assert spec.get_ints("strides") == strides
    assert spec.get_ints("heights") == tuple(-(-333 // s) for s in strides)
    assert spec_named(detector, "roi_align").get_ints("strides") == strides[:4]


@pytest.mark.parametrize("last", [0, 1, 2, 3])
def test_stages_that_no_level_takes_are_not_built(last):
    nodes = two_stage((64, 64), neck=Fpn(32, last=last)).graph().nodes
    blocks = [n.name for n in nodes if n.part == "backbone"]
    graph = builder((64, 64))
    ends = build_backbone(graph, stages=last + 1)
    assert blocks == [n.name for n in graph.nodes]
    assert len(ends) == last + 1
    assert blocks[-1] == ends[-1][0]
    assert blocks[-1].startswith(f"backbone_s{last + 1}_")
