"""Say what makes timing on this machine unstable right now."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from .clocks import gpu_utilisation
from .device import DeviceInfo
from .processors import (
    OthersClock,
    contention,
    processor_quota,
    read_text,
    usable_processors,
)

# Above this share of the processors being busy, a measured thread has to share one.
BUSY_SHARE = 0.5
# The same for a GPU, which a desktop keeps busy a little.
BUSY_GPU_SHARE = 0.1
# In it the system's ticks of 10 ms are 1 %.
LOOK_SECONDS = 1.0
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


def overload_reason(
    device: DeviceInfo, threads: int, seconds: float = LOOK_SECONDS, root: Path = Path("/")
) -> str | None:
    """Return why nothing measured on a device would mean anything now; None if it would.

    Watches for a while how busy other programs keep the processors that the threads need, or the
    GPU. A simulated device is never overloaded.

    Args:
        device: What is to be measured.
        threads: CPU threads of the engine.
        seconds: How long to watch.
        root: Where ``proc`` and ``sys`` lie.
    """
    if device.kind == "cuda":
        busy = gpu_utilisation(device)
        if busy is not None and busy > BUSY_GPU_SHARE:
            return f"other programs keep the GPU busy ({busy:.0%} of the last second)"
        return None
    if device.kind != "cpu":
        return None
    others = OthersClock(root)
    time.sleep(seconds)
    return contention(threads, others.busy() or 0.0, usable_processors(root))


def load_average() -> float | None:
    """Return the one-minute load average, or None where the system has none."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows; containers that hide it
        return None


def _load(root: Path) -> Iterator[str]:
    busy, processors = load_average(), usable_processors(root)
    if busy is not None and busy > BUSY_SHARE * processors:
        yield (
            f"load average is {busy:.1f} on {processors:g} processors; stop other programs before "
            "measuring"
        )


def _governor(root: Path) -> Iterator[str]:
    folder = root / "sys/devices/system/cpu"
    files = sorted(folder.glob("cpu[0-9]*/cpufreq/scaling_governor"))
    names = sorted({read_text(file) for file in files} - {"performance", ""})
    if names:
        yield (
            f"the clock governor is {', '.join(names)}; "
            "set it with: sudo cpupower frequency-set -g performance"
        )


def _boost(root: Path) -> Iterator[str]:
    cpu = root / "sys/devices/system/cpu"
    if read_text(cpu / "intel_pstate/no_turbo") == "0" or read_text(cpu / "cpufreq/boost") == "1":
        yield "the CPU may boost its clock as long as it is cool; switch turbo boost off"


def _virtual(root: Path) -> Iterator[str]:
    for line in read_text(root / "proc/cpuinfo").splitlines():
        if line.startswith("flags") and "hypervisor" in line.split():
            yield (
                "this is a virtual machine: its clock cannot be fixed, and neighbours share its "
                "caches; prefer longer measurements and repeat them"
            )
            return


def _steal(root: Path) -> Iterator[str]:
    first = read_text(root / "proc/stat").partition("\n")[0].split()
    # cpu user nice system idle iowait irq softirq steal ...
    numbers = [int(part) for part in first[1:9] if part.isdigit()]
    if len(numbers) == 8 and sum(numbers) > 0 and numbers[7] / sum(numbers) > STEAL_SHARE:
        yield (
            f"the hypervisor took {numbers[7] / sum(numbers):.1%} of the CPU time since the "
            "start; use a machine of your own"
        )


def _quota(root: Path) -> Iterator[str]:
    share = processor_quota(root)
    if share is not None:
        yield (
            f"this container may use {share:.1f} processors and is stopped when it uses more; "
            "measure with fewer threads, or lift the limit"
        )
