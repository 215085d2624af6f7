"""What is written down about an engine."""

from dataclasses import replace

import pytest

from engines import Measurement, TimingProtocol, get_backend
from engines.conformance import small_model
from export import MeasuredLatency


@pytest.fixture
def measurement() -> Measurement:
    with get_backend("fake").build(small_model()) as engine:
        return engine.measure(TimingProtocol(min_samples=40))


def test_a_measurement_is_summarised(measurement: Measurement) -> None:
    measured = MeasuredLatency.of(measurement)
    assert measured.ci_ms == measurement.ci_ms
    assert (measured.median_ms, measured.n) == (measurement.median_ms, len(measurement.raw_ms))


def test_samples_that_bound_nothing_give_their_range_and_say_so(measurement: Measurement) -> None:
    rising = tuple(1.0 + 0.001 * index for index in range(40))
    measured = MeasuredLatency.of(replace(measurement, raw_ms=rising, converged=False))
    assert measured.ci_ms == (min(rising), max(rising))
    assert any("not at all" in reason for reason in measured.unstable)
