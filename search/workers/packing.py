"""A job as bytes, on its way to another process; never written to a file."""

from __future__ import annotations

import pickle

from ..errors import RunError
from .base import Job, one_line


def packed(job: Job) -> bytes:
    """Return a job as bytes for another process.

    Raises:
        RunError: Something in it cannot travel.
    """
    try:
        return pickle.dumps(job)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
        raise RunError(
            f"the evaluator cannot be sent to other processes: {one_line(error)}; make it of "
            "functions and classes of an importable module, or search with one worker"
        ) from error
