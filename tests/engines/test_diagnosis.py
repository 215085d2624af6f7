"""What this machine offers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engines import BACKENDS, DeviceInfo, diagnose, diagnosis as module


def test_everything_is_told_as_plain_json() -> None:
    fields = diagnose()
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    assert fields.keys() == {"device", "engines", "unstable", "support"}
    assert DeviceInfo.from_dict(fields["device"]).cores >= 1
    assert [row["engine"] for row in fields["engines"]] == list(BACKENDS)


def test_an_engine_that_is_not_here_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        def unavailable_reason(self) -> str:
            return "pip install missing"

    monkeypatch.setattr(module, "BACKENDS", {"fake": BACKENDS["fake"], "missing": Missing()})
    assert diagnose()["engines"] == [
        {"engine": "fake", "status": "ready"},
        {"engine": "missing", "status": "pip install missing"},
    ]


def test_what_disturbs_timing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "stability_report", lambda: ("load 9", "governor powersave"))
    assert diagnose()["unstable"] == ["load 9", "governor powersave"]


def test_support_names_the_reference_device_and_cannot_be_changed_from_outside() -> None:
    first = diagnose()["support"]
    assert "V100" in first[0]["device"]
    assert "10.4" in first[0]["tensorrt"]
    first[0]["device"] = "changed"
    assert "V100" in diagnose()["support"][0]["device"]


def test_a_diagnosis_is_quick_enough_to_ask_for() -> None:
    """It loads no torch: a version is read, not imported."""
    code = "import sys, engines; engines.diagnose(); sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
