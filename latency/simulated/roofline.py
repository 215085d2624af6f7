"""Milliseconds of a layer: the longer of its arithmetic and its memory traffic, and its launches.

Roofline: Williams, Waterman and Patterson, CACM 2009, doi:10.1145/1498765.1498785. A matrix
product is cut into tiles, which run in waves over the processors; a last wave that is not full
and tiles that overhang the matrix cost as much as full ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .device import FUSING, WIDER, SimulatedDevice
from .efficiency import (
    CACHE_GAIN,
    DEPTH_STEP,
    FULL_TILE,
    TILES,
    WINOGRAD_GAIN,
    Efficiency,
)
from .layers import Layer, Matmul, Pass, Sample, Serial

MS = 1e3  # milliseconds in a second


@dataclass(frozen=True, slots=True)
class Roofline:
    """Time layers on a device.

    Attributes:
        device: Where.
        engine: A key of the device's ``launch_us``.
        precision: ``fp32``, ``fp16`` or ``int8``.
        efficiencies: Of every type of arithmetic.
        mixed: Whether a layer runs in a wider type where that is quicker.
    """

    device: SimulatedDevice
    engine: str
    precision: str
    efficiencies: Mapping[str, Efficiency]
    mixed: bool = True

    def layers_ms(self, layers: tuple[Layer, ...]) -> float:
        """Return the milliseconds of layers that run one after another."""
        return sum(map(self.layer_ms, layers))

    def layer_ms(self, layer: Layer) -> float:
        """Return the milliseconds of one layer."""
        kernels = self._kernels(layer)
        if not kernels:
            return 0.0
        work_s = min(self._work_s(layer, kernels, kind) for kind in self._types)
        return MS * work_s + kernels * self.device.launch_us[self.engine].value / 1e3

    def least_ms(self, layers: tuple[Layer, ...]) -> float:
        """Return the roofline itself: peak rates, and each matrix product's traffic once.

        Winograd's algorithm needs fewer multiplications than are counted; the bound allows for
        that where it applies.
        """
        return MS * sum(self._least_s(x) for x in layers if isinstance(x, Matmul))

    def _least_s(self, layer: Matmul) -> float:
        bounds = []
        for kind in self._kinds:
            gain = WINOGRAD_GAIN if layer.winograd and kind == "fp32" else 1.0
            rate = gain * self._peak(kind)
            width = self.efficiencies[kind].bytes_per_element
            moved = (layer.read + layer.written + layer.weights) * width
            bounds.append(max(2 * layer.macs / rate, moved / self._bandwidth))
        return min(bounds)

    def _kernels(self, layer: Layer) -> int:
        if isinstance(layer, Serial):
            return layer.kernels
        if not isinstance(layer, Pass):
            return 1
        if not FUSING[self.engine]:
            return layer.steps
        return 0 if layer.absorbed else 1

    def _work_s(self, layer: Layer, kernels: int, precision: str) -> float:
        efficiency = self.efficiencies[precision]
        width = efficiency.bytes_per_element
        speed = self._bandwidth * efficiency.bandwidth
        if isinstance(layer, Matmul):
            return min(self._product_s(layer, kind) for kind in self._kinds_of(precision))
        if isinstance(layer, Pass):
            return kernels * (layer.read + layer.written) * width / speed
        if isinstance(layer, Sample):
            fits = layer.source * width <= self.device.cache_mb.value * 1e6
            gain = CACHE_GAIN if fits else 1.0
            return (layer.taps / gain + layer.written) * width / speed
        return layer.cycles / self._clock

    def _product_s(self, layer: Matmul, kind: str) -> float:
        """Return the seconds of a matrix product in one type of arithmetic."""
        efficiency = self.efficiencies[kind]
        moved = (layer.read + layer.written + layer.weights) * efficiency.bytes_per_element
        if layer.is_depthwise:
            rate = self._peak("fp32") * efficiency.depthwise
            speed = self._bandwidth * efficiency.depthwise_bandwidth
            return max(2 * layer.macs / rate, moved / speed)
        gain = WINOGRAD_GAIN if layer.winograd and kind == "fp32" else 1.0
        arithmetic = min(self._tiled_s(layer, tile, kind, gain) for tile in TILES)
        return max(arithmetic, moved / (self._bandwidth * efficiency.bandwidth))

    def _tiled_s(self, layer: Matmul, tile: tuple[int, int], kind: str, gain: float) -> float:
        rows, columns = tile
        efficiency, processors = self.efficiencies[kind], self.device.processors.value
        tiles = layer.groups * math.ceil(layer.rows / rows) * math.ceil(layer.columns / columns)
        depth = math.ceil(layer.depth / DEPTH_STEP) * DEPTH_STEP
        rate = gain * self._peak(kind) / processors * _tile_share(efficiency, rows, columns)
        least = depth * efficiency.cycles_per_depth / self._clock
        return math.ceil(tiles / processors) * max(2 * rows * columns * depth / rate, least)

    @property
    def _types(self) -> tuple[str, ...]:
        return WIDER[self.precision] if self.mixed else (self.precision,)

    @property
    def _kinds(self) -> tuple[str, ...]:
        return tuple(kind for each in self._types for kind in self._kinds_of(each))

    def _kinds_of(self, precision: str) -> tuple[str, ...]:
        """Return the arithmetic that a precision may use; cuDNN and TensorRT allow TF32."""
        if precision == "fp32" and "tf32" in self.device.peak_tflops:
            return ("fp32", "tf32")
        return (precision,)

    def _peak(self, kind: str) -> float:
        return self.device.peak_tflops[kind].value * 1e12

    @property
    def _bandwidth(self) -> float:
        return self.device.bandwidth_gb_s.value * 1e9

    @property
    def _clock(self) -> float:
        return self.device.clock_mhz.value * 1e6


def _tile_share(efficiency: Efficiency, rows: int, columns: int) -> float:
    """Return the share of the peak rate that tiles of this size reach."""
    intensity = rows * columns / (rows + columns) / FULL_TILE
    return efficiency.product * math.pow(intensity, efficiency.tile_exponent)
