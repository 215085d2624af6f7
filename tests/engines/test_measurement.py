import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from engines import DeviceInfo, Measurement, MeasurementError, TimingProtocol
from engines.clocks import ClockReading, Clocks

Make = Callable[..., Measurement]


@given(
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30),
    st.lists(st.floats(1e-6, 1e6), max_size=5),
    st.booleans(),
    st.none() | st.floats(0, 100),
)
@settings(max_examples=50)
def test_round_trip_is_exact(
    raw: list[float], warmup: list[float], flag: bool, load: float | None
) -> None:
    device = DeviceInfo(
        kind="simulated",
        name="a",
        uuid="b",
        cores=1,
        engine="fake",
        engine_version="1",
        driver="none",
        os="any",
        python="any",
    )
    measured = Measurement(
        raw_ms=tuple(raw),
        warmup_ms=tuple(warmup),
        block_runs=7,
        protocol=TimingProtocol(),
        device=device,
        converged=flag,
        steady=not flag,
        started_at="2026-01-02T03:04:05+00:00",
        others_busy=load,
        processors=None if load is None else load + 1.0,
        inputs=1 + flag * (len(raw) - 1),
        clocks=Clocks(ClockReading(cpu_mhz=load), ClockReading()) if flag else None,
    )
    assert Measurement.from_dict(json.loads(json.dumps(measured.to_dict()))) == measured


def test_statistics_in_closed_form(make_measurement: Make) -> None:
    mixed = (float(i * 8 % 21 + 1) for i in range(21))  # 1 to 21, neighbours unlike each other
    measured = make_measurement(raw_ms=tuple(mixed))
    assert measured.median_ms == measured.p50_ms == 11.0
    assert measured.iqr_ms == 10.0  # quartiles 6 and 16
    assert measured.ci_ms == (6.0, 16.0)  # ranks 6 and 16 of 21
    assert measured.rel_ci == pytest.approx(5 / 11)
    assert measured.p90_ms == pytest.approx(19.0)
    assert measured.p99_ms == pytest.approx(20.8)


@pytest.mark.parametrize("seed", range(3))
def test_median_and_spread_do_not_depend_on_the_order(make_measurement: Make, seed: int) -> None:
    raw = [1.0, 2.0, 2.0, 3.0, 5.0, 8.0, 13.0]
    measured = make_measurement(raw_ms=tuple(np.random.default_rng(seed).permutation(raw)))
    assert (measured.median_ms, measured.iqr_ms) == (3.0, 4.5)


def test_one_sample(make_measurement: Make) -> None:
    measured = make_measurement(raw_ms=(2.0,), converged=False)
    assert (measured.median_ms, measured.iqr_ms) == (2.0, 0.0)
    assert measured.ci_ms == (0.0, math.inf)
    (reason,) = measured.unstable_reasons()
    assert reason == "not converged: 1 samples bound the median not at all, wanted 1.0%"


def test_a_good_measurement_has_no_reasons(make_measurement: Make) -> None:
    assert make_measurement().unstable_reasons() == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"converged": False}, "not converged: 8 samples bound the median to"),
        ({"steady": False}, "no steady state after 2 blocks of warm-up"),
        ({"raw_ms": (0.9, 1.1, 0.9, 1.1)}, "spread: IQR is 20.0% of the median, more than 10%"),
        ({"raw_ms": (0.8, 1.2, 0.8, 1.2)}, "gross spread: IQR is 40.0% of the median"),
        ({"raw_ms": (1.0,) * 6 + (1.03,) * 6}, "drift: second half +3.0% against the first"),
        ({"raw_ms": (1.03,) * 6 + (1.0,) * 6}, "drift: second half -2.9% against the first"),
        ({"raw_ms": (1.0,) * 12 + (1.6,)}, "outliers: the slowest sample is 60% above"),
        ({"raw_ms": (1.0,) * 12 + (0.4,)}, "outliers: the fastest sample is 60% below"),
        (
            {"clocks": Clocks(ClockReading(cpu_mhz=3000), ClockReading(cpu_mhz=2000))},
            "cpu clock from 3000 to 2000 MHz",
        ),
        (
            {"clocks": Clocks(ClockReading(), ClockReading(throttle=("power cap",)))},
            "throttled: power cap",
        ),
        (
            {"others_busy": 3.2},
            "busy machine: other programs kept 3.2 of 4 usable processors busy, and 1 threads",
        ),
        ({"processors": 1.3}, "busy machine: other programs kept 0.5 of 1.3 usable processors"),
        ({"processors": 0.5}, "too many threads: 1 on 0.5 usable processors"),
        ({"protocol": TimingProtocol(threads=5)}, "too many threads: 5 on 4 usable processors"),
        (
            {"protocol": TimingProtocol(threads=4)},
            "busy machine: other programs kept 0.5 of 4 usable processors busy, and 4 threads",
        ),
    ],
)
def test_each_reason(make_measurement: Make, change: dict[str, object], reason: str) -> None:
    (found,) = make_measurement(**change).unstable_reasons()
    assert found.startswith(reason)


def test_the_processors_of_this_machine_do_not_matter_to_a_gpu(
    make_measurement: Make, device: DeviceInfo
) -> None:
    on_gpu = make_measurement(device=replace(device, kind="cuda"), others_busy=9.0)
    assert on_gpu.unstable_reasons() == ()


@pytest.mark.parametrize(
    "change",
    [
        {"raw_ms": (0.96, 1.04, 0.96, 1.04)},
        {"raw_ms": (1.0,) * 6 + (1.019,) * 6},
        {"raw_ms": (1.0,) * 12 + (1.49,)},
        {"others_busy": 3.0},
        {"others_busy": 3.1},  # what the system itself does, and its ticks
        {"others_busy": None},
        {"others_busy": 9.0, "processors": None},
        {"protocol": TimingProtocol(threads=3)},
    ],
)
def test_below_the_thresholds(make_measurement: Make, change: dict[str, object]) -> None:
    assert make_measurement(**change).unstable_reasons() == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"raw_ms": []}, "raw_ms is empty"),
        ({"raw_ms": [1.0, -1.0]}, r"raw_ms\[1\] must be a finite number > 0, got -1.0"),
        ({"raw_ms": [0.0]}, r"raw_ms\[0\] must be a finite number > 0, got 0.0"),
        ({"raw_ms": [math.nan]}, r"raw_ms\[0\] .* got nan"),
        ({"raw_ms": [math.inf]}, r"raw_ms\[0\] .* got inf"),
        ({"raw_ms": ["1"]}, r"raw_ms\[0\] .* got '1'"),
        ({"raw_ms": 1.0}, "raw_ms must be a list of numbers, got 1.0"),
        ({"warmup_ms": [None]}, r"warmup_ms\[0\] .* got None"),
        ({"block_runs": 0}, "block_runs must be an int >= 1"),
        ({"converged": 1}, "converged must be true or false, got 1"),
        ({"steady": None}, "steady must be true or false"),
        ({"started_at": "yesterday"}, "started_at must be an ISO 8601 time, got 'yesterday'"),
        ({"started_at": 3}, "started_at must be a non-empty string"),
        ({"others_busy": -1.0}, "others_busy must be a finite number >= 0"),
        ({"processors": 0}, "processors must be a finite number > 0, got 0"),
        ({"protocol": None}, "TimingProtocol must be a JSON object, got NoneType"),
        ({"device": {}}, "DeviceInfo lacks the field"),
        ({"extra": 1}, "Measurement has no field extra"),
        ({"inputs": 0}, "inputs must be an int >= 1"),
        ({"inputs": 9}, "inputs is 9, but there are 8 samples"),
        ({"clocks": 3}, "Clocks must be a JSON object"),
    ],
)
def test_refuses_damage(make_measurement: Make, change: dict[str, object], message: str) -> None:
    data = {**make_measurement().to_dict(), **change}
    with pytest.raises(MeasurementError, match=message):
        Measurement.from_dict(data)


def test_inputs_differ_without_disturbing(make_measurement: Make) -> None:
    rng = np.random.default_rng(0)
    rounds = np.array([1.0, 2.0, 3.0, 10.0]) * rng.lognormal(0.0, 0.003, (20, 4))
    measured = make_measurement(raw_ms=tuple(rounds.ravel().tolist()), inputs=4)
    assert measured.per_input_medians() == pytest.approx((1.0, 2.0, 3.0, 10.0), rel=0.01)
    assert measured.median_ms == pytest.approx(2.5, rel=0.01)
    assert measured.p90_ms > 9
    assert measured.rel_ci < 0.005
    assert measured.unstable_reasons() == ()
    assert replace(measured, inputs=1).unstable_reasons()


def test_files_of_before_have_one_input_and_no_clocks(make_measurement: Make) -> None:
    data = make_measurement().to_dict()
    del data["inputs"], data["clocks"], data["protocol"]["cache"]
    assert Measurement.from_dict(data) == make_measurement()


def test_refuses_a_missing_field(make_measurement: Make) -> None:
    data = make_measurement().to_dict()
    del data["raw_ms"]
    with pytest.raises(MeasurementError, match="Measurement lacks the field raw_ms"):
        Measurement.from_dict(data)
