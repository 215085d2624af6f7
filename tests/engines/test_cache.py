from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines import DeviceInfo, FakeBackend, MeasurementError, TimingProtocol, TorchModel
from engines.cache import ColdTimer, cache_flusher, last_cache_bytes
from engines.processors import allowed_processors
from engines.timing import Sampler


def test_every_run_is_cold() -> None:
    log: list[str] = []

    def timer(runs: int) -> float:
        log.append(f"run {runs}")
        return 2.0 * runs

    cold = ColdTimer(timer, lambda: log.append("flush"))
    log.clear()
    assert cold(3) == 6.0
    assert log == ["flush", "run 1"] * 3
    assert cold.untimed_ms >= 0


def test_the_largest_cache_counts(tmp_path: Path) -> None:
    assert last_cache_bytes(tmp_path) is None
    number = min(allowed_processors())
    for index, size in enumerate(("32K", "1024K", "32M", "strange")):
        file = tmp_path / f"sys/devices/system/cpu/cpu{number}/cache/index{index}/size"
        file.parent.mkdir(parents=True)
        file.write_text(size + "\n")
    assert last_cache_bytes(tmp_path) == 32 * 2**20


def test_an_unknown_cache_cannot_be_emptied(device: DeviceInfo, tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="size of the last-level cache"):
        cache_flusher(device, tmp_path)
    cache_flusher(replace(device, kind="simulated"), tmp_path)()


def test_emptying_writes_twice_the_cache(device: DeviceInfo, tmp_path: Path) -> None:
    file = tmp_path / f"sys/devices/system/cpu/cpu{min(allowed_processors())}/cache/index3/size"
    file.parent.mkdir(parents=True)
    file.write_text("64K")
    flush = cache_flusher(device, tmp_path)
    flush()
    flush()


def test_cold_blocks_are_single_runs_and_their_emptying_is_time_spent() -> None:
    protocol = TimingProtocol(cache="cold", max_seconds=0.6, target_rel_ci=1e-9)
    rng = np.random.default_rng(0)
    sampler = Sampler([lambda runs: runs * 0.01 * rng.lognormal(0.0, 0.001)], protocol, 20.0)
    sampler.warm_up()
    assert len(sampler.result().warmup_ms) < 30  # 200 ms at 20 ms each, not at 0.01 ms
    while not sampler.done:
        sampler.take(settle=sampler.settle_runs)
    assert sampler.block_runs == 1
    assert sampler.taken == 30  # 0.6 s
    assert sampler.settled_ms == 0


def test_engines_are_measured_cold() -> None:
    model = TorchModel(None, {"x": np.ones((1, 2), np.float32)}, macs=10)
    protocol = TimingProtocol(cache="cold")
    measured = FakeBackend(overhead_ms=1.0, macs_per_ms=10.0).build(model).measure(protocol)
    assert measured.median_ms == 2.0
    assert measured.protocol.cache == "cold"
