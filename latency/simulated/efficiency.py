"""How much of a data sheet's rates kernels reach.

Fitted on measured TensorRT convolutions of a V100 (the op profiler library of
alibaba/lightweight-neural-architecture-search, Apache-2.0; batch 1; 1,500 dense rows of kernels 1
and 3 and some 2,100 depthwise ones of each precision; least mean absolute log error) by
``benchmarks/simulate_v100.py --fit``, the launch cost of the V100's file given. Devices that were
not measured get the same. What no measurement stands behind is marked as estimated.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Say how well a type of arithmetic uses a device.

    Attributes:
        product: Share of the peak rate that full 128x128 tiles reach.
        tile_exponent: How the share falls with a tile's ratio of arithmetic to memory, of which
            a 128x128 tile has 1.
        cycles_per_depth: Clock cycles that one element of the products' depth takes at least,
            however small the tile.
        bandwidth: Share of the memory's bandwidth.
        depthwise: Share of the fp32 peak rate that depthwise convolutions reach; they use no
            tensor cores.
        depthwise_bandwidth: Share of the bandwidth that depthwise convolutions reach.
        bytes_per_element: Width of an element.
    """

    product: float
    tile_exponent: float
    cycles_per_depth: float
    bandwidth: float
    depthwise: float
    depthwise_bandwidth: float
    bytes_per_element: int


EFFICIENCIES = {
    "fp32": Efficiency(0.983, 1.297, 8.4, 0.800, 0.062, 0.600, 4),
    "fp16": Efficiency(0.774, 0.903, 37.4, 0.793, 0.131, 0.493, 2),
    "int8": Efficiency(0.947, 0.046, 37.7, 0.282, 0.065, 0.158, 1),
}
"""Type of arithmetic -> efficiency."""

EFFICIENCIES["tf32"] = Efficiency(0.774, 0.903, 37.4, 0.800, 0.062, 0.600, 4)
"""Estimated: tensor cores as in fp16, memory as in fp32."""

TILES = (
    (128, 128),
    (128, 64),
    (64, 64),
    (128, 32),
    (64, 32),
    (32, 32),
    (64, 16),
    (32, 16),
)
"""Rows and columns of the output that one thread block makes; the quickest is taken."""

FULL_TILE = 64.0  # rows * columns / (rows + columns) of a 128x128 tile
DEPTH_STEP = 16  # depth is padded to whole steps of a block's loop
WINOGRAD_GAIN = 2.25
"""Multiplications that F(2x2, 3x3) saves (Lavin and Gray, CVPR 2016, sec. 4); V100 rows of 31
TFLOPS, twice the peak, show that TensorRT uses it in fp32."""

CACHE_GAIN = 2.4
"""Bandwidth of the shared cache over the memory's (estimated)."""
