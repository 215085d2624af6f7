from dataclasses import replace

import numpy as np
import pytest

from engines import (
    FakeBackend,
    MeasurementError,
    TimingProtocol,
    TorchModel,
    measure_beside,
    measure_interleaved,
)
from engines.timing import REFERENCE_SHARE

PROTOCOL = TimingProtocol(warmup_min_ms=0.0, min_block_ms=1.0)


def _model(name: str, macs: int) -> TorchModel:
    return TorchModel(None, {"x": np.ones((1, 2), np.float32)}, name=name, macs=macs)


def test_measure_interleaved_keeps_the_order() -> None:
    backend = FakeBackend(overhead_ms=1.0, macs_per_ms=10.0)
    engines = [backend.build(_model(str(macs), macs)) for macs in (0, 10, 20)]
    measured = measure_interleaved(engines, TimingProtocol())
    assert [m.median_ms for m in measured] == [1.0, 2.0, 3.0]
    assert all(m.converged and m.steady for m in measured)


def test_measure_interleaved_equals_measure_without_noise() -> None:
    engine = FakeBackend().build(_model("a", 10))
    alone, together = engine.measure(PROTOCOL), measure_interleaved([engine], PROTOCOL)[0]
    assert alone.raw_ms == together.raw_ms


def test_measuring_checks_before_it_runs() -> None:
    fine = FakeBackend().build(_model("a", 10))
    other = FakeBackend().build(_model("b", 10), threads=2, precision="fp16")
    with pytest.raises(MeasurementError, match="threads=2 but the protocol says threads=1"):
        measure_interleaved([fine, other], PROTOCOL)
    with pytest.raises(
        MeasurementError, match="precision='fp16' but the protocol says precision='fp32'"
    ):
        measure_interleaved([other], replace(PROTOCOL, threads=2))
    with pytest.raises(MeasurementError, match="1 engines but 2 inputs"):
        measure_interleaved([fine], PROTOCOL, [None, None])
    assert measure_interleaved([], PROTOCOL) == []
    for pair in ((fine, other), (other, fine)):
        with pytest.raises(MeasurementError, match="threads=2 but"):
            measure_beside(*pair, PROTOCOL)
    with pytest.raises(MeasurementError, match="inputs is empty"):
        measure_beside(fine, fine, PROTOCOL, [])


@pytest.mark.parametrize("ms", [0.02, 3.0, 30.0, 300.0, 3000.0])
def test_the_reference_is_timed_beside(ms: float) -> None:
    backend = FakeBackend(overhead_ms=0.001, macs_per_ms=1000.0)
    engine = backend.build(_model("a", int(1000 * ms)))
    reference = backend.build(_model("r", 2500))
    measured, beside = measure_beside(engine, reference, TimingProtocol())
    assert measured.median_ms == pytest.approx(ms, rel=0.1)
    assert set(beside) == {2.501}
    assert len(beside) >= 9
    spent = (sum(measured.raw_ms) + sum(measured.warmup_ms)) * measured.block_runs
    assert sum(beside) < REFERENCE_SHARE / (1 - REFERENCE_SHARE) * spent


def test_inputs_take_turns() -> None:
    engine = FakeBackend(overhead_ms=2.0).build(_model("a", 0))
    reference = FakeBackend(overhead_ms=2.5).build(_model("r", 0))
    sets = [{"x": np.full((1, 2), value, np.float32)} for value in range(3)]
    measured, _ = measure_beside(engine, reference, PROTOCOL, sets)
    assert measured.inputs == 3
    assert len(measured.raw_ms) % 3 == 0
    assert measured.per_input_medians() == (2.0, 2.0, 2.0)
