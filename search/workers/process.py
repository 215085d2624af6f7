"""What runs in a worker process: load the job, evaluate what comes, end with the parent."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from .base import one_line

if TYPE_CHECKING:
    from .base import Job

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Read by the numerical libraries when they are loaded; what the user has set stays."""


def work(connection: Connection, threads: int) -> None:
    """Evaluate tasks from a connection until it is closed.

    The job comes first, so that libraries are loaded after the number of threads is known: several
    workers that use all processors each would slow one another down. Ctrl-C is the parent's.

    Args:
        connection: Gives the job as bytes, then tasks; takes ``None`` once the job is loaded, or
            a text that says why it cannot be; then outcomes.
        threads: For the numerical libraries.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    for name in THREADS:
        os.environ.setdefault(name, str(threads))
    try:
        job = _loaded(connection)
        while job is not None:
            connection.send(job.run(connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent needs nothing more


def _loaded(connection: Connection) -> Job | None:
    content = connection.recv_bytes()
    try:
        job: Job = pickle.loads(content)  # made by the parent a moment ago; never a file
    except Exception as error:  # whatever importing the user's modules raises
        connection.send(one_line(error))
        return None
    connection.send(None)
    return job


def _end_with_parent() -> None:
    """End this process as soon as the parent is gone, even in the middle of an evaluation."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
