"""Evaluators that other processes can import: they count, dawdle, fail, and kill their process."""

import os
import signal
import time
import zlib
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


@dataclass(frozen=True)
class Graded:
    """Score by the digits; a part of an evaluation gives a noisy score, or a lie."""

    log: Path | None = None
    seconds: float = 0.0
    fails_at: float | None = None
    lies: bool = False

    graded = "parts"

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        share = 1.0 if budget is None or budget.share is None else budget.share
        if self.log is not None:
            append(self.log, f"{os.getpid()} {code(architecture)} {share}\n")
        time.sleep(self.seconds * share)
        if share == self.fails_at:
            raise ValueError("no such part")
        chance = zlib.crc32(f"{architecture.genes} {share}".encode()) / 2**32
        whole = quality(architecture)
        noisy = 42 * chance if self.lies else whole + 3 * (1 - share) * (chance - 0.5)
        return {"quality": whole if share == 1.0 else noisy}


def fail_to_load(reason: str) -> None:
    raise RuntimeError(reason)


def note(log: Path, architecture: Architecture) -> None:
    """Append a line at once, whichever process it is."""
    append(log, f"{os.getpid()} {code(architecture)}\n")


def append(log: Path, line: str) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())
    os.close(handle)


def code(architecture: Architecture) -> str:
    return "".join(map(str, architecture.genes))


def evaluated(log: Path) -> list[str]:
    """The codes of all evaluations that were begun, in that order."""
    return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []


def processes(log: Path) -> set[int]:
    return {int(line.split()[0]) for line in log.read_text().splitlines()}


def tries(log: Path, architecture: Architecture) -> int:
    return evaluated(log).count(code(architecture))


def shares_of(log: Path) -> list[tuple[str, float]]:
    """The codes and shares of all evaluations of :class:`Graded` that were begun."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [(line.split()[1], float(line.split()[2])) for line in lines]
