import gc
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from engines import FakeBackend, MeasurementError, TimingProtocol, TorchModel, measure_interleaved
from engines.stats import median_ci
from engines.timing import MAX_BLOCK_RUNS, Sampler, time_interleaved

PROTOCOL = TimingProtocol(warmup_min_ms=0.0, min_block_ms=1.0)
RNG = np.random.default_rng


def endless(*values: float) -> Iterator[float]:
    """Give the values, then the last one for ever."""
    return itertools.chain(values, itertools.repeat(values[-1]))


class Script:
    """A timer whose blocks take the next ms per run of a sequence."""

    def __init__(self, ms_per_run: Iterator[float], log: list[tuple[str, int]], name: str) -> None:
        self._values, self._log, self._name = ms_per_run, log, name

    def __call__(self, runs: int) -> float:
        self._log.append((self._name, runs))
        return runs * next(self._values)


def script(*values: float) -> Script:
    return Script(endless(*values), [], "a")


def warmed(timer: Callable[[int], float], protocol: TimingProtocol = PROTOCOL) -> Sampler:
    sampler = Sampler(timer, protocol)
    sampler.warm_up()
    return sampler


def test_warm_up_ends_once_the_window_is_flat() -> None:
    result = warmed(script(10.0, 5.0, 3.0, 2.0)).result()
    # Of the last five blocks 5 3 2 2 2 the median slope is not flat yet; of 3 2 2 2 2 it is.
    assert result.warmup_ms == (10.0, 5.0, 3.0, 2.0, 2.0, 2.0, 2.0)
    assert result.steady


def test_warm_up_lasts_at_least_its_minimum() -> None:
    sampler = warmed(script(2.0), replace(PROTOCOL, warmup_min_ms=100.0))
    assert len(sampler.result().warmup_ms) == 50


def test_warm_up_gives_up_on_a_trend() -> None:
    falling = (100.0 * 0.98**i for i in itertools.count())
    sampler = warmed(Script(falling, [], "a"), replace(PROTOCOL, warmup_max_ms=1000.0))
    result = sampler.result()
    assert not result.steady
    assert sum(result.warmup_ms) == pytest.approx(1000.0, rel=0.1)


def test_warm_up_of_a_slow_engine_takes_three_blocks() -> None:
    result = warmed(script(9000.0)).result()
    assert result.warmup_ms == (9000.0,) * 3
    assert result.steady
    assert not warmed(script(9000.0, 8000.0, 7000.0)).result().steady


def test_one_spike_does_not_prolong_the_warm_up() -> None:
    assert len(warmed(script(2.0, 2.0, 9.0, 2.0)).result().warmup_ms) == 5


@pytest.mark.parametrize("ms", [1e-5, 0.013, 0.4, 0.999, 1.0, 7.0])
def test_blocks_last_at_least_their_minimum(ms: float) -> None:
    sampler = warmed(script(ms))
    runs = sampler.result().block_runs
    assert runs * ms >= PROTOCOL.min_block_ms
    assert runs == 1 or (runs - 1) * ms <= 1.25 * PROTOCOL.min_block_ms * 1.01


def test_a_slow_first_run_does_not_leave_the_blocks_short() -> None:
    result = warmed(script(50.0, 0.9, 0.1)).result()
    assert result.block_runs * 0.1 >= PROTOCOL.min_block_ms


def test_a_timer_without_time_does_not_hang() -> None:
    result = warmed(lambda runs: 0.0).result()
    assert result.block_runs <= MAX_BLOCK_RUNS


def test_stops_when_the_interval_is_narrow() -> None:
    (timing,) = time_interleaved([script(2.0)], PROTOCOL, RNG(0))
    assert timing.converged
    assert timing.raw_ms == (2.0,) * PROTOCOL.min_samples


def test_takes_more_samples_of_a_noisier_timer() -> None:
    def noisy(sigma: float) -> Callable[[int], float]:
        rng = RNG(1)
        return lambda runs: runs * 2.0 * float(rng.lognormal(sigma=sigma))

    protocol = replace(PROTOCOL, max_seconds=1e6)
    timings = [time_interleaved([noisy(s)], protocol, RNG(0))[0] for s in (0.01, 0.04, 0.08)]
    assert all(timing.converged for timing in timings)
    counts = [len(timing.raw_ms) for timing in timings]
    assert counts[0] < counts[1] < counts[2]


def test_adaptive_stop_keeps_the_coverage() -> None:
    # Looking after every sample, and stopping when it looks good, costs coverage: 95 % nominal.
    protocol = replace(PROTOCOL, max_seconds=1e6, target_rel_ci=0.02)

    def covers(seed: int) -> bool:
        rng = RNG(seed)
        sampler = Sampler(lambda runs: runs * 2.0 * float(rng.lognormal(sigma=0.04)), protocol)
        while not sampler.done:
            sampler.take()
        low, high = median_ci(sampler.result().raw_ms)
        return low <= 2.0 <= high

    assert np.mean([covers(seed) for seed in range(400)]) >= 0.88


def test_gives_up_after_max_samples() -> None:
    wild = Script(itertools.cycle((1.0, 3.0)), [], "a")
    (timing,) = time_interleaved([wild], replace(PROTOCOL, max_samples=40), RNG(0))
    assert not timing.converged
    assert len(timing.raw_ms) == 40


def test_gives_up_after_max_seconds() -> None:
    wild = Script(itertools.cycle((100.0, 300.0)), [], "a")
    (timing,) = time_interleaved([wild], replace(PROTOCOL, max_seconds=6.0), RNG(0))
    assert not timing.converged
    assert sum(timing.raw_ms) == pytest.approx(6000.0, abs=300.0)


def test_a_slow_engine_still_gets_an_interval() -> None:
    (timing,) = time_interleaved([script(9000.0)], PROTOCOL, RNG(0))
    assert len(timing.raw_ms) == 6
    assert not timing.converged  # fewer samples than min_samples


def _three(seed: int, values: Sequence[float] = (2.0, 3.0, 4.0)) -> list[tuple[str, int]]:
    log: list[tuple[str, int]] = []
    timers = [Script(endless(v), log, n) for n, v in zip("abc", values, strict=True)]
    time_interleaved(timers, replace(PROTOCOL, settle_runs=2), RNG(seed))
    return log


def test_interleaves_in_random_rounds() -> None:
    log = _three(0)
    warm = 5 * 3
    assert [name for name, _ in log[:warm]] == ["a"] * 5 + ["b"] * 5 + ["c"] * 5
    blocks = log[warm:]
    assert [runs for _, runs in blocks] == [2, 1] * (len(blocks) // 2)  # settle, then measure
    names = [name for name, _ in blocks[::2]]
    rounds = [tuple(names[i : i + 3]) for i in range(0, len(names), 3)]
    assert len(rounds) == PROTOCOL.min_samples
    assert all(sorted(members) == ["a", "b", "c"] for members in rounds)
    assert len(set(rounds)) > 3


def test_the_order_is_the_seed_s() -> None:
    assert _three(1) == _three(1)
    assert _three(1) != _three(2)


def test_a_timer_alone_is_not_settled() -> None:
    log: list[tuple[str, int]] = []
    time_interleaved([Script(endless(2.0), log, "a")], PROTOCOL, RNG(0))
    assert {runs for _, runs in log} == {1}


def test_who_has_converged_leaves_the_rounds() -> None:
    log: list[tuple[str, int]] = []
    wild = Script(itertools.cycle((1.0, 3.0)), log, "wild")
    calm = Script(endless(2.0), log, "calm")
    timings = time_interleaved(
        [wild, calm], replace(PROTOCOL, max_samples=50, settle_runs=0), RNG(0)
    )
    assert [len(timing.raw_ms) for timing in timings] == [50, 20]
    assert {name for name, _ in log[-30:]} == {"wild"}


def test_drift_hits_interleaved_timers_alike() -> None:
    clock = itertools.count()

    def drifting(ms: float) -> Callable[[int], float]:
        return lambda runs: runs * ms * (1.0 + 0.002 * next(clock))

    protocol = replace(PROTOCOL, target_rel_ci=1e-6, max_samples=100)
    first, second = time_interleaved([drifting(2.0), drifting(4.0)], protocol, RNG(0))
    ratio = np.median(second.raw_ms) / np.median(first.raw_ms)
    assert ratio == pytest.approx(2.0, rel=0.01)


def test_garbage_collection_is_off_meanwhile_and_back_afterwards() -> None:
    seen: list[bool] = []

    def timer(runs: int) -> float:
        seen.append(gc.isenabled())
        return 2.0 * runs

    time_interleaved([timer], PROTOCOL, RNG(0))
    assert not any(seen)
    assert gc.isenabled()

    def broken(runs: int) -> float:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        time_interleaved([broken], PROTOCOL, RNG(0))
    assert gc.isenabled()


def test_no_timers() -> None:
    assert time_interleaved([], PROTOCOL, RNG(0)) == []


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


def test_measure_interleaved_checks_before_it_runs() -> None:
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
