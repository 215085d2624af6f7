import pytest
import torch
from torch import nn

from searchspaces import ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from tests.searchspaces.reference_layers import observe

LEVELS = ((84, 125), (42, 63), (21, 32), (11, 16), (6, 8))
CELLS = sum(h * w for h, w in LEVELS)


class GuidedHead(nn.Module):
    """GA-RPN's layers; deforming a convolution changes nothing of what is counted."""

    def __init__(self, channels, groups):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())
        self.location, self.shape = nn.Conv2d(channels, 1, 1), nn.Conv2d(channels, 2, 1)
        self.offset = nn.Conv2d(2, groups * 18, 1, bias=False)
        self.adapt = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.relu = nn.ReLU()
        self.score, self.delta = nn.Conv2d(channels, 1, 1), nn.Conv2d(channels, 4, 1)

    def forward(self, *maps):
        rows = []
        for x in map(self.conv, maps):
            shape = self.shape(x)
            self.offset(shape)
            y = self.relu(self.adapt(x))
            rows.append(
                [t.flatten(2) for t in (self.location(x), shape, self.score(y), self.delta(y))]
            )
        location, shape, score, delta = (torch.cat(r, 2) for r in zip(*rows, strict=True))
        return location[:, 0], shape.transpose(1, 2), score[:, 0], delta.transpose(1, 2)


def head(batch=2, channels=12, given=12, groups=4):
    inputs = [TensorSpec((batch, given, *hw)) for hw in LEVELS]
    return ModuleSpec.of(
        "guided_rpn_head", inputs, batch=batch, channels=channels, deform_groups=groups
    )


def proposals(inputs=None, **changes):
    params = {
        "image_h": 333,
        "image_w": 500,
        "strides": "4:8:16:32:64",
        "heights": ":".join(str(h) for h, _ in LEVELS),
        "widths": ":".join(str(w) for _, w in LEVELS),
        "anchor_scales": "8",
        "ratios": "1",
        "loc_threshold": 0.01,
        "pre_nms": 100,
        "post_nms": 50,
        "nms_iou": 0.7,
    }
    inputs = outputs_of(head()) if inputs is None else inputs
    return ModuleSpec.of("guided_proposals", inputs, batch=2, **{**params, **changes})


@pytest.mark.parametrize("groups", [1, 4])
def test_the_head_counts_as_torch_does(groups):
    spec = head(groups=groups)
    shapes, cost = observe(lambda: GuidedHead(12, groups), [t.shape for t in spec.inputs])
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert shapes == [(2, CELLS), (2, CELLS, 2), (2, CELLS), (2, CELLS, 4)]
    assert cost_of(spec) == cost


def test_the_reference_configuration_by_hand():
    """256 channels and four groups: weights of each layer, and as many multiply-adds a pixel."""
    spec = head(batch=1, channels=256, given=256)
    weights = 2 * 9 * 256 * 256 + 2 * 4 * 18 + 256 * (1 + 2 + 1 + 4)
    assert cost_of(spec).params == weights + 256 + 1 + 2 + 1 + 4
    assert cost_of(spec).macs == weights * CELLS


def test_a_head_that_cannot_exist_is_refused():
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match="maps of 16, 16, 16, 16, 16 channels"):
            count(head(channels=16))


@pytest.mark.parametrize("groups", [5, 0])
def test_deform_groups_must_divide_the_channels(groups):
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match="deform_groups must divide the 12 channels"):
            count(head(groups=groups))


def test_proposals_are_padded_boxes_and_a_count():
    boxes, count = outputs_of(proposals())
    assert boxes == TensorSpec((2, 50, 4))
    assert count == TensorSpec((2,), "int64")
    assert cost_of(proposals()).macs == cost_of(proposals()).params == 0


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"anchor_scales": "8:16"}, "one square per cell: .* got 8:16 and 1"),
        ({"ratios": "0.5:1:2"}, "one square per cell: .* got 8 and 0.5:1:2"),
        ({"ratios": "2"}, "ratios 1, got 8 and 2"),
        ({"heights": "84:42:21:11:7"}, f"over {CELLS + 8} cells takes"),
        ({"strides": "4:8"}, "must name the same levels"),
        ({"loc_threshold": 1.5}, r"probability in 0\.\.1, got 1.5"),
        ({"loc_threshold": -0.1}, r"probability in 0\.\.1, got -0.1"),
        ({"post_nms": 0}, ">= 1"),
        ({"inputs": [TensorSpec((2, CELLS))]}, f"got 2x{CELLS}$"),
    ],
)
def test_proposals_that_cannot_exist_are_refused(changes, match):
    with pytest.raises(ModuleSpecError, match=match):
        outputs_of(proposals(**changes))
