"""Evaluate in several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from ..errors import RunError
from .base import Job, Outcome, Task
from .packing import packed
from .process import work

PATIENCE_S = 5.0  # that an idle worker has to end by itself


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    connection: Connection
    loaded: bool = False
    task: Task | None = None


class LocalWorkers:
    """Keep so many processes, each with its own copy of the evaluator.

    Processes are started afresh (not forked: threads of numerical libraries do not survive that)
    when there is a first task for them, and again in place of one that has died.

    Args:
        job: What tasks have in common; sent to every process.
        count: Processes.

    Raises:
        RunError: The evaluator cannot be sent to another process.
    """

    def __init__(self, job: Job, count: int) -> None:
        self.count = count
        self._content = packed(job)
        self._context = multiprocessing.get_context("spawn")
        self._threads = max(1, _processors() // count)
        self._workers: list[_Worker] = []

    @property
    def free(self) -> int:
        """Return how many more tasks can be given now."""
        return self.count - sum(worker.task is not None for worker in self._workers)

    def submit(self, task: Task) -> None:
        """Give a task to an idle process, or to a new one.

        Raises:
            RunError: All are busy.
        """
        if self.free < 1:
            raise RunError(f"all {self.count} workers are busy; wait for an outcome first")
        idle = [worker for worker in self._workers if worker.task is None]
        worker = idle[0] if idle else self._started()
        worker.task = task
        with suppress(OSError):  # it has died: wait() will notice
            worker.connection.send(task)

    def wait(self) -> Outcome:
        """Return the next outcome; a process that died has lost its task.

        Raises:
            RunError: Nothing is running, or a process cannot load the evaluator.
        """
        while busy := [worker for worker in self._workers if worker.task is not None]:
            # ends: every message or death is one of finitely many, and waiting takes no turns
            ready = wait([item for w in busy for item in (w.connection, w.process.sentinel)])
            for worker in busy:
                if worker.connection in ready or worker.process.sentinel in ready:
                    outcome = self._heard(worker)
                    if outcome is not None:
                        return outcome
        raise RunError("nothing is running, so there is nothing to wait for")

    def close(self) -> None:
        """End the processes: busy ones at once, idle ones by closing their connection."""
        for worker in self._workers:
            worker.connection.close()
            if worker.task is not None:
                worker.process.kill()
        for worker in self._workers:
            worker.process.join(PATIENCE_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()

    def _started(self) -> _Worker:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(target=work, args=(theirs, self._threads))
        process.start()
        theirs.close()  # so that its death is the end of the connection
        worker = _Worker(process, mine)
        self._workers.append(worker)
        with suppress(OSError):  # it has died already: wait() will notice
            mine.send_bytes(self._content)
        return worker

    def _heard(self, worker: _Worker) -> Outcome | None:
        """Take one message of a process, or notice its death."""
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            return self._lost(worker)
        if not worker.loaded:
            if message is not None:
                raise RunError(
                    f"a worker cannot load the evaluator: {message}; what it is made of must be "
                    "importable there, too"
                )
            worker.loaded = True
            return None
        worker.task = None
        outcome: Outcome = message
        return outcome

    def _lost(self, worker: _Worker) -> Outcome:
        task = worker.task
        assert task is not None
        worker.process.join(PATIENCE_S)
        code, number = worker.process.exitcode, worker.process.pid
        worker.process.kill()  # where it only closed its connection
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        return Outcome(index=task.index, error=f"worker process {number} died {how}", lost=True)


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1
