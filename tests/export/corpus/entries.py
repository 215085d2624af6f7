"""A graph with what is known of it: the releases that take it, and those that refuse it."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import onnx

from export.check import check_model, parse_target

RELEASES = ("8.4", "8.5", "8.6", "10.0", "10.1", "10.2", "10.3", "10.4", "10.11", "11.1")
KINDS = ("bad", "small", "ours", "foreign")


@dataclass(frozen=True)
class Entry:
    """A graph of the corpus.

    Attributes:
        name: Unique.
        kind: One of `KINDS`.
        make: Makes the graph.
        good: Releases that parse and run it.
        bad: Releases that refuse it, or compute something else.
        source: Why that is known.
        precision: What it is to run in.
        slow: Whether it takes more than a second or two to make.
    """

    name: str
    kind: str
    make: Callable[[], onnx.ModelProto]
    good: tuple[str, ...]
    bad: tuple[str, ...]
    source: str
    precision: str = "fp32"
    slow: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the check says of a graph for one release, beside what is known; CPU seconds."""

    entry: str
    kind: str
    release: str
    good: bool
    passed: bool
    nodes: int
    seconds: float
    reason: str

    @property
    def false_alarm(self) -> bool:
        return self.good and not self.passed

    @property
    def missed(self) -> bool:
        return not self.good and self.passed


def since(release: str) -> tuple[str, ...]:
    """Return the releases from one on."""
    return RELEASES[RELEASES.index(release) :]


def before(release: str) -> tuple[str, ...]:
    """Return the releases before one."""
    return RELEASES[: RELEASES.index(release)]


def judge(entry: Entry) -> list[Verdict]:
    """Check a graph for every release of which something is known."""
    model, verdicts = entry.make(), []
    for release in (*entry.good, *entry.bad):
        began = time.process_time()  # of this process alone: others may be busy
        report = check_model(model, parse_target(release, entry.precision))
        seconds = time.process_time() - began
        verdicts.append(
            Verdict(
                entry.name,
                entry.kind,
                release,
                release in entry.good,
                report.passed,
                report.nodes,
                seconds,
                "" if report.passed else f"{report.failures[0].rule}: {report.failures[0].reason}",
            )
        )
    return verdicts


def refused_share(verdicts: Iterable[Verdict]) -> float:
    """Return the share of the good ones that is refused; 0 if there are none."""
    good = [verdict for verdict in verdicts if verdict.good]
    return sum(verdict.false_alarm for verdict in good) / len(good) if good else 0.0


def by_release(verdicts: Iterable[Verdict]) -> Mapping[str, list[Verdict]]:
    """Return the verdicts of every release, in order."""
    found: dict[str, list[Verdict]] = {release: [] for release in RELEASES}
    for verdict in verdicts:
        found[verdict.release].append(verdict)
    return found
