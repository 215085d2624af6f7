"""Counts against torchvision's own blocks, run on the meta device."""

from functools import partial

import pytest
from torch import nn
from torchvision.models import resnet

from searchspaces import ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from tests.searchspaces.reference_layers import observe

SIZES = [(1, 1), (1, 2), (7, 8), (33, 50)]
NORMS = {"bn": nn.BatchNorm2d, "gn": partial(nn.GroupNorm, 1), "gn_ws": partial(nn.GroupNorm, 1)}


def stem(shape=(2, 3, 33, 50), **changes):
    params = {"in_channels": 3, "out_channels": 8, "norm": "bn"}
    return ModuleSpec.of("resnet_stem", [TensorSpec(shape)], **{**params, **changes})


def basic(shape=(2, 8, 33, 50), **changes):
    params = {"in_channels": 8, "out_channels": 8, "stride": 1, "dilation": 1, "norm": "bn"}
    return ModuleSpec.of("basic_block", [TensorSpec(shape)], **{**params, **changes})


def bottleneck(shape=(2, 16, 33, 50), **changes):
    params = {
        "in_channels": 16,
        "mid_channels": 4,
        "out_channels": 16,
        "groups": 1,
        "stride": 1,
        "dilation": 1,
        "norm": "bn",
    }
    return ModuleSpec.of("bottleneck", [TensorSpec(shape)], **{**params, **changes})


def shortcut(c_in, c_out, stride, norm):
    if stride == 1 and c_in == c_out:
        return None
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), NORMS[norm](c_out))


def check(spec, make):
    shapes, cost = observe(make, [t.shape for t in spec.inputs])
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert cost_of(spec) == cost


@pytest.mark.parametrize("hw", SIZES)
@pytest.mark.parametrize("norm", NORMS)
def test_the_stem_counts_as_torchvisions(hw, norm):
    def make():
        whole = resnet.ResNet(resnet.BasicBlock, [1, 1, 1, 1], norm_layer=NORMS[norm])
        return nn.Sequential(whole.conv1, whole.bn1, whole.relu, whole.maxpool)

    check(stem((2, 3, *hw), out_channels=64, norm=norm), make)


@pytest.mark.parametrize("hw", SIZES)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("stride", "c_out"), [(1, 8), (1, 12), (2, 8), (2, 16)])
def test_a_basic_block_counts_as_torchvisions(hw, norm, stride, c_out):
    check(
        basic((2, 8, *hw), stride=stride, out_channels=c_out, norm=norm),
        lambda: resnet.BasicBlock(
            8, c_out, stride, shortcut(8, c_out, stride, norm), norm_layer=NORMS[norm]
        ),
    )


@pytest.mark.parametrize("hw", SIZES)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("stride", "planes"), [(1, 4), (1, 6), (2, 4), (2, 8)])
@pytest.mark.parametrize(("groups", "width", "dilation"), [(1, 64, 1), (1, 64, 3), (2, 32, 2)])
def test_a_bottleneck_counts_as_torchvisions(hw, norm, stride, planes, groups, width, dilation):
    mid = int(planes * width / 64) * groups
    check(
        bottleneck(
            (2, 16, *hw),
            mid_channels=mid,
            out_channels=4 * planes,
            groups=groups,
            stride=stride,
            dilation=dilation,
            norm=norm,
        ),
        lambda: resnet.Bottleneck(
            16,
            planes,
            stride,
            shortcut(16, 4 * planes, stride, norm),
            groups,
            width,
            dilation,
            NORMS[norm],
        ),
    )


@pytest.mark.parametrize("make", [basic, bottleneck])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_dilation_costs_nothing_but_names_another_module(make, stride):
    specs = [make(dilation=rate, stride=stride) for rate in (1, 2, 3)]
    assert len(set(specs)) == 3
    assert len({cost_of(spec) for spec in specs}) == 1
    assert len({outputs_of(spec) for spec in specs}) == 1


SHARED = [
    ({"norm": "none"}, "norm must be one of bn, gn, gn_ws, got 'none'"),
    ({"stride": 3}, "stride must be 1 or 2, got 3"),
    ({"stride": 0}, "stride must be 1 or 2, got 0"),
    ({"dilation": 0}, "dilation must be at least 1, got 0"),
    ({"out_channels": 0}, "out_channels must be at least 1, got 0"),
    ({"in_channels": 3}, "maps of 3 channels"),
    ({"shape": (1, 16, 8)}, "maps of"),
    ({"stride": "2"}, "stride must be an int, got '2'"),
]


@pytest.mark.parametrize(("changes", "match"), SHARED)
@pytest.mark.parametrize("make", [basic, bottleneck])
def test_blocks_that_cannot_exist_are_refused(make, changes, match):
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match=match):
            count(make(**changes))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"mid_channels": 0}, "mid_channels must be at least 1, got 0"),
        ({"groups": 0}, "groups must be at least 1, got 0"),
        ({"groups": 3}, "groups must divide mid_channels=4, got groups=3"),
    ],
)
def test_bottlenecks_that_cannot_exist_are_refused(changes, match):
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match=match):
            count(bottleneck(**changes))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"norm": "ln"}, "norm must be one of bn, gn, gn_ws, got 'ln'"),
        ({"in_channels": 4}, "maps of 4 channels"),
        ({"out_channels": 0}, ">= 1"),
    ],
)
def test_stems_that_cannot_exist_are_refused(changes, match):
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match=match):
            count(stem(**changes))
