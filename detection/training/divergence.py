"""When training has gone wrong, and what to say then."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ..errors import TrainingError
from ..weights import NAMED
from .checkpoint import TrainState, list_checkpoints
from .processes import Processes
from .report import TrainRow

DIVERGED = 100.0
"""A loss so many times the first row's (or 1, if that is more) has left what can be learnt."""

SKIPPED = 20
"""After so many half-precision steps in a row without a finite gradient, none will come.

The scale of the losses starts at 2 ** 16 and halves at every such step (torch.amp.GradScaler):
a run that can be trained finds its scale sooner.
"""
LEAST_SCALE = 2.0**-14
"""Of half-precision losses: the smallest normal float16; below, usual gradients vanish."""


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
    raise TrainingError(
        f"the gradient is not finite at step {step} though the loss is, on images "
        f"{_shared_ids(images, processes)}; {_advice(folder)}"
    )


def refuse_skipping(
    state: TrainState, images: Sequence[int], processes: Processes, folder: Path
) -> None:
    """Check that half-precision steps are not skipped for ever; processes skip the same ones.

    Args:
        state: Of a run whose scaler is in use.
        images: Ids of the images of this process's part of the batch.
        processes: Those that train together.
        folder: Of the run's checkpoints.

    Raises:
        TrainingError: The gradient is infinite or NaN for the :data:`SKIPPED`-th step in a row,
            or the scale has fallen below :data:`LEAST_SCALE`.
    """
    if not state.skipped:
        return
    scale = state.scaler.get_scale()
    if state.skipped < SKIPPED and scale >= LEAST_SCALE:
        return
    raise TrainingError(
        f"the float16 gradient is not finite at step {state.step} though the loss is, on images "
        f"{_shared_ids(images, processes)}: {state.skipped} steps in a row skipped, losses scaled "
        f"by {scale:g}; train with precision bf16 or fp32, or {_advice(folder)}"
    )


def refuse_spoilt(state: TrainState, folder: Path) -> None:
    """Check that weights, and their average, are finite before they are saved.

    Another process may have running statistics of its own: the one that saves checks for all.

    Raises:
        TrainingError: Some are not; the checkpoints from before are.
    """
    average = {} if state.average is None else state.average.values
    named = [*state.root.state_dict().items(), *average.items()]
    floating = [(name, value) for name, value in named if value.is_floating_point()]
    finite = torch.stack([value.isfinite().all() for _, value in floating]).tolist()
    bad = dict.fromkeys(name for (name, _), fine in zip(floating, finite, strict=True) if not fine)
    if bad:
        raise TrainingError(
            f"weights are not finite after {state.step} steps ({', '.join([*bad][:NAMED])}"
            f"{', ...' if len(bad) > NAMED else ''}), so that they are not saved; "
            f"{_advice(folder)}"
        )


def _good(losses: Mapping[str, float], limit: float) -> bool:
    return all(map(math.isfinite, losses.values())) and sum(losses.values()) <= limit


def _shared_ids(images: Sequence[int], processes: Processes) -> list[int]:
    return [image for part in processes.gather(list(images)) for image in part]


def _advice(folder: Path) -> str:
    found = list_checkpoints(folder)
    last = found[-1] if found else "none"
    return f"lower lr or lengthen warmup_steps; last good checkpoint: {last}"
