import pytest

from searchspaces import (
    CodedBackbone,
    MobileNetV2Backbone,
    ResNetBackbone,
    ShuffleBackbone,
    TensorSpec,
)
from searchspaces.parts import STAGES, GraphBuilder

BACKBONES = [
    ResNetBackbone("basic", (1, 1, 2, 1)),
    MobileNetV2Backbone((1,) * 7),
    ShuffleBackbone(16, (32, 64, 96, 128), ((0,), (1,), (2, 3), (0,))),
    CodedBackbone("bottleneck", 16, ("1", "21", "2", "2")),
]


@pytest.fixture(params=BACKBONES, ids=lambda backbone: type(backbone).__name__)
def backbone(request):
    return request.param


def built(backbone, stages):
    graph = GraphBuilder((64, 96), 3, 1, "fp32", backbone)
    ends = backbone.build(graph, ("image", TensorSpec((1, 3, 64, 96))), stages)
    return graph, ends


def test_stages_end_at_strides_4_to_32(backbone):
    _, ends = built(backbone, STAGES)
    assert [t.shape[2:] for _, t in ends] == [(16, 24), (8, 12), (4, 6), (2, 3)]


@pytest.mark.parametrize("stages", range(STAGES))
def test_fewer_stages_are_the_first_ones(backbone, stages):
    (whole, ends), (short, first) = built(backbone, STAGES), built(backbone, stages)
    assert first == ends[:stages]
    assert short.nodes == whole.nodes[: len(short.nodes)]
    assert len(short.nodes) < len(whole.nodes)


def test_the_last_stage_runs_on_any_map_under_any_name(backbone):
    whole, _ = built(backbone, STAGES)
    short, first = built(backbone, STAGES - 1)
    backbone.build_last_stage(short, "again", "head", first[-1])
    pairs = list(zip(whole.nodes, short.nodes, strict=True))
    last = [pair for pair in pairs if pair[0] != pair[1]]
    assert last
    for of_image, again in last:
        assert again.spec == of_image.spec
        assert again.part == "head"
        assert again.name == of_image.name.replace("backbone_s4", "again")
