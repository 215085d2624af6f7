"""Build fake engines; needs neither torch nor onnx, and loads nothing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

from ..base import EngineBase, Model, check_build, output_names_of
from ..device import DeviceInfo, parse_device
from ..errors import EngineBuildError
from .engine import FakeEngine

VERSION = "1"


class FakeBackend:
    """Give every model a latency by formula: ``overhead_ms + macs / macs_per_ms``.

    Same arguments, same latencies: nothing is run and no clock is read. Its engines compute no
    outputs (see :class:`FakeEngine`).

    Args:
        overhead_ms: Latency of a model without work.
        macs_per_ms: Multiply-adds per millisecond; the default is one slow CPU core.
        latency_ms: Replaces the formula: the latency of a model in milliseconds.
        noise: Relative standard deviation of a block, log-normal; 0 for none.
        seed: Seed of the noise; every engine starts from it anew.
        device_name: Name of the simulated device; parameters alone also tell two devices apart,
            a ``latency_ms`` does not, so give each its own name.

    Raises:
        EngineBuildError: A number is out of range.

    Example:
        >>> import numpy as np
        >>> from engines import FakeBackend, TimingProtocol, TorchModel
        >>> model = TorchModel(None, {"x": np.ones((1, 3), np.float32)}, macs=2_000_000)
        >>> engine = FakeBackend(overhead_ms=0.5, macs_per_ms=1e6).build(model)
        >>> engine.measure(TimingProtocol()).median_ms
        2.5
    """

    name = "fake"

    def __init__(
        self,
        *,
        overhead_ms: float = 0.02,
        macs_per_ms: float = 2e7,
        latency_ms: Callable[[Model], float] | None = None,
        noise: float = 0.0,
        seed: int = 0,
        device_name: str = "analytic",
    ) -> None:
        _check_finite("overhead_ms", overhead_ms, least=0.0)
        _check_finite("noise", noise, least=0.0)
        _check_finite("macs_per_ms", macs_per_ms, least=math.ulp(0.0))
        self._overhead_ms = overhead_ms
        self._macs_per_ms = macs_per_ms
        self._latency_ms = latency_ms
        self._noise = noise
        self._seed = seed
        self._device_name = device_name

    def unavailable_reason(self) -> str | None:
        """Return None: it works everywhere."""
        return None

    def probe(self, device: str = "cpu") -> DeviceInfo:
        """Describe the simulated device; ``device`` is checked and changes nothing.

        Raises:
            EngineBuildError: ``device`` is no device name.
        """
        parse_device(device)
        return self._device()

    def build(
        self, model: Model, *, precision: str = "fp32", threads: int = 1, device: str = "cpu"
    ) -> EngineBase:
        """Build an engine from the model's name, MACs and example inputs.

        Precision, threads and device are checked as every backend does, and change nothing.

        Raises:
            EngineBuildError: An argument is unknown, or the latency is not a positive number.
        """
        check_build(self.name, precision, threads)
        info = self.probe(device)
        return FakeEngine(
            model.name,
            self._latency_of(model),
            noise=self._noise,
            seed=self._seed,
            device=info,
            precision=precision,
            threads=threads,
            examples=model.example_inputs(),
            output_names=output_names_of(model),
        )

    def _latency_of(self, model: Model) -> float:
        if self._latency_ms is None:
            latency = self._overhead_ms + model.macs / self._macs_per_ms
        else:
            latency = float(self._latency_ms(model))
        if not math.isfinite(latency) or latency <= 0:
            raise EngineBuildError(
                f"the fake latency of model {model.name!r} must be a finite number > 0 ms, "
                f"got {latency!r}"
            )
        return latency

    def _device(self) -> DeviceInfo:
        formula = "own" if self._latency_ms else f"{self._overhead_ms} {self._macs_per_ms}"
        parameters = f"{self._device_name} {formula} {self._noise}"
        return DeviceInfo(
            kind="simulated",
            name=self._device_name,
            uuid="fake-" + hashlib.sha256(parameters.encode()).hexdigest()[:16],
            cores=1,
            engine=self.name,
            engine_version=VERSION,
            driver="none",
            os="any",
            python="any",
        )


def _check_finite(name: str, value: float, least: float) -> None:
    if not math.isfinite(value) or value < least:
        bound = ">= 0" if least == 0 else "> 0"
        raise EngineBuildError(f"{name} must be a finite number {bound}, got {value!r}")
