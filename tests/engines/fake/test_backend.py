import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from engines import EngineBuildError, FakeBackend, TimingProtocol, TorchModel

PROTOCOL = TimingProtocol()


def _model(macs: int = 0, name: str = "m") -> TorchModel:
    return TorchModel(None, {"x": np.ones((1, 2), np.float32)}, name=name, macs=macs)


@given(st.floats(0.001, 10), st.integers(0, 10**9), st.floats(1e3, 1e9))
def test_the_latency_is_the_formula(overhead: float, macs: int, speed: float) -> None:
    backend = FakeBackend(overhead_ms=overhead, macs_per_ms=speed)
    expected = overhead + macs / speed
    assert backend.build(_model(macs)).timer()(3) == pytest.approx(3 * expected)


def test_measured_without_noise_it_is_exact() -> None:
    measured = FakeBackend(overhead_ms=2.0, macs_per_ms=100.0).build(_model(50)).measure(PROTOCOL)
    assert set(measured.raw_ms) == {2.5}
    assert (measured.converged, measured.steady) == (True, True)
    assert measured.ci_ms == (2.5, 2.5)


def test_an_own_latency() -> None:
    backend = FakeBackend(latency_ms=lambda model: 1.0 + len(model.name))
    assert backend.build(_model(name="abc")).measure(PROTOCOL).median_ms == 4.0


def test_noise_is_seeded_and_has_its_size() -> None:
    def raw(seed: int, name: str = "m") -> tuple[float, ...]:
        backend = FakeBackend(overhead_ms=2.0, noise=0.05, seed=seed)
        return backend.build(_model(name=name)).measure(PROTOCOL).raw_ms

    assert raw(1) == raw(1)
    assert raw(1) != raw(2)
    assert raw(1, "a") != raw(1, "b")
    assert np.std(np.log(raw(1))) == pytest.approx(0.05, rel=0.2)
    assert np.median(raw(1)) == pytest.approx(2.0, rel=0.03)


def test_it_computes_nothing_and_shows_it() -> None:
    outputs = FakeBackend().build(_model()).run({"x": np.ones((1, 2), np.float32)})
    assert list(outputs) == ["output"]
    assert outputs["output"].shape == (0,)


def test_devices_differ_by_their_parameters() -> None:
    def fingerprint(**options: object) -> str:
        return FakeBackend(**options).build(_model()).device.fingerprint

    assert fingerprint() == fingerprint(seed=3)
    variants = [
        fingerprint(),
        fingerprint(overhead_ms=1.0),
        fingerprint(macs_per_ms=1.0),
        fingerprint(noise=0.1),
        fingerprint(device_name="other"),
        fingerprint(latency_ms=lambda model: 1.0),
    ]
    assert len(set(variants)) == len(variants)


def test_saves_what_it_is(tmp_path: Path) -> None:
    path = FakeBackend(latency_ms=lambda model: 2.0).build(_model()).save(tmp_path / "e.json")
    assert json.loads(path.read_text()) == {"engine": "fake", "model": "m", "latency_ms": 2.0}


@pytest.mark.parametrize("latency", [0.0, -1.0, math.nan, math.inf])
def test_refuses_impossible_latencies(latency: float) -> None:
    with pytest.raises(EngineBuildError, match="model 'm' must be a finite number > 0 ms, got"):
        FakeBackend(latency_ms=lambda model: latency).build(_model())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overhead_ms": -1.0}, "overhead_ms must be a finite number >= 0, got -1.0"),
        ({"macs_per_ms": 0.0}, "macs_per_ms must be a finite number > 0, got 0.0"),
        ({"noise": math.nan}, "noise must be a finite number >= 0, got nan"),
    ],
)
def test_refuses_parameters(options: dict[str, float], message: str) -> None:
    with pytest.raises(EngineBuildError, match=message):
        FakeBackend(**options)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("device", ["cpu", "cuda:3"])
def test_takes_every_known_option(precision: str, device: str) -> None:
    engine = FakeBackend().build(_model(), precision=precision, threads=4, device=device)
    assert (engine.precision, engine.threads, engine.device.kind) == (precision, 4, "simulated")
