"""Convolutions with normalisation and activation, and their initialisation."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torchvision.ops import Conv2dNormActivation

GROUPS = 32  # Group Normalization (Wu and He, ECCV 2018), sec. 3.1
LEAST = 8
WS_EPSILON = 1e-5  # Weight Standardization (Qiao et al. 2019), eq. 5
_GAINS = {"none": 1.0, "relu": math.sqrt(2), "relu6": math.sqrt(2)}
_ACTIVATIONS: dict[str, type[nn.Module] | None] = {
    "none": None,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
}


def group_norm(channels: int) -> nn.GroupNorm:
    """Return group normalisation of at most 32 groups, of at least 8 channels each.

    Wu and He (ECCV 2018, table 3) found 8 to 64 channels a group alike and fewer worse, down to
    one channel a group, which is instance normalisation; 32 groups would leave one or two in the
    narrow layers of our spaces, and do not divide some of SM-NAS's widths (48, 56, 72).
    Fewer than 8 channels, and counts that nothing suitable divides, are one group.
    """
    fitting = (g for g in range(2, GROUPS + 1) if channels % g == 0 and channels // g >= LEAST)
    return nn.GroupNorm(max(fitting, default=1), channels)


NORMS: dict[str, Callable[[int], nn.Module] | None] = {
    "none": None,
    "bn": nn.BatchNorm2d,
    "gn": group_norm,
    "gn_ws": group_norm,
}
"""The ``norm`` parameter of a module -> layer, made of the number of channels."""


class StandardizedWeight(nn.Module):
    """Give every filter mean 0 and variance 1 (Qiao et al. 2019, eq. 5)."""

    def forward(self, weight: Tensor) -> Tensor:
        """Map ``(out, in, k, k)`` to the standardised weights of the same shape."""
        flat = weight.flatten(1)
        variance, mean = torch.var_mean(flat, dim=1, keepdim=True, unbiased=False)
        return ((flat - mean) / (variance + WS_EPSILON).sqrt()).view_as(weight)


def standardize_weights(module: nn.Module, norm: str) -> None:
    """Standardise the weights of all convolutions of a module where ``norm`` asks for it.

    Each layer keeps its own weight as ``parametrizations.weight.original``.
    """
    if norm != "gn_ws":
        return
    for layer in list(module.modules()):
        if isinstance(layer, nn.Conv2d):
            parametrize.register_parametrization(layer, "weight", StandardizedWeight())


def conv_norm(
    c_in: int,
    c_out: int,
    kernel: int,
    stride: int = 1,
    *,
    groups: int = 1,
    dilation: int = 1,
    bias: bool = False,
    norm: str = "bn",
    activation: str = "relu",
) -> nn.Sequential:
    """Return convolution, normalisation and activation, padded so that stride 1 keeps the size.

    Args:
        c_in: Channels taken.
        c_out: Channels given.
        kernel: Odd side of the filters.
        stride: Step of the filters.
        groups: Of the convolution.
        dilation: Distance between a filter's taps.
        bias: Whether the convolution has one.
        norm: A key of :data:`NORMS`.
        activation: ``relu``, ``relu6`` or ``none``.
    """
    layers: nn.Sequential = Conv2dNormActivation(
        c_in,
        c_out,
        kernel,
        stride,
        groups=groups,
        dilation=dilation,
        norm_layer=NORMS[norm],
        activation_layer=_ACTIVATIONS[activation],
        bias=bias,
    )
    init_conv(layers[0], gain=_GAINS[activation])
    standardize_weights(layers, norm)
    return layers


def init_conv(layer: nn.Module, gain: float) -> None:
    """Draw a convolution so that it scales the variance of its input by ``gain ** 2 / 2``.

    The fan is counted per group, so that depthwise layers keep the signal and a deep backbone
    neither vanishes nor explodes before its statistics are known. The bias becomes zero.
    """
    if not isinstance(layer, nn.Conv2d):
        raise TypeError(f"expected a Conv2d, got {type(layer).__name__}")
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, std=gain / math.sqrt(fan_in))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
