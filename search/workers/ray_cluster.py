"""Evaluate on a Ray cluster: a worker for every unit of a resource that its nodes offer.

A node says what it takes part with, and how often at once, when it is started::

    ray start --address=HEAD:6379 --resources='{"detfit-cpu": 2}'

``detfit-cpu`` for evaluations on processors, ``detfit-cuda`` for those on a GPU, of which Ray then
gives every worker one. The project has to be installed on every node.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from typing import Any

from ..errors import RunError
from .base import Job, Outcome, Task, one_line
from .joining import ANYWHERE, Cluster
from .packing import packed
from .process import THREADS

RESOURCE = "detfit-{}"


@dataclass(slots=True)
class _Worker:
    actor: Any
    task: Task | None = None


class Evaluation:
    """What Ray runs on a node; loads the job when the first task comes."""

    def __init__(self, content: bytes, threads: int) -> None:
        for name in THREADS:  # before the numerical libraries are loaded
            os.environ.setdefault(name, str(threads))
        self._content = content
        self._job: Job | None = None

    def run(self, task: Task) -> Outcome | str:
        """Evaluate a task; a text says why the job cannot be loaded."""
        if self._job is None:
            try:
                self._job = pickle.loads(self._content)  # made by the search; never a file
            except Exception as error:  # whatever importing the user's modules raises
                return one_line(error)
        assert self._job is not None
        return self._job.run(task)


class RayWorkers:
    """Keep a worker for every unit of the resource in a cluster.

    Args:
        job: What tasks have in common.
        address: Of the cluster's head, or ``auto``.
        kind: Of device that evaluations need: ``cpu`` or ``cuda``.

    Raises:
        RunError: Ray is not installed, the cluster does not answer, no node offers the resource,
            or the evaluator cannot be sent to other processes.
    """

    def __init__(self, job: Job, address: str = ANYWHERE, kind: str = "cpu") -> None:
        content, name = packed(job), RESOURCE.format(kind)
        self._cluster = Cluster(address)
        self._ray = self._cluster.ray
        try:
            self.count = self._cluster.offers(name)
        except RunError:
            self._cluster.close()
            raise
        self._content = self._ray.put(content)
        self._needs = {"num_cpus": 0, "resources": {name: 1}}
        if kind == "cuda":
            self._needs["num_gpus"] = 1
        self._idle: list[_Worker] = []
        self._running: dict[Any, _Worker] = {}

    @property
    def free(self) -> int:
        """Return how many more tasks can be given now."""
        return self.count - len(self._running)

    def submit(self, task: Task) -> None:
        """Give a task to an idle worker, or to a new one.

        Raises:
            RunError: All are busy.
        """
        if self.free < 1:
            raise RunError(f"all {self.count} workers are busy; wait for an outcome first")
        worker = self._idle.pop() if self._idle else self._started()
        worker.task = task
        self._running[worker.actor.run.remote(task)] = worker

    def wait(self) -> Outcome:
        """Return the next outcome; a worker or node that died has lost its task.

        Raises:
            RunError: Nothing is running, or a worker cannot load the evaluator.
        """
        if not self._running:
            raise RunError("nothing is running, so there is nothing to wait for")
        (done, *_), _ = self._ray.wait(list(self._running), num_returns=1)
        worker = self._running.pop(done)
        task, worker.task = worker.task, None
        assert task is not None
        try:
            answer = self._ray.get(done)
        except self._ray.exceptions.RayError as error:
            self._ray.kill(worker.actor)
            reason = f"its worker in the cluster died: {one_line(error)}"
            return Outcome(index=task.index, error=reason, lost=True)
        if isinstance(answer, str):
            raise RunError(
                f"a worker cannot load the evaluator: {answer}; what it is made of must be "
                "importable on every node of the cluster"
            )
        self._idle.append(worker)
        outcome: Outcome = answer
        return outcome

    def close(self) -> None:
        """End the workers, and leave the cluster if it was joined here."""
        for worker in (*self._idle, *self._running.values()):
            self._ray.kill(worker.actor)
        self._idle, self._running = [], {}
        self._cluster.close()

    def _started(self) -> _Worker:
        actor = self._ray.remote(**self._needs)(Evaluation)
        return _Worker(actor.remote(self._content, 1))
