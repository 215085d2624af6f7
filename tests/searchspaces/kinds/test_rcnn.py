import pytest

from searchspaces import Cost, ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from tests.searchspaces.reference_layers import BoxHead, observe

BOXES = TensorSpec((2, 30, 4))
MAPS = tuple(TensorSpec((2, 12, *hw)) for hw in ((84, 125), (42, 63), (21, 32), (11, 16)))


def roi_align(inputs=(*MAPS, BOXES), **changes):
    params = {
        "channels": 12,
        "size": 7,
        "sampling": 2,
        "strides": "4:8:16:32",
        "canonical_size": 224,
        "canonical_level": 4,
    }
    return ModuleSpec.of("roi_align", inputs, batch=2, **{**params, **changes})


def box_head(shape=(60, 12, 7, 7), **changes):
    params = {
        "num_convs": 4,
        "conv_channels": 20,
        "num_fcs": 1,
        "fc_channels": 32,
        "average": 0,
        "norm": "bn",
        "num_classes": 5,
        "class_agnostic": 0,
    }
    params |= changes
    if not params["num_convs"]:
        params |= {"conv_channels": 0, "norm": "none"} | changes
    if not params["num_fcs"]:
        params |= {"fc_channels": 0} | changes
    return ModuleSpec.of("box_head", [TensorSpec(shape)], batch=2, **params)


def detections(inputs=None, **changes):
    params = {
        "num_classes": 5,
        "class_agnostic": 0,
        "std_xy": 0.1,
        "std_wh": 0.2,
        "image_h": 333,
        "image_w": 500,
        "score_threshold": 0.05,
        "nms_iou": 0.5,
        "max_detections": 10,
        "pre_nms": 20,
    }
    predicted = outputs_of(box_head())
    inputs = (*predicted, BOXES, TensorSpec((2,), "int64")) if inputs is None else inputs
    return ModuleSpec.of("rcnn_detections", inputs, batch=2, **{**params, **changes})


@pytest.mark.parametrize("agnostic", [0, 1])
@pytest.mark.parametrize("classes", [1, 80])
@pytest.mark.parametrize(
    ("convs", "fcs", "norm"),
    [
        *((4, 1, norm) for norm in ("none", "bn", "gn", "gn_ws")),
        (2, 0, "none"),
        (2, 0, "gn"),
        (0, 2, "none"),
        (0, 0, "none"),
    ],
)
def test_box_head_counts_as_torch_does(norm, agnostic, classes, convs, fcs):
    spec = box_head(
        num_convs=convs, num_fcs=fcs, norm=norm, num_classes=classes, class_agnostic=agnostic
    )
    shapes, cost = observe(
        lambda: BoxHead(12, 7, convs, 20, fcs, 32, norm, classes, agnostic),
        [t.shape for t in spec.inputs],
    )
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert cost_of(spec) == cost


@pytest.mark.parametrize("fcs", [0, 1, 2])
@pytest.mark.parametrize("agnostic", [0, 1])
def test_box_head_of_a_mean_counts_as_torch_does(fcs, agnostic):
    spec = box_head(num_convs=0, num_fcs=fcs, average=1, class_agnostic=agnostic)
    shapes, cost = observe(
        lambda: BoxHead(12, 1, 0, 20, fcs, 32, "none", 5, agnostic, average=True),
        [t.shape for t in spec.inputs],
    )
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert cost_of(spec) == cost


def test_box_head_refusals():
    with pytest.raises(ModuleSpecError, match="norm must be one of none, bn, gn, gn_ws, got 'ln'"):
        cost_of(box_head(norm="ln"))
    with pytest.raises(ModuleSpecError, match=r"mean .* has no convolutions, got num_convs=4"):
        cost_of(box_head(average=1))
    with pytest.raises(ModuleSpecError, match=r"takes one \(rows, c, h, w\) tensor, got 60x12"):
        cost_of(box_head(shape=(60, 12)))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"num_convs": 0, "conv_channels": 20}, "num_convs and conv_channels .* got 0 and 20"),
        ({"num_convs": 2, "conv_channels": 0}, "num_convs and conv_channels .* got 2 and 0"),
        ({"num_convs": -1, "conv_channels": -1}, "above 0, or both 0 .* got -1 and -1"),
        ({"num_fcs": 0, "fc_channels": 32}, "num_fcs and fc_channels .* got 0 and 32"),
        ({"num_fcs": 1, "fc_channels": 0}, "num_fcs and fc_channels .* got 1 and 0"),
        ({"num_convs": 0, "norm": "bn"}, "without convolutions .* norm must be none, got bn"),
    ],
)
def test_a_head_can_be_written_in_one_way_only(changes, match):
    with pytest.raises(ModuleSpecError, match=match):
        cost_of(box_head(**changes))


def test_roi_align_gives_one_row_a_box():
    assert outputs_of(roi_align()) == (TensorSpec((60, 12, 7, 7)),)
    assert cost_of(roi_align()) == Cost()


@pytest.mark.parametrize(
    "changes",
    [
        {"strides": "4:8:16"},
        {"channels": 16},
        {"inputs": MAPS},
        {"inputs": (BOXES,), "strides": "4"},
        {"inputs": (*MAPS, TensorSpec((2, 30)))},
        {"inputs": (*MAPS, TensorSpec((2, 30, 5)))},
        {"inputs": (*MAPS, TensorSpec((4, 30, 4)))},
    ],
)
def test_roi_aligns_that_cannot_exist_are_refused(changes):
    with pytest.raises(ModuleSpecError, match="roi_align takes an"):
        outputs_of(roi_align(**changes))


def test_refined_boxes_are_as_many():
    spec = ModuleSpec.of("refine_boxes", [TensorSpec((60, 4)), BOXES], batch=2)
    assert outputs_of(spec) == (BOXES,)
    assert cost_of(spec) == Cost()


@pytest.mark.parametrize(
    "inputs",
    [
        (BOXES,),
        (TensorSpec((60, 20)), BOXES),
        (TensorSpec((58, 4)), BOXES),
        (TensorSpec((60, 4)), TensorSpec((60, 4))),
        (TensorSpec((60, 4)), TensorSpec((2, 30, 5))),
        (TensorSpec((60, 4)), BOXES, BOXES),
    ],
)
def test_refinements_that_cannot_exist_are_refused(inputs):
    with pytest.raises(ModuleSpecError, match=r"refine_boxes takes deltas \(n \* boxes, 4\)"):
        outputs_of(ModuleSpec.of("refine_boxes", inputs, batch=2))


@pytest.mark.parametrize("stages", [2, 3, 4])
def test_average_scores_are_one_stages(stages):
    logits = TensorSpec((60, 6))
    spec = ModuleSpec.of("average_scores", [logits] * stages, batch=2)
    assert outputs_of(spec) == (logits,)
    assert cost_of(spec) == Cost()


@pytest.mark.parametrize(
    "inputs",
    [
        (TensorSpec((60, 6)),),
        (TensorSpec((60, 6)), TensorSpec((60, 7))),
        (BOXES, BOXES),
    ],
)
def test_averages_that_cannot_exist_are_refused(inputs):
    with pytest.raises(ModuleSpecError, match="average_scores takes two or more equal"):
        outputs_of(ModuleSpec.of("average_scores", inputs, batch=2))


def test_detections_are_what_every_detector_gives():
    boxes, scores, labels, count = outputs_of(detections())
    assert boxes == TensorSpec((2, 10, 4))
    assert scores == TensorSpec((2, 10))
    assert labels == TensorSpec((2, 10), "int64")
    assert count == TensorSpec((2,), "int64")
    assert cost_of(detections()) == Cost()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"num_classes": 6}, "takes 60x7, 60x24, 2x30x4, 2:int64, got 60x6, 60x20, 2x30x4"),
        ({"class_agnostic": 1}, "takes 60x6, 60x4,"),
        ({"inputs": outputs_of(box_head())}, "got 60x6, 60x20$"),
    ],
)
def test_detections_that_cannot_exist_are_refused(changes, match):
    with pytest.raises(ModuleSpecError, match=match):
        outputs_of(detections(**changes))
