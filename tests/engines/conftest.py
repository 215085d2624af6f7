from collections.abc import Callable
from dataclasses import replace

import pytest

from engines import DeviceInfo, Measurement, TimingProtocol


@pytest.fixture
def device() -> DeviceInfo:
    return DeviceInfo(
        kind="cpu",
        name="Test CPU (cpu family 6, model 85)",
        uuid="machine-0123456789abcdef",
        cores=4,
        engine="onnxruntime",
        engine_version="1.2.3",
        driver="none",
        os="Linux 6.1 x86_64",
        python="3.11",
        clocks_mhz={"cpu": 2596.098},
    )


@pytest.fixture
def make_measurement(device: DeviceInfo) -> Callable[..., Measurement]:
    good = Measurement(
        raw_ms=(1.0, 1.001, 0.999, 1.0, 1.002, 0.998, 1.0, 1.001),
        warmup_ms=(3.0, 1.1),
        block_runs=3,
        protocol=TimingProtocol(),
        device=device,
        converged=True,
        steady=True,
        started_at="2026-01-02T03:04:05+00:00",
        others_busy=0.5,
        processors=4.0,
    )
    return lambda **changes: replace(good, **changes)
