"""Run the command line in this process, and as a process of its own."""

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import detfit
from cli import EXIT_MISUSE

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "detfit.py"


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def fields(self) -> Any:
        """Standard output as strict JSON: neither NaN nor a second text beside it."""
        return json.loads(self.out, parse_constant=pytest.fail)

    def refused(self, *words: str) -> str:
        """Return the one line that says what was wrong; nothing else was said."""
        assert (self.code, self.out) == (EXIT_MISUSE, ""), self
        (line,) = self.err.splitlines()
        assert line.startswith("error: ")
        for word in words:
            assert word in line
        return line


def run(*args: object) -> Outcome:
    """Call ``detfit`` as its entry point does."""
    with (
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
        pytest.raises(SystemExit) as ended,
    ):
        detfit.main([str(arg) for arg in args])
    return Outcome(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def done(*args: object) -> Outcome:
    """Run a command that has to succeed."""
    outcome = run(*args)
    assert outcome.code == 0, outcome.err
    return outcome


def start(*args: object, cwd: Path) -> subprocess.Popen[str]:
    """Start ``python detfit.py ...``."""
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, args)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_take_sigint,
    )


def _take_sigint() -> None:
    """Take Ctrl-C again where a background job of a shell, as CI may be, ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def call(*args: object, cwd: Path) -> Outcome:
    """Run ``python detfit.py ...`` to its end."""
    process = start(*args, cwd=cwd)
    out, err = process.communicate(timeout=120)
    return Outcome(process.returncode, out, err)


def profiled(folder: Path) -> Path:
    """Profile and fit ``detnas-nano`` on the fake engine; return the predictor."""
    options = ("--space", "detnas-nano", "--engine", "fake", "--classes", 3, "--replicates", 1)
    done("profile", *options, "--detectors", 12, "-o", folder / "table.jsonl")
    done("fit", folder / "table.jsonl", "-o", folder / "predictor.json")
    return folder / "predictor.json"
