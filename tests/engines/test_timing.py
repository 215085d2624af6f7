import gc
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from engines import TimingProtocol
from engines.stats import median_ci
from engines.timing import (
    MAX_BLOCK_RUNS,
    Sampler,
    Timer,
    Timing,
    reference_sampler,
    time_beside,
    time_interleaved,
)

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


def interleave(
    timers: Sequence[Timer], protocol: TimingProtocol, rng: np.random.Generator
) -> list[Timing]:
    return time_interleaved([Sampler([timer], protocol) for timer in timers], rng)


def script(*values: float) -> Script:
    return Script(endless(*values), [], "a")


def warmed(timer: Callable[[int], float], protocol: TimingProtocol = PROTOCOL) -> Sampler:
    sampler = Sampler([timer], protocol)
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
    (timing,) = interleave([script(2.0)], PROTOCOL, RNG(0))
    assert timing.converged
    assert timing.raw_ms == (2.0,) * PROTOCOL.min_samples


def test_takes_more_samples_of_a_noisier_timer() -> None:
    def noisy(sigma: float) -> Callable[[int], float]:
        rng = RNG(1)
        return lambda runs: runs * 2.0 * float(rng.lognormal(sigma=sigma))

    protocol = replace(PROTOCOL, max_seconds=1e6)
    timings = [interleave([noisy(s)], protocol, RNG(0))[0] for s in (0.01, 0.04, 0.08)]
    assert all(timing.converged for timing in timings)
    counts = [len(timing.raw_ms) for timing in timings]
    assert counts[0] < counts[1] < counts[2]


def test_adaptive_stop_keeps_the_coverage() -> None:
    # Looking after every sample, and stopping when it looks good, costs coverage: 95 % nominal.
    protocol = replace(PROTOCOL, max_seconds=1e6, target_rel_ci=0.02)

    def covers(seed: int) -> bool:
        rng = RNG(seed)
        sampler = Sampler([lambda runs: runs * 2.0 * float(rng.lognormal(sigma=0.04))], protocol)
        while not sampler.done:
            sampler.take()
        low, high = median_ci(sampler.result().raw_ms)
        return low <= 2.0 <= high

    assert np.mean([covers(seed) for seed in range(400)]) >= 0.88


def test_gives_up_after_max_samples() -> None:
    wild = Script(itertools.cycle((1.0, 3.0)), [], "a")
    (timing,) = interleave([wild], replace(PROTOCOL, max_samples=40), RNG(0))
    assert not timing.converged
    assert len(timing.raw_ms) == 40


def test_gives_up_after_max_seconds() -> None:
    wild = Script(itertools.cycle((100.0, 300.0)), [], "a")
    (timing,) = interleave([wild], replace(PROTOCOL, max_seconds=6.0), RNG(0))
    assert not timing.converged
    assert sum(timing.raw_ms) == pytest.approx(6000.0, abs=300.0)


def test_a_slow_engine_still_gets_an_interval() -> None:
    (timing,) = interleave([script(9000.0)], PROTOCOL, RNG(0))
    assert len(timing.raw_ms) == 6
    assert not timing.converged  # fewer samples than min_samples


def _three(seed: int, values: Sequence[float] = (2.0, 3.0, 4.0)) -> list[tuple[str, int]]:
    log: list[tuple[str, int]] = []
    timers = [Script(endless(v), log, n) for n, v in zip("abc", values, strict=True)]
    interleave(timers, replace(PROTOCOL, settle_runs=2), RNG(seed))
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
    interleave([Script(endless(2.0), log, "a")], PROTOCOL, RNG(0))
    assert {runs for _, runs in log} == {1}


def test_who_has_converged_leaves_the_rounds() -> None:
    log: list[tuple[str, int]] = []
    wild = Script(itertools.cycle((1.0, 3.0)), log, "wild")
    calm = Script(endless(2.0), log, "calm")
    timings = interleave([wild, calm], replace(PROTOCOL, max_samples=50, settle_runs=0), RNG(0))
    assert [len(timing.raw_ms) for timing in timings] == [50, 20]
    assert {name for name, _ in log[-30:]} == {"wild"}


def test_drift_hits_interleaved_timers_alike() -> None:
    clock = itertools.count()

    def drifting(ms: float) -> Callable[[int], float]:
        return lambda runs: runs * ms * (1.0 + 0.002 * next(clock))

    protocol = replace(PROTOCOL, target_rel_ci=1e-6, max_samples=100)
    first, second = interleave([drifting(2.0), drifting(4.0)], protocol, RNG(0))
    ratio = np.median(second.raw_ms) / np.median(first.raw_ms)
    assert ratio == pytest.approx(2.0, rel=0.01)


def test_garbage_collection_is_off_meanwhile_and_back_afterwards() -> None:
    seen: list[bool] = []

    def timer(runs: int) -> float:
        seen.append(gc.isenabled())
        return 2.0 * runs

    interleave([timer], PROTOCOL, RNG(0))
    assert not any(seen)
    assert gc.isenabled()

    def broken(runs: int) -> float:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        interleave([broken], PROTOCOL, RNG(0))
    assert gc.isenabled()


def test_no_timers() -> None:
    assert interleave([], PROTOCOL, RNG(0)) == []


def beside(
    timer: Timer, reference: Timer, protocol: TimingProtocol = PROTOCOL
) -> tuple[Timing, Timing]:
    return time_beside(Sampler([timer], protocol), reference_sampler(reference, protocol))


def test_a_reference_alternates_with_the_engine() -> None:
    log: list[tuple[str, int]] = []
    engine, reference = Script(endless(30.0), log, "a"), Script(endless(2.5), log, "r")
    timing, other = beside(engine, reference)
    assert set(timing.raw_ms) == {30.0}
    names = "".join(name for name, _ in log)
    assert names.startswith("aaaaa" + "rrr" + "rrr" + "aa")  # warm-ups, samples, settled sample
    assert "arrrraa" in names  # settled, three samples; settled, one sample
    assert set(other.raw_ms) == {2.5}
    assert len(other.raw_ms) >= 9
    spent = {name: sum(runs for n, runs in log if n == name) for name in "ar"}
    caused = 2.5 * spent["r"] + 30.0 * (names.count("raa"))
    assert caused <= 0.2 * (2.5 * spent["r"] + 30.0 * spent["a"])
    assert len(timing.raw_ms) <= 25


def test_short_engines_go_on_until_the_reference_is_known() -> None:
    timing, other = beside(script(1.0), script(2.5))
    assert timing.converged
    assert len(other.raw_ms) == 9
    assert len(timing.raw_ms) > PROTOCOL.min_samples
    few, one = beside(script(1.0), script(50.0), replace(PROTOCOL, max_samples=20))
    assert len(few.raw_ms) == 20
    assert len(one.raw_ms) == 1


@pytest.mark.parametrize(
    ("ms", "settle"), [(2.0, 2), (20.0, 2), (30.0, 1), (100.0, 1), (101.0, 0)]
)
def test_slow_engines_settle_less(ms: float, settle: int) -> None:
    sampler = warmed(script(ms))
    assert sampler.settle_runs == settle
    none = Sampler([script(ms)], replace(PROTOCOL, settle_runs=0))
    none.warm_up()
    assert none.settle_runs == 0


def test_inputs_are_sampled_in_turns_and_in_whole_rounds() -> None:
    timers = [script(ms) for ms in (1.0, 2.0, 4.0)]
    sampler = Sampler(timers, replace(PROTOCOL, min_samples=20))
    (timing,) = time_interleaved([sampler], RNG(0))
    assert timing.converged
    assert timing.raw_ms == (1.0, 2.0, 4.0) * 7  # 20 samples are no whole round
    wild = [Script(itertools.cycle((1.0, 3.0)), [], "w") for _ in range(3)]
    limited = Sampler(wild, replace(PROTOCOL, max_samples=20))
    (timing,) = time_interleaved([limited], RNG(0))
    assert len(timing.raw_ms) == 21
