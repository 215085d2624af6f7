"""Evaluate in this process, one task after the other."""

from __future__ import annotations

from ..errors import RunError
from .base import Job, Outcome, Task


class InlineWorkers:
    """Be the only worker: a task runs while its outcome is waited for.

    Args:
        job: What tasks have in common.
    """

    count = 1

    def __init__(self, job: Job) -> None:
        self._job = job
        self._task: Task | None = None

    @property
    def free(self) -> int:
        """Return 1 unless a task waits to be run."""
        return 0 if self._task else 1

    def submit(self, task: Task) -> None:
        """Take a task.

        Raises:
            RunError: One is there already.
        """
        if self._task is not None:
            raise RunError("the worker has a task; wait for its outcome first")
        self._task = task

    def wait(self) -> Outcome:
        """Run the task.

        Raises:
            RunError: There is none.
        """
        if self._task is None:
            raise RunError("nothing is running, so there is nothing to wait for")
        task, self._task = self._task, None
        return self._job.run(task)

    def close(self) -> None:
        """Drop the task that waits, if there is one."""
        self._task = None
