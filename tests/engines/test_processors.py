import os
import threading
import time
from pathlib import Path

import pytest

from engines import processors as module
from engines.processors import (
    OthersClock,
    allowed_processors,
    processor_quota,
    usable_processors,
)


def _write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_allowed_are_some_of_the_machine_s() -> None:
    assert 1 <= len(allowed_processors()) <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"sys/fs/cgroup/cpu.max": "max 100000"}, None),
        ({"sys/fs/cgroup/cpu.max": "150000 100000"}, 1.5),
        ({"sys/fs/cgroup/cpu.max": "damage"}, None),
        ({"sys/fs/cgroup/cpu.max": "100000 0"}, None),
        # version 2: the least of the own group and those above
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000",
                "sys/fs/cgroup/a/cpu.max": "200000 100000",
                "sys/fs/cgroup/other/cpu.max": "50000 100000",
            },
            2.0,
        ),
        # version 1, under either name of the controller's folder
        (
            {
                "proc/self/cgroup": "5:memory:/m\n4:cpu,cpuacct:/docker/1\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us": "300000",
                "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            3.0,
        ),
        # version 1 in a container: the path is the host's, the own group is mounted as the root
        (
            {
                "proc/self/cgroup": "4:cpu:/docker/1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            0.5,
        ),
        ({"proc/self/cgroup": "nonsense\n\n:::\n"}, None),
    ],
)
def test_quota(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    for path, text in files.items():
        _write(tmp_path, path, text + "\n")
    assert processor_quota(tmp_path) == quota


def test_usable_is_the_least(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "allowed_processors", lambda: frozenset({1, 2, 5, 6}))
    assert usable_processors(tmp_path) == 4.0
    _write(tmp_path, "sys/fs/cgroup/cpu.max", "150000 100000")
    assert usable_processors(tmp_path) == 1.5
    _write(tmp_path, "sys/fs/cgroup/cpu.max", "900000 100000")
    assert usable_processors(tmp_path) == 4.0


class Machine:
    """A made-up machine of four processors, on two of which this process may run."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._seconds = self._own = 0.0
        self._ticks = [0, 0, 0, 0]
        monkeypatch.setattr(module, "allowed_processors", lambda: frozenset({1, 2}))
        monkeypatch.setattr(module.time, "perf_counter", lambda: self._seconds)
        monkeypatch.setattr(module.time, "process_time", lambda: self._own)
        monkeypatch.setattr(module.os, "sysconf", lambda name: 100)
        self.go_on(0.0, 0.0, (0, 0, 0, 0))

    def go_on(self, seconds: float, own: float, ticks: tuple[int, int, int, int]) -> None:
        self._seconds += seconds
        self._own += own
        self._ticks = [a + b for a, b in zip(self._ticks, ticks, strict=True)]
        # user nice system idle iowait irq softirq steal: only the first carries work here
        lines = [f"cpu{i} {t} 0 0 9{t} 7{t} 0 0 5{t} 0 0" for i, t in enumerate(self._ticks)]
        _write(self._root, "proc/stat", "\n".join(["cpu 1 2 3 4 5 6 7 8", *lines, "intr 5"]))


def test_work_of_others_is_what_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, monkeypatch)
    clock = OthersClock(tmp_path)
    # two seconds: ours 1.5 s, and 2.7 s of work on the two processors that we may use
    machine.go_on(2.0, 1.5, (500, 200, 70, 500))
    assert clock.busy() == pytest.approx(0.6)


def test_less_than_our_own_work_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch)
    clock = OthersClock(tmp_path)
    machine.go_on(1.0, 1.0, (0, 99, 0, 0))  # a tick is missing
    assert clock.busy() == 0.0


@pytest.mark.parametrize("ticks", [(0, 0, 0, 0), (500, 0, 0, 500)])
def test_counters_that_stand_still_tell_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ticks: tuple[int, int, int, int]
) -> None:
    machine = Machine(tmp_path, monkeypatch)
    clock = OthersClock(tmp_path)
    machine.go_on(1.0, 1.0, ticks)
    assert clock.busy() is None


def test_too_short_for_the_ticks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch)
    clock = OthersClock(tmp_path)
    machine.go_on(0.1, 0.0, (0, 10, 10, 0))
    assert clock.busy() is None
    machine.go_on(0.1, 0.0, (0, 10, 10, 0))
    assert clock.busy() == pytest.approx(2.0)


@pytest.mark.parametrize("text", ["", "cpu 1 2 3\n", "cpu1 1 2 3 4 5 6 7\n", "cpu1\ncpu2 x\n"])
def test_a_system_that_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    machine = Machine(tmp_path, monkeypatch)
    clock = OthersClock(tmp_path)
    machine.go_on(1.0, 0.0, (9, 9, 9, 9))
    _write(tmp_path, "proc/stat", text)
    assert clock.busy() is None
    assert OthersClock(tmp_path / "nowhere").busy() is None


def test_here_our_own_threads_are_not_the_others() -> None:
    clock, end = OthersClock(), time.perf_counter() + 0.3
    own = time.process_time()

    def work() -> None:
        while time.perf_counter() < end:
            pass

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    busy, own = clock.busy(), (time.process_time() - own) / 0.3
    if busy is None:
        pytest.skip("this system does not tell the work of its processors")
    assert busy <= len(allowed_processors()) - own + 0.2
