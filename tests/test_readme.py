"""README's Python example runs as printed, on the fake engine."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
ENGINE = '"onnxruntime"'


def python_blocks(text: str) -> list[str]:
    """The contents of the fenced Python blocks."""
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_blocks_are_found() -> None:
    assert python_blocks("a\n```python\nx = 1\n```\nb\n```sh\nls\n```\n") == ["x = 1\n"]


def test_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = python_blocks(README.read_text(encoding="utf-8"))
    assert ENGINE in example, "the example names the engine that the test replaces"
    monkeypatch.chdir(tmp_path)
    exec(compile(example.replace(ENGINE, '"fake"'), str(README), "exec"), {})
    first, *modules = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d+\.\d\d ms \(\d+\.\d\d to \d+\.\d\d\)", first)
    assert len(modules) == 3
