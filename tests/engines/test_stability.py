from dataclasses import replace
from pathlib import Path

import pytest

from engines import DeviceInfo, overload_reason, stability as module, stability_report


def _write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_average", lambda: 0.1)
    monkeypatch.setattr(module, "usable_processors", lambda root: 4.0)


def test_nothing_to_say(tmp_path: Path) -> None:
    _write(tmp_path, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n")
    _write(tmp_path, "sys/devices/system/cpu/intel_pstate/no_turbo", "1\n")
    _write(tmp_path, "proc/cpuinfo", "flags\t: fpu sse\n")
    _write(tmp_path, "proc/stat", "cpu 100 0 0 900 0 0 0 1 0 0\n")
    _write(tmp_path, "sys/fs/cgroup/cpu.max", "max 100000\n")
    assert stability_report(tmp_path) == ()


@pytest.mark.parametrize("load", [None, 0.0, 2.0])
def test_load_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: float | None
) -> None:
    monkeypatch.setattr(module, "load_average", lambda: load)
    assert stability_report(tmp_path) == ()


def test_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_average", lambda: 2.1)
    (reason,) = stability_report(tmp_path)
    assert reason.startswith("load average is 2.1 on 4 processors")


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        (
            "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor",
            "powersave\n",
            "governor is powersave",
        ),
        ("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n", "may boost its clock"),
        ("sys/devices/system/cpu/cpufreq/boost", "1\n", "may boost its clock"),
        ("proc/cpuinfo", "flags\t: fpu hypervisor\n\nflags\t: hypervisor\n", "virtual machine"),
        ("proc/stat", "cpu 100 0 0 800 0 0 0 100 0 0\ncpu0 1\n", "hypervisor took 10.0%"),
        ("sys/fs/cgroup/cpu.max", "150000 100000\n", "may use 1.5 processors"),
    ],
)
def test_each_reason(tmp_path: Path, path: str, text: str, reason: str) -> None:
    _write(tmp_path, path, text)
    (found,) = stability_report(tmp_path)
    assert reason in found


def test_damaged_files_are_no_reason(tmp_path: Path) -> None:
    _write(tmp_path, "proc/stat", "cpu 1 2\n")
    _write(tmp_path, "sys/fs/cgroup/cpu.max", "\n")
    (tmp_path / "proc/cpuinfo").write_bytes(b"\xff\xfe")
    assert stability_report(tmp_path) == ()


def test_this_machine_answers() -> None:
    assert all(isinstance(reason, str) for reason in stability_report())


def _others(busy: float | None) -> type:
    class Others:
        def __init__(self, root: Path) -> None:
            pass

        def busy(self) -> float | None:
            return busy

    return Others


@pytest.mark.parametrize(
    ("kind", "busy", "gpu", "reason"),
    [
        ("cpu", 3.05, None, None),
        ("cpu", None, None, None),
        ("cpu", 3.4, None, "other programs kept 3.4 of 4 usable processors busy"),
        ("simulated", 9.0, 1.0, None),
        ("cuda", 9.0, None, None),
        ("cuda", 0.0, 0.05, None),
        ("cuda", 0.0, 0.5, "keep the GPU busy (50% of the last second)"),
    ],
)
def test_overload(
    device: DeviceInfo,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    busy: float | None,
    gpu: float | None,
    reason: str | None,
) -> None:
    monkeypatch.setattr(module, "OthersClock", _others(busy))
    monkeypatch.setattr(module, "gpu_utilisation", lambda device: gpu)
    found = overload_reason(replace(device, kind=kind), threads=1, seconds=0.0)
    assert found is None if reason is None else reason in str(found)
