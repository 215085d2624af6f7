"""Killed, interrupted, cut off, and on a terminal: the command line as a process."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from cli import EXIT_BROKEN_PIPE, EXIT_INTERRUPTED
from cli.progress import plain_progress
from latency import read_table
from search import load_result
from tests.cli import SCRIPT, done, profiled, start

PROFILE = ("profile", "--space", "detnas-nano", "--engine", "fake", "--classes", 3)
LONG = (*PROFILE, "--detectors", 60, "--replicates", 2, "-o", "long.jsonl")
EVALS = 300


def wait_for(ready, process, seconds=60.0):
    """Wait until something is ready; the process must not have ended before."""
    until = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.002)


def lines_of(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def rows_of(path):
    """Everything of a table but when it was measured and under which load."""
    rows = read_table(path).rows
    return [(row.workload.key, row.replicate, row.measurement.raw_ms) for row in rows]


def test_killed_profile_goes_on(tmp_path):
    table = tmp_path / "long.jsonl"
    process = start(*LONG, cwd=tmp_path)
    wait_for(lambda: lines_of(table) > 20, process)
    process.kill()
    process.communicate()
    kept = table.read_bytes().splitlines(keepends=True)
    done(*LONG[:-1], tmp_path / "undisturbed.jsonl")
    assert 20 < len(kept) < lines_of(tmp_path / "undisturbed.jsonl")
    done(*LONG[:-1], table, "--resume")
    assert table.read_bytes().splitlines(keepends=True)[1:20] == kept[1:20]
    assert rows_of(table) == rows_of(tmp_path / "undisturbed.jsonl")


def history_of(folder):
    return [
        (item.code, item.status, str(item.values), item.finished_order, item.batch)
        for item in load_result(folder).history
    ]


def finished(folder):
    try:
        return len(load_result(folder).finished)
    except Exception:  # nothing readable is there yet
        return 0


def test_killed_search_goes_on(tmp_path):
    predictor, known = profiled(tmp_path), tmp_path / "known.jsonl"
    known.write_text('{"arch": "0000000000", "ap": 1.0}\n')
    common = ("search", "-t", predictor, "--evaluator", "table", "--strategy", "random")
    common = (*common, "--table", known, "--evals", EVALS, "--seed", 4)
    done(*common, "-o", tmp_path / "undisturbed")
    process = start(*common, "-o", "run", cwd=tmp_path)
    wait_for(lambda: finished(tmp_path / "run") > 10, process)
    process.kill()
    process.communicate()
    assert 10 < finished(tmp_path / "run") < EVALS
    done(*common, "-o", tmp_path / "run", "--resume")
    assert history_of(tmp_path / "run") == history_of(tmp_path / "undisturbed")
    assert len(history_of(tmp_path / "run")) == EVALS


def test_interrupted_profile_says_how_to_go_on(tmp_path):
    process = start(*LONG, cwd=tmp_path)
    wait_for(lambda: lines_of(tmp_path / "long.jsonl") > 5, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (EXIT_INTERRUPTED, "")
    assert "--resume" in err.splitlines()[-1]
    assert "Traceback" not in err
    assert len(read_table(tmp_path / "long.jsonl").rows) >= 4


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_closed_pipe_ends_in_silence(tmp_path, options):
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "spaces", *options],
        cwd=tmp_path,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (EXIT_BROKEN_PIPE, "")


def test_a_terminal_gets_a_bar_with_the_time_left(tmp_path):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, PROFILE), "--json", "-o", "t.jsonl"],
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = b""
    while chunk := read_terminal(ours):
        shown += chunk
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    assert out.startswith("{")
    assert "━".encode() in shown
    assert b"0:00:0" in shown


def read_terminal(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux: the other end was closed
        return b""


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_plain_lines_estimate_each_stage_by_its_own_pace(monkeypatch, capsys):
    clock = Clock()
    monkeypatch.setattr("cli.progress.time.monotonic", clock)
    show = plain_progress()
    for seconds, message, done_, total in [
        (0, "profile: 0", 50, 150),  # too soon for a line; resumed: the first 50 took no time
        (1, "profile: a", 50, 150),
        (2, "profile: b", 60, 150),  # too soon for a second line
        (12, "profile: c", 74, 150),
        (100, "search: a", 0, 4),
        (130, "search: b", 1, 4),
        (131, "search: c", 4, 4),
    ]:
        clock.now = 100.0 + seconds
        show(message, done_, total)
    assert capsys.readouterr().err.splitlines() == [
        "[0:00:01] 50/150 profile: a",
        "[0:00:12] 74/150 profile: c, 0:00:38 left",
        "[0:01:40] 0/4 search: a",
        "[0:02:10] 1/4 search: b, 0:01:30 left",
        "[0:02:11] 4/4 search: c",
    ]
