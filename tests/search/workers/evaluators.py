"""Evaluators that other processes can import: they count, dawdle, fail, and kill their process."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from search import Budget
from search.conformance import quality
from searchspaces import Architecture


@dataclass(frozen=True)
class Counting:
    """Score by the digits, and leave a line in a file for every evaluation."""

    log: Path
    seconds: float = 0.0

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        note(self.log, architecture)
        time.sleep(self.seconds * (1 + architecture.genes[0]))  # type: ignore[operator]
        return {"quality": quality(architecture)}


@dataclass(frozen=True)
class Deadly:
    """Kill the process in the middle of an architecture, so many times."""

    log: Path
    deaths: int

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        note(self.log, architecture)
        if architecture.genes[-1] == 2 and tries(self.log, architecture) <= self.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"quality": quality(architecture)}


@dataclass(frozen=True)
class Flaky:
    """Fail at first, so many times, by an error that is or is not the evaluator's verdict."""

    log: Path
    failures: int
    error: type[Exception] = OSError

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        note(self.log, architecture)
        if tries(self.log, architecture) <= self.failures:
            raise self.error("the disk was full")
        return {"quality": quality(architecture)}


@dataclass(frozen=True)
class Unloadable:
    """Can be sent, but not be loaded where it arrives."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return fail_to_load, ("no such GPU here",)

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        return {"quality": 0.0}


def fail_to_load(reason: str) -> None:
    raise RuntimeError(reason)


def note(log: Path, architecture: Architecture) -> None:
    """Append a line at once, whichever process it is."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{os.getpid()} {''.join(map(str, architecture.genes))}\n".encode())
    os.close(handle)


def evaluated(log: Path) -> list[str]:
    """The codes of all evaluations that were begun, in that order."""
    return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []


def processes(log: Path) -> set[int]:
    return {int(line.split()[0]) for line in log.read_text().splitlines()}


def tries(log: Path, architecture: Architecture) -> int:
    return evaluated(log).count("".join(map(str, architecture.genes)))
