"""When training has gone wrong, and what to say then."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import TrainingError
from .checkpoint import list_checkpoints
from .processes import Processes
from .report import TrainRow

DIVERGED = 100.0
"""A loss so many times the first row's (or 1, if that is more) has left what can be learnt."""


def refuse_divergence(
    step: int,
    mean: Mapping[str, float],
    local: Mapping[str, float],
    images: Sequence[int],
    history: Sequence[TrainRow],
    processes: Processes,
    folder: Path,
) -> None:
    """Check a step's losses; all processes come to the same answer.

    Args:
        step: Counted from 0.
        mean: Losses over all processes.
        local: This process's own.
        images: Ids of the images of this process's part of the batch.
        history: Rows so far.
        processes: Those that train together.
        folder: Of the run's checkpoints.

    Raises:
        TrainingError: The loss is infinite, NaN or far beyond where the run began; it names the
            images of the processes whose own loss is so.
    """
    limit = DIVERGED * max(history[0].total if history else math.inf, 1.0)
    if _good(mean, limit):
        return
    told = processes.gather((dict(local), list(images)))
    bad = [(losses, ids) for losses, ids in told if not _good(losses, limit)] or told
    losses, ids = bad[0][0], [image for _, part in bad for image in part]
    finite = all(map(math.isfinite, losses.values()))
    what = f"beyond {DIVERGED:g} times the first" if finite else "not finite"
    shown = ", ".join(f"{name}={value:.6g}" for name, value in losses.items())
    raise TrainingError(
        f"the loss is {what} at step {step} ({shown}) on images {ids}; {_advice(folder)}"
    )


def refuse_gradient(
    step: int, norm: float, images: Sequence[int], processes: Processes, folder: Path
) -> None:
    """Check the norm of a step's gradient, which all processes share.

    Raises:
        TrainingError: It is infinite or NaN.
    """
    if math.isfinite(norm):
        return
    ids = [image for part in processes.gather(list(images)) for image in part]
    raise TrainingError(
        f"the gradient is not finite at step {step} though the loss is, on images {ids}; "
        f"{_advice(folder)}"
    )


def _good(losses: Mapping[str, float], limit: float) -> bool:
    return all(map(math.isfinite, losses.values())) and sum(losses.values()) <= limit


def _advice(folder: Path) -> str:
    found = list_checkpoints(folder)
    last = found[-1] if found else "none"
    return f"lower lr or lengthen warmup_steps; last checkpoint: {last}"
