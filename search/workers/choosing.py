"""Which workers a run has, as the command line writes it."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RunError
from .base import Job, Workers
from .inline import InlineWorkers
from .local import LocalWorkers

MOST_WORKERS = 1024
RAY = "ray"
KINDS = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class WorkerChoice:
    """Say where evaluations run.

    Attributes:
        count: Evaluations at once on this machine; 1 is this process itself.
        cluster: Address of a Ray cluster's head, or ``auto``; its nodes then say how many
            evaluations run at once. ``None`` takes this machine.
        kind: Of device that evaluations on a cluster need: ``cpu`` or ``cuda``.

    Raises:
        RunError: The number or the kind is out of range.
    """

    count: int = 1
    cluster: str | None = None
    kind: str = "cpu"

    def __post_init__(self) -> None:
        count = self.count
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_WORKERS:
            raise RunError(f"workers must be a number from 1 to {MOST_WORKERS}, got {count!r}")
        if self.kind not in KINDS:
            raise RunError(f"workers run on one of {', '.join(KINDS)}, got {self.kind!r}")


def make_workers(choice: WorkerChoice, job: Job) -> Workers:
    """Return the workers of a run; nothing is started before there is a task.

    Raises:
        RunError: The evaluator cannot be sent to other processes, or the cluster is not there.
    """
    if choice.cluster is not None:
        from .ray_cluster import RayWorkers

        return RayWorkers(job, choice.cluster, choice.kind)
    return InlineWorkers(job) if choice.count == 1 else LocalWorkers(job, choice.count)


def parse_workers(text: str, device: str = "cpu") -> WorkerChoice:
    """Read the workers of a run: a number of processes, or ``ray[:ADDRESS]``.

    Args:
        text: As the command line writes it.
        device: That evaluations run on, such as ``cpu`` or ``cuda:0``.

    Raises:
        RunError: The text is neither.

    Example:
        >>> parse_workers("4").count
        4
        >>> parse_workers("ray:10.0.0.1:6379", "cuda:0")
        WorkerChoice(count=1, cluster='10.0.0.1:6379', kind='cuda')
    """
    name, colon, address = text.partition(":")
    if name == RAY and bool(colon) == bool(address):
        return WorkerChoice(cluster=address or "auto", kind=device.partition(":")[0])
    if not text.isdecimal():
        raise RunError(
            "workers are written as a number of processes such as 2, or ray[:ADDRESS], got "
            f"{text!r}"
        )
    return WorkerChoice(int(text))
