"""Convolution, normalisation and activation against the papers' formulas, written as loops."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation

from detection.modules.layers import (
    NORMS,
    StandardizedWeight,
    conv_norm,
    group_norm,
    init_conv,
    standardize_weights,
)


def own_weight(conv: nn.Module) -> Tensor:
    """Return a convolution's trained weight, before standardisation."""
    weights = {name: p for name, p in conv.named_parameters() if name != "bias"}
    (weight,) = weights.values()
    return weight.detach()


def standardized(weight: Tensor) -> Tensor:
    """Weight Standardization, eq. 5, filter by filter in double precision."""
    rows = []
    for filter_weight in weight.double().numpy():
        mean = filter_weight.sum() / filter_weight.size
        variance = ((filter_weight - mean) ** 2).sum() / filter_weight.size
        rows.append((filter_weight - mean) / math.sqrt(variance + 1e-5))
    return torch.from_numpy(np.stack(rows)).float()


def group_normalized(x: Tensor, groups: int) -> Tensor:
    """Group Normalization, eq. 1 and 7, before its affine step."""
    out = torch.empty_like(x)
    each = x.shape[1] // groups
    for image in range(len(x)):
        for group in range(groups):
            part = x[image, group * each : (group + 1) * each]
            variance = ((part - part.mean()) ** 2).mean()
            out[image, group * each : (group + 1) * each] = (part - part.mean()) / torch.sqrt(
                variance + 1e-5
            )
    return out


@pytest.mark.parametrize(
    ("channels", "groups"),
    [(32, 4), (256, 32), (512, 32), (48, 6), (56, 7), (72, 9), (12, 1), (7, 1), (34, 2)],
)
def test_groups_divide_every_width(channels: int, groups: int) -> None:
    layer = group_norm(channels)
    assert (layer.num_groups, layer.num_channels) == (groups, channels)
    x = torch.randn(2, channels, 3, 5) * 4 + 1
    torch.testing.assert_close(layer(x), group_normalized(x, groups), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["none", "bn", "gn", "gn_ws"])
@pytest.mark.parametrize("activation", ["none", "relu", "relu6"])
@pytest.mark.parametrize(("stride", "dilation", "groups"), [(1, 1, 1), (2, 1, 4), (1, 3, 1)])
@pytest.mark.parametrize("bias", [False, True])
def test_conv_norm_is_what_its_arguments_say(
    norm: str, activation: str, stride: int, dilation: int, groups: int, bias: bool
) -> None:
    layers = conv_norm(
        8,
        16,
        3,
        stride,
        groups=groups,
        dilation=dilation,
        bias=bias,
        norm=norm,
        activation=activation,
    )
    conv = layers[0]
    assert isinstance(conv, nn.Conv2d)
    if conv.bias is not None:
        nn.init.normal_(conv.bias)
    x = torch.randn(2, 8, 11, 14) * 3
    weight = own_weight(conv)
    expected = F.conv2d(
        x,
        standardized(weight) if norm == "gn_ws" else weight,
        conv.bias,
        stride,
        dilation,
        dilation,
        groups,
    )
    if norm == "bn":  # in training, of the batch itself
        mean = expected.mean((0, 2, 3), keepdim=True)
        variance = expected.var((0, 2, 3), unbiased=False, keepdim=True)
        expected = (expected - mean) / torch.sqrt(variance + 1e-5)
    elif norm != "none":
        expected = group_normalized(expected, 2)
    if activation != "none":
        expected = expected.clamp(0, 6 if activation == "relu6" else None)
    assert (conv.bias is not None) == bias
    torch.testing.assert_close(layers(x), expected, rtol=1e-3, atol=1e-4)
    assert expected.shape[2:] == ((11, 14) if stride == 1 else (6, 7))


def test_by_default_it_is_batch_normalised_and_rectified() -> None:
    layers = conv_norm(4, 6, 3)
    assert [type(layer) for layer in layers] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]


def test_an_unknown_norm_is_refused() -> None:
    with pytest.raises(KeyError, match="ln"):
        conv_norm(4, 6, 3, norm="ln")
    assert sorted(NORMS) == ["bn", "gn", "gn_ws", "none"]


def test_standardised_filters_have_mean_zero_and_variance_one() -> None:
    weight = torch.randn(5, 3, 3, 3) * torch.tensor([0.1, 1, 10, 1, 1]).view(5, 1, 1, 1) + 2
    rows = StandardizedWeight()(weight).flatten(1)
    torch.testing.assert_close(rows.mean(1), torch.zeros(5), rtol=0, atol=1e-5)
    torch.testing.assert_close(rows.var(1, unbiased=False), torch.ones(5), rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(rows.view(5, 3, 3, 3), standardized(weight), rtol=1e-4, atol=1e-4)


def test_a_constant_filter_becomes_zero_and_not_nan() -> None:
    weight = torch.full((2, 3, 1, 1), 0.5, requires_grad=True)
    out = StandardizedWeight()(weight)
    out.sum().backward()
    assert not out.any()
    assert weight.grad is not None
    assert torch.isfinite(weight.grad).all()


@pytest.mark.parametrize("norm", ["none", "bn", "gn"])
def test_only_gn_ws_standardises(norm: str) -> None:
    conv = nn.Conv2d(3, 4, 3)
    standardize_weights(conv, norm)
    assert set(dict(conv.named_parameters())) == {"weight", "bias"}


def test_standardising_keeps_the_trained_weight_and_leaves_other_layers_alone() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 4), nn.Conv2d(4, 4, 1))
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    standardize_weights(module, "gn_ws")
    after = dict(module.named_parameters())
    for name in ("0.weight", "2.weight"):
        original = f"{name.removesuffix('weight')}parametrizations.weight.original"
        assert torch.equal(after.pop(original), before.pop(name))
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


def test_standardised_modules_train_copy_and_load() -> None:
    module = conv_norm(3, 8, 3, norm="gn_ws")
    twin = copy.deepcopy(module)
    x = torch.randn(2, 3, 6, 6)
    before = module(x).detach()
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    (module(x) * torch.randn(8, 1, 1)).sum().backward()
    optimizer.step()
    after = module(x).detach()
    assert not torch.equal(before, after)
    assert torch.equal(twin(x), before)
    other = conv_norm(3, 8, 3, norm="gn_ws")
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(x), after)


@pytest.mark.parametrize(("activation", "gain"), [("none", 1), ("relu", 2), ("relu6", 2)])
@pytest.mark.parametrize("groups", [1, 64])
def test_weights_are_drawn_to_keep_the_variance(activation: str, gain: int, groups: int) -> None:
    conv = conv_norm(64, 512, 3, groups=groups, activation=activation)[0]
    assert isinstance(conv, nn.Conv2d)
    fan_in = 64 // groups * 9
    assert conv.weight.var().item() * fan_in == pytest.approx(gain, rel=0.1)


def test_only_convolutions_are_drawn() -> None:
    with pytest.raises(TypeError, match="expected a Conv2d, got Linear"):
        init_conv(nn.Linear(2, 2), 1.0)
