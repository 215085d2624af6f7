"""What programs of the system print, about the machine and its GPUs."""

from __future__ import annotations

import shutil
import subprocess

SECONDS = 20.0  # a driver that needs longer is hanging


def answer_of(*command: str, seconds: float = SECONDS) -> str:
    """Return what a program prints; empty where it is absent, slow or fails.

    Args:
        command: Its path and its arguments.
        seconds: How long it may take.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""  # what it would have told is then unknown
    return done.stdout


def ask_gpu(uuid: str, query: str, *, seconds: float = SECONDS) -> str:
    """Return what nvidia-smi tells of a GPU, values between commas; empty where it does not.

    Args:
        uuid: Of the GPU, with or without ``GPU-`` before it.
        query: Its names of what is asked for, with commas between.
        seconds: How long it may take.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""  # containers often come without it
    board = f"--id=GPU-{uuid.removeprefix('GPU-')}"
    columns = (f"--query-gpu={query}", "--format=csv,noheader,nounits")
    return answer_of(tool, board, *columns, seconds=seconds).strip()
