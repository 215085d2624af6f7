"""A device with steps and a roofline: times of convolutions that are known without noise."""

from __future__ import annotations

import math

import numpy as np

from searchspaces import ModuleSpec, TensorSpec, cost_of, outputs_of

SIDES, WIDTHS = (7, 10, 14, 20, 28, 40, 56), (16, 32, 64, 128)


def conv(
    in_channels: int,
    out_channels: int,
    side: int,
    kernel: int = 3,
    stride: int = 1,
    groups: int = 1,
    batch: int = 1,
) -> ModuleSpec:
    return ModuleSpec.of(
        "conv",
        [TensorSpec((batch, in_channels, side, side))],
        batch=batch,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel=kernel,
        stride=stride,
        groups=groups,
        dilation=1,
        fused_add=0,
    )


def true_ms(spec: ModuleSpec) -> float:
    """Return launch + the slower of computing whole waves of tiles and moving the data."""
    out = outputs_of(spec)[0].shape
    pixels = out[0] * out[2] * out[3]
    tiles = math.ceil(pixels / 128) * math.ceil(out[1] / 64)
    waves = math.ceil(tiles / 8)
    work = cost_of(spec).macs / (pixels * out[1])
    moved = spec.inputs[0].numel + outputs_of(spec)[0].numel
    return 0.01 + max(waves * 128 * 64 * work / 1e8, moved / 1e7)


def grid() -> list[ModuleSpec]:
    return [
        conv(a, b, side, kernel, stride)
        for a in WIDTHS
        for b in WIDTHS
        for side in SIDES
        for kernel in (1, 3, 5)
        for stride in (1, 2)
    ]


def depthwise() -> list[ModuleSpec]:
    return [conv(c, c, side, k, groups=c) for c in WIDTHS for side in SIDES for k in (3, 5)]


def measured(specs: list[ModuleSpec], noise: float, rng: np.random.Generator) -> dict:
    return {spec: true_ms(spec) * math.exp(noise * rng.standard_normal()) for spec in specs}
