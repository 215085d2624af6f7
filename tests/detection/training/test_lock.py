"""One run at a time in a folder."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from detection import CheckpointError
from detection.training import lock
from detection.training.lock import alone_in

HOLD = """
import sys, time
from pathlib import Path
from detection.training.lock import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_run_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    with alone_in(folder):
        with pytest.raises(CheckpointError, match="run: another training runs there") as caught:
            alone_in(folder).__enter__()
        assert "\n" not in str(caught.value)
        with alone_in(tmp_path / "other"):
            pass
    with alone_in(folder):
        pass


def test_the_lock_of_a_killed_process_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(CheckpointError, match="another training runs there"):
            alone_in(tmp_path).__enter__()
        process.kill()
        process.wait()
    with alone_in(tmp_path):
        pass


def test_file_systems_without_locks_are_used_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(code: int) -> None:
        def flock(*_: object) -> None:
            raise OSError(code, "as the file system says")

        monkeypatch.setattr(lock.fcntl, "flock", flock)

    fails(errno.ENOSYS)
    with alone_in(tmp_path):
        pass
    fails(errno.EIO)
    with pytest.raises(OSError, match="as the file system says"):
        alone_in(tmp_path).__enter__()
    monkeypatch.setattr(lock, "fcntl", None)  # Windows
    with alone_in(tmp_path):
        pass
