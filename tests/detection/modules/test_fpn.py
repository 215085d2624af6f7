"""The pyramid against torchvision's, and what torchvision does not have against plain loops."""

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool, LastLevelP6P7

from detection import build_module
from detection.modules.fpn import Fpn
from detection.modules.layers import group_norm
from searchspaces import ModuleSpec, TensorSpec

CHANNELS = (4, 8, 12)
OUT = 8


def make(extra: str, added: int, norm: str = "none") -> tuple[Fpn, list[Tensor]]:
    sizes = [(2, c, -(-17 // 2**i), -(-22 // 2**i)) for i, c in enumerate(CHANNELS)]
    spec = ModuleSpec.of(
        "fpn",
        [TensorSpec(size) for size in sizes],
        batch=2,
        in_channels=":".join(map(str, CHANNELS)),
        out_channels=OUT,
        extra=extra,
        extra_levels=added,
        norm=norm,
    )
    module = build_module(spec).eval()
    assert isinstance(module, Fpn)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("bias"):
                nn.init.normal_(parameter)
    return module, [torch.randn(size) for size in sizes]


def named(maps: list[Tensor]) -> "OrderedDict[str, Tensor]":
    return OrderedDict((str(index), x) for index, x in enumerate(maps))


@pytest.mark.parametrize(("extra", "added"), [("none", 0), ("pool", 1), ("conv", 2)])
@pytest.mark.parametrize("norm", ["none", "bn", "gn"])
def test_pyramids_that_torchvision_has_equal_its(extra: str, added: int, norm: str) -> None:
    module, maps = make(extra, added, norm)
    blocks = {"none": None, "pool": LastLevelMaxPool(), "conv": LastLevelP6P7(OUT, OUT)}
    layers = {"none": None, "bn": nn.BatchNorm2d, "gn": group_norm}
    theirs = FeaturePyramidNetwork(list(CHANNELS), OUT, blocks[extra], layers[norm]).eval()
    renamed = {
        "extra_blocks.steps.0.0": "extra_blocks.p6",
        "extra_blocks.steps.1.1": "extra_blocks.p7",
    }
    state = {}
    for key, value in module.pyramid.state_dict().items():
        layer, _, rest = key.rpartition(".")
        state[f"{renamed.get(layer, layer)}.{rest}"] = value
    theirs.load_state_dict(state)
    expected = list(theirs(named(maps)).values())
    made = module(*maps)
    assert len(made) == len(CHANNELS) + added
    for mine, level in zip(made, expected, strict=True):
        assert torch.equal(mine, level)


@pytest.mark.parametrize("added", [1, 2, 3])
def test_pooled_levels_are_every_second_pixel(added: int) -> None:
    module, maps = make("pool", added)
    levels = module(*maps)
    for level in range(added):
        fine, coarse = levels[len(CHANNELS) + level - 1 :][:2]
        assert torch.equal(coarse, fine[..., ::2, ::2])


@pytest.mark.parametrize("added", [1, 2, 3])
@pytest.mark.parametrize("norm", ["none", "bn", "gn", "gn_ws"])
def test_convolved_levels_are_made_of_the_one_before(added: int, norm: str) -> None:
    module, maps = make("conv", added, norm)
    levels = module(*maps)
    extra = module.get_submodule("pyramid.extra_blocks")
    weights = dict(extra.named_parameters())
    for level in range(added):
        x = levels[len(CHANNELS) + level - 1]
        name = f"steps.{level}.{1 if level else 0}"
        expected = F.conv2d(
            x.relu() if level else x, weights[f"{name}.weight"], weights[f"{name}.bias"], 2, 1
        )
        torch.testing.assert_close(levels[len(CHANNELS) + level], expected)
    assert len(weights) == 2 * added


def test_standardised_convolutions_are_those_that_a_norm_follows() -> None:
    module, maps = make("conv", 2, "gn_ws")
    names = {name for name, _ in module.named_parameters() if name.endswith("weight.original")}
    assert names == {
        f"pyramid.{side}_blocks.{i}.0.parametrizations.weight.original"
        for side in ("inner", "layer")
        for i in range(len(CHANNELS))
    }
    # A level is a group norm of the output convolution: any filter's scale cancels.
    before = module(*maps)[: len(CHANNELS)]
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name in names:
                parameter.mul_(7).add_(1)
    for one, other in zip(before, module(*maps)[: len(CHANNELS)], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-2)


def test_a_deep_untrained_pyramid_keeps_the_size_of_its_numbers() -> None:
    module, maps = make("conv", 3, "gn_ws")
    stds = [level.std().item() for level in module(*maps)]
    assert all(0.05 < std < 20 for std in stds)
