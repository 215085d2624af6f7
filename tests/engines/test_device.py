import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from engines import (
    DeviceInfo,
    EngineBuildError,
    EngineUnavailableError,
    MeasurementError,
    cpu_device,
    cuda_device,
    device as module,
    parse_device,
)
from engines.device import (
    cpu_clock_mhz,
    cpu_name,
    machine_id,
    nvidia_driver,
    query_nvidia_smi,
    require_cpu,
)

CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) CPU @ 2.20GHz
cpu MHz\t\t: 2200.150
flags\t\t: fpu hypervisor

processor\t: 1
model name\t: another
"""


def _write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_round_trip(device: DeviceInfo) -> None:
    back = DeviceInfo.from_dict(json.loads(json.dumps(device.to_dict())))
    assert back == device
    assert back.clocks_mhz == device.clocks_mhz
    assert back.fingerprint == device.fingerprint


def test_clocks_do_not_identify(device: DeviceInfo) -> None:
    other = replace(device, clocks_mhz={"cpu": 1.0})
    assert other == device
    assert other.fingerprint == device.fingerprint
    assert device.differences(other) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "cuda"},
        {"name": "b"},
        {"uuid": "b"},
        {"cores": 5},
        {"engine": "b"},
        {"engine_version": "b"},
        {"driver": "b"},
        {"os": "b"},
        {"python": "b"},
        {"options": "half=bf16"},
    ],
)
def test_everything_else_identifies(device: DeviceInfo, change: dict[str, object]) -> None:
    other = replace(device, **change)
    assert other.fingerprint != device.fingerprint
    ((name, mine, theirs),) = device.differences(other)
    assert {name: theirs} == change
    assert mine == getattr(device, name)


def test_files_from_before_there_were_options_are_of_the_defaults(device: DeviceInfo) -> None:
    old = device.to_dict()
    assert old.pop("options") == "default"
    assert DeviceInfo.from_dict(old) == device
    assert device.fingerprint == "dab343397c482936"  # what those files hold


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": ""}, "options must be a non-empty string, got ''"),
        ({"name": ""}, "name must be a non-empty string, got ''"),
        ({"cores": 0}, "cores must be an int >= 1"),
        ({"kind": "tpu"}, "kind must be one of cpu, cuda, simulated, got 'tpu'"),
        ({"clocks_mhz": [1]}, "clocks_mhz must be a JSON object"),
        ({"clocks_mhz": {"sm": -1}}, r"clocks_mhz\['sm'\] must be a finite number > 0"),
    ],
)
def test_refuses(device: DeviceInfo, change: dict[str, object], message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        DeviceInfo.from_dict({**device.to_dict(), **change})


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("cpu", ("cpu", 0)),
        ("cuda", ("cuda", 0)),
        ("cuda:0", ("cuda", 0)),
        ("cuda:12", ("cuda", 12)),
    ],
)
def test_parse(text: str, parsed: tuple[str, int]) -> None:
    assert parse_device(text) == parsed


@pytest.mark.parametrize("text", ["", "CPU", "cpu:0", "cuda:", "cuda:-1", "gpu", "cuda:0 "])
def test_parse_refuses(text: str) -> None:
    with pytest.raises(EngineBuildError, match=f"unknown device {text!r}; write cpu, cuda"):
        parse_device(text)


def test_an_engine_of_the_cpu_alone_says_where_it_runs() -> None:
    require_cpu("openvino", "cpu")
    with pytest.raises(EngineBuildError, match="'openvino' runs on cpu, not on 'cuda:1'; use eng"):
        require_cpu("openvino", "cuda:1")
    with pytest.raises(EngineBuildError, match="unknown device 'tpu'"):
        require_cpu("openvino", "tpu")


def test_this_cpu() -> None:
    here = cpu_device("onnxruntime", "1.0")
    assert here.kind == "cpu"
    assert here.cores >= 1
    assert here.fingerprint == cpu_device("onnxruntime", "1.0").fingerprint


def test_cpu_of_a_made_up_machine(tmp_path: Path) -> None:
    _write(tmp_path, "proc/cpuinfo", CPUINFO)
    _write(tmp_path, "etc/machine-id", "3d1219c7c4c5404aaa1f6d2a48adfda4\n")
    made_up = cpu_device("torch", "2.0", tmp_path)
    assert made_up.name == "Intel(R) Xeon(R) CPU @ 2.20GHz (cpu family 6, model 85)"
    assert made_up.clocks_mhz == {"cpu": 2200.15}
    assert made_up.uuid.startswith("machine-")
    assert "3d1219c7" not in json.dumps(made_up.to_dict())


def test_machine_id(tmp_path: Path) -> None:
    assert machine_id(tmp_path) == "unknown"
    _write(tmp_path, "etc/machine-id", "")
    assert machine_id(tmp_path) == "unknown"
    _write(tmp_path, "etc/machine-id", "uninitialized\n")
    assert machine_id(tmp_path) == "unknown"
    _write(tmp_path, "var/lib/dbus/machine-id", "abc\n")
    first = machine_id(tmp_path)
    _write(tmp_path, "etc/machine-id", "abd\n")
    assert machine_id(tmp_path) not in (first, "unknown")


def test_cpu_name_of_an_arm_board(tmp_path: Path) -> None:
    _write(tmp_path, "proc/cpuinfo", "processor\t: 0\nCPU part\t: 0xd08\n")
    _write(tmp_path, "proc/device-tree/model", "Raspberry Pi 4 Model B\0")
    assert cpu_name(tmp_path) == "Raspberry Pi 4 Model B"


def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    assert cpu_name(tmp_path)
    assert cpu_clock_mhz(tmp_path) is None
    assert cpu_device("torch", "2.0", tmp_path).clocks_mhz == {}


def test_clock_from_the_governor_first(tmp_path: Path) -> None:
    _write(tmp_path, "proc/cpuinfo", CPUINFO)
    _write(tmp_path, "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "3100000\n")
    assert cpu_clock_mhz(tmp_path) == 3100.0


def test_no_such_cuda_device() -> None:
    with pytest.raises(EngineUnavailableError, match=r"no device cuda:99.*use cpu"):
        cuda_device("torch", "2.0", 99)


def test_nvidia_smi_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...], **options: object) -> subprocess.CompletedProcess[str]:
        seen.append(command)
        return subprocess.CompletedProcess(command, 0, "550.54.15, 1380, 877\n", "")

    monkeypatch.setattr(shutil, "which", lambda name: "/bin/nvidia-smi")
    monkeypatch.setattr(subprocess, "run", run)
    assert query_nvidia_smi("ab-12") == {"driver": "550.54.15", "sm": "1380", "memory": "877"}
    assert "--id=GPU-ab-12" in seen[0]


def test_nvidia_smi_that_fails_or_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert query_nvidia_smi("ab-12") == {}
    monkeypatch.setattr(shutil, "which", lambda name: "/does/not/exist")
    assert query_nvidia_smi("ab-12") == {}
    assert query_nvidia_smi("unknown") == {}


def test_nvidia_smi_is_asked_again_when_it_fails_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ["", "550.54.15, 1380, 877"]
    monkeypatch.setattr(module, "ask_gpu", lambda uuid, query: answers.pop(0))
    assert query_nvidia_smi("ab-12")["driver"] == "550.54.15"
    answers.extend(["", ""])
    assert query_nvidia_smi("ab-12") == {}


BANNER = "NVRM version: NVIDIA UNIX {}  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version: 12\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("sys/module/nvidia/version", "550.54.15\n"),
        ("proc/driver/nvidia/version", BANNER.format("x86_64 Kernel Module")),
        ("proc/driver/nvidia/version", BANNER.format("Open Kernel Module for x86_64")),
    ],
)
def test_driver_from_the_kernel(tmp_path: Path, path: str, text: str) -> None:
    assert nvidia_driver(tmp_path) is None
    _write(tmp_path, path, text)
    assert nvidia_driver(tmp_path) == "550.54.15"


def test_an_unreadable_driver_is_unknown(tmp_path: Path) -> None:
    _write(tmp_path, "proc/driver/nvidia/version", "something else\n")
    assert nvidia_driver(tmp_path) is None


IOREG = """+-o J314sAP  <class IOPlatformExpertDevice>
    {
      "IOPlatformSerialNumber" = "C02XXXXXXXXX"
      "IOPlatformUUID" = "8F1D3E52-0000-1111-2222-333344445555"
    }
"""


def test_a_mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        ("sysctl", "-n", "machdep.cpu.brand_string"): "Apple M1 Pro\n",
        ("ioreg", "-rd1", "-c", "IOPlatformExpertDevice"): IOREG,
    }
    monkeypatch.setattr(module.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(module, "answer_of", lambda *command: answers[command])
    mac = cpu_device("torch", "2.0", tmp_path)
    assert mac.name == "Apple M1 Pro"
    assert mac.uuid.startswith("machine-")
    assert "8F1D3E52" not in json.dumps(mac.to_dict())
    answers[("ioreg", "-rd1", "-c", "IOPlatformExpertDevice")] = IOREG.replace("5555", "5556")
    assert cpu_device("torch", "2.0", tmp_path).fingerprint != mac.fingerprint
    monkeypatch.setattr(module, "answer_of", lambda *command: "")
    assert machine_id(tmp_path) == "unknown"
    assert cpu_name(tmp_path)


def test_a_made_up_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    board = SimpleNamespace(name="Tesla V100", uuid="ab-12", multi_processor_count=80)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: board)
    answer = {"driver": "550.54.15", "sm": "1380", "memory": "[N/A]"}
    monkeypatch.setattr(module, "query_nvidia_smi", lambda uuid: answer)
    info = cuda_device("torch", "2.4.1", root=tmp_path)
    assert (info.kind, info.name, info.uuid, info.cores) == ("cuda", "Tesla V100", "ab-12", 80)
    assert info.driver == f"550.54.15, CUDA {torch.version.cuda}"
    assert info.clocks_mhz == {"sm": 1380.0}
    # the kernel's word comes first: then nvidia-smi failing changes nothing but the clocks
    _write(tmp_path, "sys/module/nvidia/version", "550.54.15\n")
    monkeypatch.setattr(module, "query_nvidia_smi", lambda uuid: {})
    again = cuda_device("torch", "2.4.1", root=tmp_path)
    assert again.fingerprint == info.fingerprint
    assert again.clocks_mhz == {}


@pytest.mark.gpu
def test_this_gpu() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here")
    info = cuda_device("torch", torch.__version__)
    assert info.kind == "cuda"
    assert "CUDA" in info.driver
    assert DeviceInfo.from_dict(info.to_dict()) == info
