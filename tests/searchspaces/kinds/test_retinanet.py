import pytest

from searchspaces import ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from tests.searchspaces.reference_layers import RetinaHead, observe

LEVELS = ((42, 63), (21, 32), (11, 16), (6, 8), (3, 4))


def head(classes=5, channels=12, given=12, **changes):
    inputs = [TensorSpec((2, given, *hw)) for hw in LEVELS]
    params = {
        "in_channels": given,
        "num_convs": 4,
        "num_anchors": 9,
        "norm": "none",
        **changes,
    }
    return ModuleSpec.of(
        "retinanet_head", inputs, batch=2, channels=channels, num_classes=classes, **params
    )


def detections(inputs=None, **changes):
    params = {
        "num_classes": 5,
        "image_h": 333,
        "image_w": 500,
        "strides": "8:16:32:64:128",
        "heights": ":".join(str(h) for h, _ in LEVELS),
        "widths": ":".join(str(w) for _, w in LEVELS),
        "anchor_scales": "4:5:6.5",
        "ratios": "0.5:1:2",
        "score_threshold": 0.05,
        "nms_iou": 0.5,
        "max_detections": 10,
        "pre_nms": 20,
    }
    inputs = outputs_of(head()) if inputs is None else inputs
    return ModuleSpec.of("retinanet_detections", inputs, batch=2, **{**params, **changes})


@pytest.mark.parametrize("norm", ["none", "bn", "gn", "gn_ws"])
@pytest.mark.parametrize("classes", [1, 80])
@pytest.mark.parametrize("convs", [0, 1, 2, 4])
@pytest.mark.parametrize("given", [12, 20])
def test_retinanet_head_counts_as_torch_does(norm, classes, convs, given):
    spec = head(classes, given=given, norm=norm, num_convs=convs)
    shapes, cost = observe(
        lambda: RetinaHead(given, 12, convs, 9, classes, norm), [t.shape for t in spec.inputs]
    )
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert cost_of(spec) == cost


def test_retinanet_heads_that_cannot_exist_are_refused():
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match="maps of 8, 8, 8, 8, 8 channels, got"):
            count(head(in_channels=8))
        with pytest.raises(ModuleSpecError, match="one of none, bn, gn, gn_ws, got 'ln'"):
            count(head(norm="ln"))


def test_detections_are_what_every_detector_gives():
    assert list(map(str, outputs_of(detections()))) == ["2x10x4", "2x10", "2x10:int64", "2:int64"]
    assert cost_of(detections()).macs == 0


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"anchor_scales": "4:6"}, "over 21324 anchors takes 2x21324x5, 2x21324x4, got 2x31986x5"),
        ({"num_classes": 6}, "takes 2x31986x6, 2x31986x4, got"),
        ({"inputs": outputs_of(head())[:1]}, "got 2x31986x5$"),
        ({"ratios": "wide"}, "must list numbers"),
    ],
)
def test_detections_that_cannot_exist_are_refused(changes, match):
    with pytest.raises(ModuleSpecError, match=match):
        outputs_of(detections(**changes))
