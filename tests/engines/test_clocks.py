import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from engines import DeviceInfo, MeasurementError
from engines.clocks import ClockReading, Clocks, read_clocks
from engines.processors import allowed_processors

ANSWER = "1530, 877, 41, 55.31, 0x0000000000000000"


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def number() -> int:
    return min(allowed_processors())


def test_a_cpu_tells_its_clock_by_cpufreq(device: DeviceInfo, tmp_path: Path, number: int) -> None:
    folder = f"sys/devices/system/cpu/cpu{number}"
    write(tmp_path, f"{folder}/cpufreq/scaling_cur_freq", "3100000\n")
    write(tmp_path, f"{folder}/thermal_throttle/core_throttle_count", "4\n")
    write(tmp_path, f"{folder}/thermal_throttle/package_throttle_count", "3\n")
    assert read_clocks(device, tmp_path) == ClockReading(cpu_mhz=3100.0, cpu_throttles=7)


def test_a_cpu_tells_its_clock_by_cpuinfo_unless_it_is_virtual(
    device: DeviceInfo, tmp_path: Path
) -> None:
    text = "processor\t: 0\ncpu MHz\t\t: 2200.5\nflags\t: fpu\n\nprocessor : 1\ncpu MHz : 2900.0\n"
    write(tmp_path, "proc/cpuinfo", text)
    assert read_clocks(device, tmp_path) == ClockReading(cpu_mhz=2900.0)
    write(tmp_path, "proc/cpuinfo", text.replace("fpu", "fpu hypervisor"))
    assert read_clocks(device, tmp_path) is None


def test_who_tells_nothing_has_no_reading(device: DeviceInfo, tmp_path: Path) -> None:
    assert read_clocks(device, tmp_path) is None
    assert read_clocks(replace(device, kind="simulated")) is None


@pytest.mark.parametrize(
    ("answer", "reading"),
    [
        (
            ANSWER,
            ClockReading(sm_mhz=1530, memory_mhz=877, temperature_c=41, power_w=55.31),
        ),
        (
            "1005, 877, 84, [N/A], 0x0000000000000024",
            ClockReading(
                sm_mhz=1005,
                memory_mhz=877,
                temperature_c=84,
                throttle=("power cap", "software thermal slowdown"),
            ),
        ),
        ("1005, 877, 84, 200, 0x0000000000000001", None),  # idle is no throttling
        ("[N/A], [N/A], [N/A], [N/A], [N/A]", "nothing"),
        ("", "nothing"),
    ],
)
def test_a_gpu_tells_by_nvidia_smi(
    device: DeviceInfo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    reading: object,
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho '{answer}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = read_clocks(replace(device, kind="cuda", uuid="GPU-1"))
    if reading is None:
        assert found is not None
        assert found.throttle == ()
    else:
        assert found == (None if reading == "nothing" else reading)


def test_without_nvidia_smi_nothing_is_told(
    device: DeviceInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = replace(device, kind="cuda", uuid="GPU-1")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_clocks(gpu) is None
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 9\n")
    tool.chmod(0o755)
    assert read_clocks(gpu) is None


def test_moves_and_throttling() -> None:
    before = ClockReading(cpu_mhz=3000, cpu_throttles=2, sm_mhz=1500)
    same = Clocks(before, ClockReading(cpu_mhz=3050, cpu_throttles=2, sm_mhz=1500))
    assert same.moved() == ()
    assert same.throttled() is None
    other = ClockReading(cpu_mhz=2900, cpu_throttles=3, sm_mhz=1529, throttle=("power brake",))
    assert Clocks(before, other).moved() == ("cpu clock from 3000 to 2900 MHz",)
    assert Clocks(before, other).throttled() == "throttled: power brake, heat of the processors"
    assert Clocks(before, ClockReading()).moved() == ()


def test_round_trip_and_damage() -> None:
    clocks = Clocks(ClockReading(cpu_mhz=1.5, throttle=("power cap",)), ClockReading())
    fields = json.loads(json.dumps(clocks.to_dict()))
    assert fields == {"before": {"cpu_mhz": 1.5, "throttle": ["power cap"]}, "after": {}}
    assert Clocks.from_dict(fields) == clocks
    for damaged, message in (
        ({"before": {}}, "Clocks lacks the field after"),
        ({"before": {"colour": 1}, "after": {}}, "ClockReading has no field colour"),
        ({"before": {"sm_mhz": -1}, "after": {}}, "ClockReading.sm_mhz must be"),
        ({"before": {"throttle": 1}, "after": {}}, "throttle must be a list"),
        ([], "Clocks must be a JSON object"),
    ):
        with pytest.raises(MeasurementError, match=message):
            Clocks.from_dict(damaged)
    with pytest.raises(MeasurementError, match="power_w must be a finite number"):
        ClockReading(power_w=math.inf)
