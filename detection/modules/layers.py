"""Convolutions with normalisation and activation, and their initialisation."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn
from torchvision.ops import Conv2dNormActivation

NORMS: dict[str, Callable[[int], nn.Module] | None] = {"none": None, "bn": nn.BatchNorm2d}
"""The ``norm`` parameter of a module -> layer, made of the number of channels."""


def conv_norm(
    c_in: int,
    c_out: int,
    kernel: int,
    stride: int = 1,
    *,
    groups: int = 1,
    bias: bool = False,
    relu: bool = True,
) -> nn.Sequential:
    """Return convolution, batch normalisation and, by default, ReLU; padded by ``kernel // 2``."""
    layers: nn.Sequential = Conv2dNormActivation(
        c_in,
        c_out,
        kernel,
        stride,
        groups=groups,
        norm_layer=nn.BatchNorm2d,
        activation_layer=nn.ReLU if relu else None,
        bias=bias,
    )
    init_conv(layers[0], gain=math.sqrt(2) if relu else 1.0)
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
