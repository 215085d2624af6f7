"""Which processors this process may use, and how busy others keep them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# /proc/stat counts in ticks, mostly of 10 ms: over less time the error exceeds 0.1 processors.
LEAST_SECONDS = 0.2
# Processors wanted beyond those there are; below it are a system's own services and the ticks in
# which it counts (10 ms in at least 0.2 s on two processors).
MAX_OVERLOAD = 0.1
# user nice system idle iowait irq softirq (man 5 proc_stat); idle and iowait are not work, and
# steal, which follows, is work of other machines.
_WORK = (0, 1, 2, 5, 6)


def allowed_processors() -> frozenset[int]:
    """Return the numbers of the logical processors that this process may be scheduled on."""
    try:
        return frozenset(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return frozenset(range(os.cpu_count() or 1))


def processor_quota(root: Path = Path("/")) -> float | None:
    """Return how many processors' time the control groups of this process grant, None if all.

    The least of its own group and those above it. Reads version 2 (``cpu.max``) and version 1
    (``cpu.cfs_quota_us``); in a container, whose groups are mounted as the root, the root's.

    Args:
        root: Where ``proc`` and ``sys`` lie.

    Source: the Linux kernel's documentation of cgroup v2 ("cpu.max") and of CFS bandwidth control.
    """
    shares = [share for folder in _group_folders(root) for share in _quotas(folder)]
    return min(shares, default=None)


def usable_processors(root: Path = Path("/")) -> float:
    """Return the processors that this process may use: those allowed, or fewer by quota."""
    allowed = float(len(allowed_processors()))
    quota = processor_quota(root)
    return allowed if quota is None else min(allowed, quota)


def contention(threads: int, others_busy: float, processors: float) -> str | None:
    """Return how threads to be measured and other programs share too few processors.

    Args:
        threads: Of the engine.
        others_busy: Processors that other programs keep busy.
        processors: Usable ones.

    Returns:
        None if there is room for all.
    """
    if threads > processors:
        return f"too many threads: {threads} on {processors:g} usable processors"
    if threads + others_busy > processors + MAX_OVERLOAD:
        return (
            f"busy machine: other programs kept {others_busy:.1f} of {processors:g} usable "
            f"processors busy, and {threads} threads were measured"
        )
    return None


class OthersClock:
    """Tell how many processors other programs kept busy since it was made.

    Compares the work of the processors that this process may use (``/proc/stat``) with the CPU
    time of this process, all its threads together; what is left was done by others. Unlike a load
    average it covers exactly the time in question and leaves out our own work.

    Args:
        root: Where ``proc`` lies.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._start = self._read()

    def busy(self) -> float | None:
        """Return processors kept busy by others on average; None where the system tells not.

        None also for less than :data:`LEAST_SECONDS`.
        """
        end = self._read()
        if self._start is None or end is None:
            return None
        seconds, own, all_of_us = (
            after - before for before, after in zip(self._start, end, strict=True)
        )
        if seconds < LEAST_SECONDS or all_of_us <= 0:
            return None  # too short for the ticks, or a sandbox whose counters stand still
        return max(all_of_us - own, 0.0) / seconds

    def _read(self) -> tuple[float, float, float] | None:
        """Return seconds of the wall, of this process, and of work on our processors."""
        ticks = _work_ticks(read_text(self._root / "proc/stat"), allowed_processors())
        if ticks is None:
            return None
        return time.perf_counter(), time.process_time(), ticks / os.sysconf("SC_CLK_TCK")


def read_text(path: Path) -> str:
    """Return a file's text without white space around it; empty where it cannot be read."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""  # not this system, or not allowed


def _work_ticks(stat: str, processors: frozenset[int]) -> int | None:
    """Return the ticks of work of the given processors, None where one is missing."""
    ticks = {}
    for line in stat.splitlines():
        name, *values = line.split() or [""]
        number = name.removeprefix("cpu")
        if name.startswith("cpu") and number.isdigit() and len(values) >= 7:
            ticks[int(number)] = sum(int(values[i]) for i in _WORK if values[i].isdigit())
    if not processors <= ticks.keys():
        return None
    return sum(ticks[number] for number in processors)


def _group_folders(root: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups, and of every group above them."""
    mounts = root / "sys/fs/cgroup"
    yield mounts  # a container that sees its own group as the root
    for line in read_text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            hierarchies = [mounts, mounts / "unified"]
        elif "cpu" in controllers.split(","):
            hierarchies = [mounts / controllers, mounts / "cpu"]
        else:
            continue
        group = PurePosixPath(path.lstrip("/"))
        for hierarchy in hierarchies:
            yield from (hierarchy / above for above in (group, *group.parents))


def _quotas(folder: Path) -> Iterator[float]:
    version_2 = read_text(folder / "cpu.max").split()
    version_1 = [read_text(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
    for parts in (version_2, version_1):  # "max" and -1 mean: no quota
        if len(parts) == 2 and all(part.isdigit() and int(part) > 0 for part in parts):
            yield int(parts[0]) / int(parts[1])
