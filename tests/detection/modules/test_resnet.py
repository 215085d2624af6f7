"""ResNet's blocks against torchvision's networks and against convolutions made by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as f

from detection import build_module
from searchspaces import ModuleSpec, ResNetBackbone, TensorSpec
from tests.detection.torchvision_backbones import (
    NETWORKS,
    backbone_module,
    copy_in_order,
    random_network,
    running_layers,
    torchvision_maps,
)


def basic(**changes: object) -> nn.Module:
    params = {"in_channels": 6, "out_channels": 6, "stride": 1, "dilation": 1, "norm": "bn"}
    spec = ModuleSpec.of("basic_block", [TensorSpec((1, 6, 9, 14))], **{**params, **changes})  # type: ignore[arg-type]
    return build_module(spec).eval()


def bottleneck(**changes: object) -> nn.Module:
    params = {
        "in_channels": 6,
        "mid_channels": 8,
        "out_channels": 6,
        "groups": 2,
        "stride": 1,
        "dilation": 1,
        "norm": "bn",
    }
    spec = ModuleSpec.of("bottleneck", [TensorSpec((1, 6, 9, 14))], **{**params, **changes})  # type: ignore[arg-type]
    return build_module(spec).eval()


def weights(module: nn.Module) -> list[Tensor]:
    return [m.weight for m in module.modules() if isinstance(m, nn.Conv2d)]


def fresh(x: Tensor, scale: float = 1.0) -> Tensor:
    """Normalise by statistics that nothing was collected for: mean 0, variance 1."""
    return x * scale / (1 + 1e-5) ** 0.5


@pytest.mark.parametrize("name", [n for n in NETWORKS if n.startswith("res") and "101" not in n])
def test_features_are_exactly_torchvisions(name: str) -> None:
    network, ours = random_network(name), backbone_module(NETWORKS[name])
    copy_in_order(network, ours)
    image = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        for mine, theirs in zip(ours(image), torchvision_maps(network, image), strict=True):
            assert torch.equal(mine, theirs)


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_basic_block_dilates_its_second_convolution_only(stride: int, dilation: int) -> None:
    module, x = basic(stride=stride, dilation=dilation), torch.randn(2, 6, 9, 14)
    first, second, *shortcut = weights(module)
    hidden = fresh(f.conv2d(x, first, stride=stride, padding=1)).relu()
    branch = fresh(f.conv2d(hidden, second, padding=dilation, dilation=dilation), 0.2)
    passed = fresh(f.conv2d(x, shortcut[0], stride=stride)) if stride == 2 else x
    torch.testing.assert_close(module(x), (branch + passed).relu())


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_bottleneck_strides_and_dilates_its_middle_convolution(
    stride: int, dilation: int
) -> None:
    module, x = bottleneck(stride=stride, dilation=dilation), torch.randn(2, 6, 9, 14)
    reduce, spatial, expand, *shortcut = weights(module)
    hidden = fresh(f.conv2d(x, reduce)).relu()
    middle = {"stride": stride, "padding": dilation, "dilation": dilation, "groups": 2}
    hidden = fresh(f.conv2d(hidden, spatial, **middle)).relu()  # type: ignore[arg-type]
    branch = fresh(f.conv2d(hidden, expand), 0.2)
    passed = fresh(f.conv2d(x, shortcut[0], stride=stride)) if stride == 2 else x
    torch.testing.assert_close(module(x), (branch + passed).relu())


@pytest.mark.parametrize("norm", ["gn", "gn_ws"])
@pytest.mark.parametrize("make", [basic, bottleneck])
def test_group_normalised_blocks(make, norm: str) -> None:  # type: ignore[no-untyped-def]
    module = make(norm=norm, stride=2, out_channels=12)
    kinds = [type(m) for m in module.modules()]
    assert nn.BatchNorm2d not in kinds
    assert kinds.count(nn.GroupNorm) == len(weights(module))
    out = module(torch.randn(2, 6, 9, 14))
    out.sum().backward()
    assert out.shape == (2, 12, 5, 7)
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())
    for weight in weights(module):
        flat = weight.detach().flatten(1)
        off = (flat.mean(1).abs() + (flat.std(1, unbiased=False) - 1).abs()).max()
        assert bool(off < 1e-3) == (norm == "gn_ws")


@pytest.mark.parametrize("norm", ["bn", "gn", "gn_ws"])
@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_an_untrained_deep_network_neither_vanishes_nor_explodes(block: str, norm: str) -> None:
    torch.manual_seed(0)
    network = backbone_module(ResNetBackbone(block, (3, 4, 23, 3), base_channels=8, norm=norm))
    with torch.no_grad():
        for level in network(torch.randn(1, 3, 64, 96)):
            assert 0.02 < level.std().item() < 50


@pytest.mark.parametrize("make", [basic, bottleneck])
def test_gradients_reach_every_parameter(make) -> None:  # type: ignore[no-untyped-def]
    module = make(stride=2).train()
    module(torch.randn(4, 6, 9, 14)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_layers_run_in_torchvisions_order() -> None:
    network, ours = random_network("resnet18"), backbone_module(NETWORKS["resnet18"])
    pairs = zip(running_layers(network), running_layers(ours), strict=True)
    assert all(
        {k: v.shape for k, v in a.state_dict().items()}
        == {k: v.shape for k, v in b.state_dict().items()}
        for a, b in pairs
    )
