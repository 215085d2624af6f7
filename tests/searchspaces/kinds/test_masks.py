import pytest
from torch import nn

from searchspaces import Cost, ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from tests.searchspaces.reference_layers import normed, observe

LABELS = TensorSpec((2, 15), "int64")
LOGITS = TensorSpec((30, 5, 28, 28))


class MaskHead(nn.Sequential):
    def __init__(self, c_in, convs, width, norm, classes):
        layers = []
        for i in range(convs):
            layers += [*normed(width if i else c_in, width, 3, 1, norm), nn.ReLU()]
        layers += [nn.ConvTranspose2d(width if convs else c_in, width, 2, 2), nn.ReLU()]
        super().__init__(*layers, nn.Conv2d(width, classes, 1))


def mask_head(shape=(30, 12, 14, 14), **changes):
    params = {"num_convs": 4, "channels": 20, "norm": "none", "num_classes": 5}
    return ModuleSpec.of("mask_head", [TensorSpec(shape)], batch=2, **{**params, **changes})


def mask_detections(*inputs, num_classes=5):
    return ModuleSpec.of("mask_detections", inputs, batch=2, num_classes=num_classes)


@pytest.mark.parametrize("norm", ["none", "bn", "gn", "gn_ws"])
@pytest.mark.parametrize("convs", [0, 1, 4])
@pytest.mark.parametrize("classes", [1, 80])
@pytest.mark.parametrize("hw", [(14, 14), (7, 9)])
def test_mask_head_counts_as_torch_does(norm, convs, classes, hw):
    spec = mask_head((30, 12, *hw), num_convs=convs, norm=norm, num_classes=classes)
    shapes, cost = observe(
        lambda: MaskHead(12, convs, 20, norm, classes), [t.shape for t in spec.inputs]
    )
    assert [t.shape for t in outputs_of(spec)] == shapes == [(30, classes, 2 * hw[0], 2 * hw[1])]
    assert cost_of(spec) == cost


def test_mask_head_of_the_paper():
    """Mask R-CNN's head on 100 boxes of 80 classes: 4 convolutions, deconvolution, predictor."""
    spec = ModuleSpec.of(
        "mask_head",
        [TensorSpec((100, 256, 14, 14))],
        num_convs=4,
        channels=256,
        norm="none",
        num_classes=80,
    )
    convs = 4 * 9 * 256 * 256 * 100 * 14 * 14
    upsampling, predictor = 256 * 256 * 100 * 28 * 28, 256 * 80 * 100 * 28 * 28
    assert cost_of(spec).macs == convs + upsampling + predictor
    assert cost_of(spec).params == 4 * (9 * 65536 + 256) + 4 * 65536 + 256 + 256 * 80 + 80


def test_mask_head_refusals():
    with pytest.raises(ModuleSpecError, match="norm must be one of none, bn, gn, gn_ws, got 'ln'"):
        cost_of(mask_head(norm="ln"))
    with pytest.raises(ModuleSpecError, match=r"takes one \(rows, c, h, w\) tensor, got 30x12"):
        cost_of(mask_head(shape=(30, 12)))


@pytest.mark.parametrize("heads", [1, 3])
def test_every_detection_has_one_mask(heads):
    spec = mask_detections(*[LOGITS] * heads, LABELS)
    assert outputs_of(spec) == (TensorSpec((2, 15, 28, 28)),)
    assert cost_of(spec) == Cost()


@pytest.mark.parametrize(
    "inputs",
    [
        (LABELS,),
        (LOGITS, TensorSpec((2, 15))),
        (LOGITS, TensorSpec((30,), "int64")),
        (LOGITS, TensorSpec((2, 16), "int64")),
        (TensorSpec((30, 4, 28, 28)), LABELS),
        (TensorSpec((30, 5, 28)), LABELS),
        (LOGITS, TensorSpec((30, 5, 14, 14)), LABELS),
    ],
)
def test_masks_that_cannot_exist_are_refused(inputs):
    with pytest.raises(ModuleSpecError, match="mask_detections of 5 classes takes"):
        outputs_of(mask_detections(*inputs))
