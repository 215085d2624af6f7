import pytest

from searchspaces import ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from tests.searchspaces.reference_layers import RpnHead, observe

LEVELS = ((84, 125), (42, 63), (21, 32), (11, 16), (6, 8))


def rpn_head(batch=2, channels=12, given=12):
    inputs = [TensorSpec((batch, given, *hw)) for hw in LEVELS]
    return ModuleSpec.of("rpn_head", inputs, batch=batch, channels=channels, num_anchors=3)


def proposals(inputs=None, **changes):
    params = {
        "image_h": 333,
        "image_w": 500,
        "strides": "4:8:16:32:64",
        "heights": ":".join(str(h) for h, _ in LEVELS),
        "widths": ":".join(str(w) for _, w in LEVELS),
        "anchor_scales": "8",
        "ratios": "0.5:1:2",
        "pre_nms": 100,
        "post_nms": 50,
        "nms_iou": 0.7,
    }
    inputs = outputs_of(rpn_head()) if inputs is None else inputs
    return ModuleSpec.of("proposals", inputs, batch=2, **{**params, **changes})


def test_rpn_head_counts_as_torch_does():
    spec = rpn_head()
    shapes, cost = observe(lambda: RpnHead(12, 3), [t.shape for t in spec.inputs])
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert shapes[0] == (2, 3 * sum(h * w for h, w in LEVELS))
    assert cost_of(spec) == cost


def test_rpn_head_refuses_maps_of_other_channels():
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match="maps of 16, 16, 16, 16, 16 channels"):
            count(rpn_head(channels=16))


def test_proposals_are_padded_boxes_and_a_count():
    boxes, count = outputs_of(proposals())
    assert boxes == TensorSpec((2, 50, 4))
    assert count == TensorSpec((2,), "int64")
    assert cost_of(proposals()).macs == cost_of(proposals()).params == 0


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"anchor_scales": "8:16"}, "takes 2x84252, 2x84252x4, got 2x42126, 2x42126x4"),
        ({"ratios": "1"}, "over 14042 anchors"),
        ({"heights": "84:42:21:11:7"}, "anchors takes"),
        ({"strides": "4:8"}, "must name the same levels"),
        ({"post_nms": 0}, ">= 1"),
        ({"inputs": [TensorSpec((2, 42126))]}, "got 2x42126$"),
    ],
)
def test_proposals_that_cannot_exist_are_refused(changes, match):
    with pytest.raises(ModuleSpecError, match=match):
        outputs_of(proposals(**changes))
