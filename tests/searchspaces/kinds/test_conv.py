"""Counts against torch's own convolution, run on the meta device."""

import pytest
from torch import nn

from searchspaces import ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from tests.searchspaces.reference_layers import observe


def spec_of(shape=(2, 8, 33, 50), added=None, **changes):
    params = {
        "in_channels": 8,
        "out_channels": 12,
        "kernel": 3,
        "stride": 1,
        "groups": 1,
        "dilation": 1,
        "fused_add": 0,
    }
    inputs = [TensorSpec(shape)] if added is None else [TensorSpec(shape), TensorSpec(added)]
    return ModuleSpec.of("conv", inputs, **{**params, **changes})


@pytest.mark.parametrize("hw", [(1, 1), (1, 2), (7, 8), (33, 50)])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("groups", "dilation"), [(1, 1), (4, 1), (1, 3)])
def test_a_convolution_counts_as_torchs(hw, kernel, stride, groups, dilation):
    spec = spec_of((2, 8, *hw), kernel=kernel, stride=stride, groups=groups, dilation=dilation)
    shapes, cost = observe(
        lambda: nn.Conv2d(
            8, 12, kernel, stride, dilation * (kernel // 2), dilation=dilation, groups=groups
        ),
        [t.shape for t in spec.inputs],
    )
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert cost_of(spec) == cost


def test_a_fused_sum_names_another_module_of_the_same_cost():
    alone, fused = spec_of(), spec_of(added=(2, 12, 33, 50), fused_add=1)
    assert alone != fused
    assert (cost_of(alone), outputs_of(alone)) == (cost_of(fused), outputs_of(fused))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"kernel": 2}, "kernel must be odd, got 2"),
        ({"kernel": 0}, "kernel must be at least 1, got 0"),
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"dilation": 0}, "dilation must be at least 1, got 0"),
        ({"groups": 0}, "groups must be at least 1, got 0"),
        ({"groups": 3}, "groups must divide in_channels=8, got groups=3"),
        ({"groups": 8}, "groups must divide out_channels=12, got groups=8"),
        ({"in_channels": 4}, "maps of 4 channels"),
        ({"fused_add": 2}, "fused_add must be 0 or 1, got 2"),
        ({"fused_add": 1}, "takes 2 .* maps of 8, 12 channels"),
        ({"added": (2, 12, 33, 50)}, "takes 1 .* maps of 8 channels"),
        ({"added": (2, 12, 17, 25), "fused_add": 1}, "output's shape 2x12x33x50, got 2x12x17x25"),
    ],
)
def test_convolutions_that_cannot_exist_are_refused(changes, match):
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match=match):
            count(spec_of(**changes))
