"""What this machine offers."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engines import (
    BACKENDS,
    DeviceInfo,
    EngineUnavailableError,
    FakeBackend,
    diagnose,
    diagnosis as module,
)
from engines.conformance import small_model


def test_everything_is_told_as_plain_json() -> None:
    fields = diagnose()
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    assert fields.keys() == {"device", "engines", "options", "cuda", "gpus", "unstable", "support"}
    assert DeviceInfo.from_dict(fields["device"]).cores >= 1
    assert [row["engine"] for row in fields["engines"]] == list(BACKENDS)


class Missing(FakeBackend):
    def probe(self, device: str = "cpu") -> DeviceInfo:
        raise EngineUnavailableError("pip install missing")


class Broken(FakeBackend):
    def probe(self, device: str = "cpu") -> DeviceInfo:
        raise AttributeError("half an installation")


def test_an_engine_that_is_not_here_or_broken_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    backends = {"fake": BACKENDS["fake"], "missing": Missing(), "broken": Broken()}
    monkeypatch.setattr(module, "BACKENDS", backends)
    fields = diagnose()
    ready, missing, broken = fields["engines"]
    fingerprint = BACKENDS["fake"].probe().fingerprint
    assert ready == {
        "engine": "fake",
        "status": "ready",
        "version": "1",
        "fingerprint": fingerprint,
    }
    assert missing["status"] == "pip install missing"
    assert broken["status"] == "does not work (AttributeError: half an installation)"
    assert missing["fingerprint"] == broken["version"] == ""
    assert fields["cuda"] == []


def test_ready_means_that_the_runtime_was_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is installed and does not load is not ready; the reason is the import's."""
    package = tmp_path / "onnxruntime"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('libgomp.so.1: not found')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import engines; "
        "print([row['status'] for row in engines.diagnose()['engines']][0])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
    )
    assert "installed but does not load (libgomp.so.1: not found)" in done.stdout


def test_ready_engines_tell_the_fingerprint_of_their_measurements() -> None:
    rows = {row["engine"]: row for row in diagnose()["engines"]}
    with BACKENDS["onnxruntime"].build(small_model()) as engine:
        assert rows["onnxruntime"]["fingerprint"] == engine.device.fingerprint
        assert rows["onnxruntime"]["version"] == engine.device.engine_version


def test_engines_tell_their_options_whether_ready_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(type(BACKENDS["torch"])):  # type: ignore[misc]
        def probe(self, device: str = "cpu") -> DeviceInfo:
            raise EngineUnavailableError("pip install torch")

    monkeypatch.setattr(module, "BACKENDS", {"torch": Broken(), "fake": BACKENDS["fake"]})
    first, *others = diagnose()["options"]
    assert first == {
        "engine": "torch",
        "option": "channels_last",
        "takes": "true|false",
        "default": "false",
        "help": "Lay weights and images out with the channels last.",
    }
    assert {row["engine"] for row in others} == {"torch"}


def test_cuda_devices_are_told(monkeypatch: pytest.MonkeyPatch, device: DeviceInfo) -> None:
    torch = pytest.importorskip("torch")
    gpu = replace(device, kind="cuda", name="Tesla V100", driver="550.54.15, CUDA 12.4")

    class Torch(FakeBackend):
        def probe(self, device: str = "cpu") -> DeviceInfo:
            if device == "cuda:1":
                raise RuntimeError("GPU is lost")
            if device == "cuda:2":
                raise EngineUnavailableError("torch has no kernels for Tesla V100")
            return gpu

    monkeypatch.setattr(module, "BACKENDS", {"torch": Torch()})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    good, lost, unfit = diagnose()["cuda"]
    assert good == {
        "device": "cuda:0",
        "name": "Tesla V100",
        "driver": "550.54.15, CUDA 12.4",
        "fingerprint": gpu.fingerprint,
    }
    assert lost["name"] == "does not work (RuntimeError: GPU is lost)"
    assert unfit["name"] == "torch has no kernels for Tesla V100"


def test_what_disturbs_timing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "stability_report", lambda: ("load 9", "governor powersave"))
    assert diagnose()["unstable"] == ["load 9", "governor powersave"]


def test_support_names_the_reference_device_and_cannot_be_changed_from_outside() -> None:
    first = diagnose()["support"]
    assert "V100" in first[0]["device"]
    assert "10.4" in first[0]["tensorrt"]
    first[0]["device"] = "changed"
    assert "V100" in diagnose()["support"][0]["device"]
