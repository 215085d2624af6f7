"""The Python examples of README and CONTRIBUTING run as printed, README's on the fake engine."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
ENGINE = '"onnxruntime"'


def python_blocks(text: str) -> list[str]:
    """The contents of the fenced Python blocks."""
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def run(example: str, path: Path) -> None:
    exec(compile(example, str(path), "exec"), {})


def test_blocks_are_found() -> None:
    assert python_blocks("a\n```python\nx = 1\n```\nb\n```sh\nls\n```\n") == ["x = 1\n"]


def test_readmes_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = python_blocks(README.read_text(encoding="utf-8"))
    assert ENGINE in example, "the example names the engine that the test replaces"
    monkeypatch.chdir(tmp_path)
    run(example.replace(ENGINE, '"fake"'), README)
    first, *modules = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d+\.\d\d ms \(\d+\.\d\d to \d+\.\d\d\)", first)
    assert len(modules) == 3


def test_contributings_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = python_blocks(CONTRIBUTING.read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    run(example, CONTRIBUTING)
    assert re.fullmatch(r"40 evaluated, \d+ on the front\n", capsys.readouterr().out)
    assert (tmp_path / "climb" / "journal.sqlite").is_file()
