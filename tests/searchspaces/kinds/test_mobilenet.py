"""Counts against torchvision's own block, run on the meta device."""

from functools import partial

import pytest
from torch import nn
from torchvision.models.mobilenetv2 import InvertedResidual

from searchspaces import ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from tests.searchspaces.reference_layers import observe

NORMS = {"bn": nn.BatchNorm2d, "gn": partial(nn.GroupNorm, 1), "gn_ws": partial(nn.GroupNorm, 1)}


def block(shape=(2, 6, 33, 50), **changes):
    params = {
        "in_channels": 6,
        "hidden_channels": 36,
        "out_channels": 6,
        "stride": 1,
        "dilation": 1,
        "norm": "bn",
    }
    return ModuleSpec.of("inverted_residual", [TensorSpec(shape)], **{**params, **changes})


@pytest.mark.parametrize("hw", [(1, 1), (1, 2), (7, 8), (33, 50)])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("stride", "c_out"), [(1, 6), (1, 9), (2, 6), (2, 9)])
@pytest.mark.parametrize("expansion", [1, 3, 6])
def test_an_inverted_residual_counts_as_torchvisions(hw, norm, stride, c_out, expansion):
    spec = block(
        (2, 6, *hw),
        hidden_channels=6 * expansion,
        out_channels=c_out,
        stride=stride,
        norm=norm,
    )
    shapes, cost = observe(
        lambda: InvertedResidual(6, c_out, stride, expansion, NORMS[norm]),
        [t.shape for t in spec.inputs],
    )
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert cost_of(spec) == cost


def test_a_dilation_costs_nothing_but_names_another_module():
    specs = [block(dilation=rate) for rate in (1, 2, 3)]
    assert len(set(specs)) == 3
    assert len({(cost_of(spec), outputs_of(spec)) for spec in specs}) == 1


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"norm": "none"}, "norm must be one of bn, gn, gn_ws, got 'none'"),
        ({"stride": 3}, "stride must be 1 or 2, got 3"),
        ({"dilation": 0}, "dilation must be at least 1, got 0"),
        ({"hidden_channels": 0}, "hidden_channels must be at least 1, got 0"),
        ({"out_channels": 0}, "out_channels must be at least 1, got 0"),
        ({"in_channels": 3}, "maps of 3 channels"),
    ],
)
def test_blocks_that_cannot_exist_are_refused(changes, match):
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match=match):
            count(block(**changes))
