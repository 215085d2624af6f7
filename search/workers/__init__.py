"""Where evaluations run: here, in processes of this machine, on a cluster; profiles there."""

from __future__ import annotations

from .base import Job, Outcome, Task, Workers
from .choosing import WorkerChoice, make_workers, parse_workers
from .device_node import RESOURCE, DeviceNode
from .inline import InlineWorkers
from .joining import ANYWHERE, Cluster
from .local import LocalWorkers
from .profiling import profile_on_cluster, transfer_on_cluster

__all__ = [
    "ANYWHERE",
    "RESOURCE",
    "Cluster",
    "DeviceNode",
    "InlineWorkers",
    "Job",
    "LocalWorkers",
    "Outcome",
    "Task",
    "WorkerChoice",
    "Workers",
    "make_workers",
    "parse_workers",
    "profile_on_cluster",
    "transfer_on_cluster",
]
