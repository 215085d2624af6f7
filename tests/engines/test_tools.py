from pathlib import Path

import pytest

from engines._tools import answer_of, ask_gpu

ECHO = '#!/bin/sh\necho "$@"\n'


def _tool(folder: Path, script: str) -> Path:
    tool = folder / "nvidia-smi"
    tool.write_text(script)
    tool.chmod(0o755)
    return tool


def test_an_answer_is_what_a_program_prints(tmp_path: Path) -> None:
    assert answer_of(str(_tool(tmp_path, ECHO)), "a", "b") == "a b\n"


@pytest.mark.parametrize("script", ["#!/bin/sh\necho told\nexit 1\n", "#!/bin/sh\nexec sleep 9\n"])
def test_a_program_that_fails_or_hangs_answers_nothing(tmp_path: Path, script: str) -> None:
    assert answer_of(str(_tool(tmp_path, script)), seconds=0.2) == ""


def test_a_program_that_is_absent_answers_nothing(tmp_path: Path) -> None:
    assert answer_of(str(tmp_path / "none")) == ""


@pytest.mark.parametrize("uuid", ["ab-12", "GPU-ab-12"])
def test_a_gpu_is_asked_by_its_uuid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uuid: str
) -> None:
    _tool(tmp_path, ECHO)
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = "--id=GPU-ab-12 --query-gpu=clocks.sm --format=csv,noheader,nounits"
    assert ask_gpu(uuid, "clocks.sm") == asked


def test_without_nvidia_smi_a_gpu_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask_gpu("ab-12", "clocks.sm") == ""
