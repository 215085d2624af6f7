"""Say what makes timing on this machine unstable right now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .timing import load_average

# Above this share of the processors being busy, a measured thread has to share one.
BUSY_SHARE = 0.5
# Share of time that the hypervisor gave to others (man 5 proc, "steal"); 1 % moves medians.
STEAL_SHARE = 0.01


def stability_report(root: Path = Path("/")) -> tuple[str, ...]:
    """Return what makes timing unstable here now, one sentence each with the remedy.

    Args:
        root: Where ``proc`` and ``sys`` lie.

    Returns:
        Empty if nothing is known to disturb. What a system does not tell is not reported.
    """
    return tuple(
        reason
        for check in (_load, _governor, _boost, _virtual, _steal, _quota)
        for reason in check(root)
    )


def usable_processors() -> int:
    """Return the logical processors that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _load(root: Path) -> Iterator[str]:
    busy, processors = load_average(), usable_processors()
    if busy is not None and busy > BUSY_SHARE * processors:
        yield (
            f"load average is {busy:.1f} on {processors} processors; stop other programs before "
            "measuring"
        )


def _governor(root: Path) -> Iterator[str]:
    folder = root / "sys/devices/system/cpu"
    files = sorted(folder.glob("cpu[0-9]*/cpufreq/scaling_governor"))
    names = sorted({_read(file) for file in files} - {"performance", ""})
    if names:
        yield (
            f"the clock governor is {', '.join(names)}; "
            "set it with: sudo cpupower frequency-set -g performance"
        )


def _boost(root: Path) -> Iterator[str]:
    cpu = root / "sys/devices/system/cpu"
    if _read(cpu / "intel_pstate/no_turbo") == "0" or _read(cpu / "cpufreq/boost") == "1":
        yield "the CPU may boost its clock as long as it is cool; switch turbo boost off"


def _virtual(root: Path) -> Iterator[str]:
    for line in _read(root / "proc/cpuinfo").splitlines():
        if line.startswith("flags") and "hypervisor" in line.split():
            yield (
                "this is a virtual machine: its clock cannot be fixed, and neighbours share its "
                "caches; prefer longer measurements and repeat them"
            )
            return


def _steal(root: Path) -> Iterator[str]:
    first = _read(root / "proc/stat").partition("\n")[0].split()
    # cpu user nice system idle iowait irq softirq steal ...
    numbers = [int(part) for part in first[1:9] if part.isdigit()]
    if len(numbers) == 8 and sum(numbers) > 0 and numbers[7] / sum(numbers) > STEAL_SHARE:
        yield (
            f"the hypervisor took {numbers[7] / sum(numbers):.1%} of the CPU time since the "
            "start; use a machine of your own"
        )


def _quota(root: Path) -> Iterator[str]:
    parts = _read(root / "sys/fs/cgroup/cpu.max").split()
    if len(parts) == 2 and parts[0].isdigit() and parts[1].isdigit() and int(parts[1]) > 0:
        share = int(parts[0]) / int(parts[1])
        yield (
            f"this container may use {share:.1f} processors and is stopped when it uses more; "
            "measure with fewer threads, or lift the limit"
        )


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""  # not this system, or not allowed
