from pathlib import Path

import pytest

from engines import EngineUnavailableError
from engines._imports import load, missing_reason


def test_present() -> None:
    assert missing_reason("numpy", "numpy") is None
    assert load("numpy.linalg", "numpy", "numpy").norm([3.0, 4.0]) == 5.0


def test_missing_says_what_to_install() -> None:
    message = "the package 'no_such_thing' is not installed; run: pip install thing>=2"
    assert missing_reason("no_such_thing", "thing>=2") == message
    with pytest.raises(EngineUnavailableError, match="pip install thing>=2"):
        load("no_such_thing.part", "no_such_thing", "thing>=2")


def test_broken_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_thing.py").write_text("raise OSError('libthing.so.1 not found')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EngineUnavailableError, match=r"libthing.so.1 not found.*force-reinstall"):
        load("broken_thing", "broken_thing", "thing")
