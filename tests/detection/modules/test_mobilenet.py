"""The inverted residual against torchvision's network and against convolutions made by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as f

from detection import build_module
from searchspaces import MobileNetV2Backbone, ModuleSpec, TensorSpec
from tests.detection.torchvision_backbones import (
    NETWORKS,
    backbone_module,
    copy_in_order,
    random_network,
    torchvision_maps,
)


def block(expansion: int = 2, **changes: object) -> nn.Module:
    params = {
        "in_channels": 6,
        "hidden_channels": 6 * expansion,
        "out_channels": 6,
        "stride": 1,
        "dilation": 1,
        "norm": "bn",
    }
    spec = ModuleSpec.of("inverted_residual", [TensorSpec((1, 6, 9, 14))], **{**params, **changes})  # type: ignore[arg-type]
    return build_module(spec).eval()


def test_features_are_exactly_torchvisions() -> None:
    network, ours = random_network("mobilenet_v2"), backbone_module(NETWORKS["mobilenet_v2"])
    copy_in_order(network, ours)
    image = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        for mine, theirs in zip(ours(image), torchvision_maps(network, image), strict=True):
            assert torch.equal(mine, theirs)


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize(("stride", "c_out"), [(1, 6), (1, 10), (2, 6)])
@pytest.mark.parametrize("expansion", [1, 2])
def test_the_block_by_hand(expansion: int, stride: int, c_out: int, dilation: int) -> None:
    module = block(expansion, stride=stride, out_channels=c_out, dilation=dilation)
    x, root = 5 * torch.randn(2, 6, 9, 14), (1 + 1e-5) ** 0.5
    *expand, depthwise, project = [m.weight for m in module.modules() if isinstance(m, nn.Conv2d)]
    assert len(expand) == (expansion > 1)
    hidden = f.relu6(f.conv2d(x, expand[0]) / root) if expand else x
    middle = {"stride": stride, "padding": dilation, "dilation": dilation}
    hidden = f.relu6(f.conv2d(hidden, depthwise, groups=6 * expansion, **middle) / root)  # type: ignore[arg-type]
    branch = f.conv2d(hidden, project) / root
    residual = stride == 1 and c_out == 6
    torch.testing.assert_close(module(x), x + 0.2 * branch if residual else branch)


@pytest.mark.parametrize("norm", ["gn", "gn_ws"])
def test_group_normalised_blocks(norm: str) -> None:
    module = block(norm=norm)
    kinds = [type(m) for m in module.modules()]
    assert nn.BatchNorm2d not in kinds
    assert kinds.count(nn.GroupNorm) == 3
    module(torch.randn(2, 6, 9, 14)).square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters() if p.grad is not None)


@pytest.mark.parametrize("norm", ["bn", "gn", "gn_ws"])
def test_an_untrained_network_neither_vanishes_nor_explodes(norm: str) -> None:
    torch.manual_seed(0)
    network = backbone_module(MobileNetV2Backbone(norm=norm))
    with torch.no_grad():
        for level in network(torch.randn(1, 3, 64, 96)):
            assert 0.02 < level.std().item() < 50


def test_gradients_reach_every_parameter() -> None:
    module = block().train()
    module(torch.randn(4, 6, 9, 14)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())
