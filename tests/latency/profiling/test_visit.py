from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines import EngineBuildError, FakeBackend, MeasurementError, TimingProtocol, TorchModel
from latency import ProfileError, Sentinel
from latency.workloads.sentinel import sentinel_workload
from tests.latency.machine import STEADY, Machine

FAST = TimingProtocol(warmup_min_ms=0, min_samples=6, max_samples=6, max_seconds=0.1)
INPUTS = {"x": np.ones((1, 3), np.float32)}


class OneSpeed(Machine):
    """A machine that takes 4 ms for what is no graph."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        known = self._latency_ms
        self._latency_ms = lambda model: known(model) if hasattr(model, "graph") else 4.0


def visit(machine: FakeBackend, protocol: TimingProtocol = STEADY, **options):
    engine = machine.build(TorchModel(None, INPUTS))
    with Sentinel(machine, precision="fp32", threads=1, device="cpu") as sentinel:
        assert sentinel.key == sentinel_workload("fp32").key
        return sentinel.visit(engine, protocol, **options)


def test_a_steady_machine():
    found = visit(OneSpeed(), inputs=[INPUTS] * 3)
    assert found.measurement.median_ms == pytest.approx(4.0)
    assert found.measurement.inputs == 3
    assert (found.refused, found.sentinel_drift) == (None, pytest.approx(0.0))


def test_a_machine_that_grows_slower_is_refused():
    long = replace(STEADY, min_samples=300, max_samples=300)
    found = visit(OneSpeed(lambda now_ms: 1.0 + 0.1 * (now_ms > 750)), long)
    assert found.refused is not None
    assert found.refused.startswith("the machine's speed changed")
    assert found.sentinel_drift == pytest.approx(0.1, abs=0.02)


def test_a_slower_machine_is_seen_in_the_sentinel_too():
    quick, slow = (visit(OneSpeed(lambda now_ms, by=by: by), FAST) for by in (1.0, 1.3))
    assert slow.sentinel_ms / quick.sentinel_ms == pytest.approx(1.3)
    assert slow.measurement.median_ms / quick.measurement.median_ms == pytest.approx(1.3)


def test_an_engine_without_a_sentinel_is_refused():
    class Picky(FakeBackend):
        def build(self, *args, **options):
            raise EngineBuildError("no convolutions here")

    with pytest.raises(ProfileError, match=r"cannot build the sentinel in fp16.*no convolutions"):
        Sentinel(Picky(), precision="fp16", threads=1, device="cpu")


def test_other_threads_than_the_engine_s_are_refused():
    machine = OneSpeed()
    engine = machine.build(TorchModel(None, INPUTS), threads=2)
    with (
        Sentinel(machine, precision="fp32", threads=1, device="cpu") as sentinel,
        pytest.raises(MeasurementError, match="threads"),
    ):
        sentinel.visit(engine, FAST)


def test_the_sentinel_is_exported_once():
    from latency.profiling.visit import _model

    model = _model("fp32")
    assert model.onnx_bytes() is model.onnx_bytes()
    assert _model("fp32") is model
