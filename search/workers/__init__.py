"""Where evaluations run: in this process, in others of this machine, on a cluster."""

from __future__ import annotations

from .base import Job, Outcome, Task, Workers
from .choosing import WorkerChoice, make_workers, parse_workers
from .inline import InlineWorkers
from .joining import ANYWHERE, Cluster
from .local import LocalWorkers

__all__ = [
    "ANYWHERE",
    "Cluster",
    "InlineWorkers",
    "Job",
    "LocalWorkers",
    "Outcome",
    "Task",
    "WorkerChoice",
    "Workers",
    "make_workers",
    "parse_workers",
]
