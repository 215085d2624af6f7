"""A warm-up that leaves a run time to learn at its full rate."""

from __future__ import annotations

from dataclasses import replace

from .config import TrainConfig

RUN_PER_WARMUP = 10  # warm-ups that a run lasts, where its own is too long for it


def fitted_warmup(
    config: TrainConfig, total: int, *, asked: bool = True
) -> tuple[TrainConfig, tuple[str, ...]]:
    """Shorten a warm-up that the run is too short for to a tenth of the run.

    One that was asked for is too long if the learning rate never gets to its peak, any other one
    if it takes more than that tenth: a procedure's 500 steps are meant for its own data.

    Args:
        config: Settings of the run.
        total: Its optimiser steps.
        asked: Whether the warm-up was asked for.

    Returns:
        The settings, and what was changed in one sentence, if anything was.

    Example:
        >>> fitted_warmup(TrainConfig(epochs=2, warmup_steps=500), 80)[1]
        ('warmup_steps 500 -> 8, as the run is of 80 steps',)
    """
    fitting = total // RUN_PER_WARMUP
    if config.warmup_steps <= max(total - 1 if asked else fitting, 0):
        return config, ()
    said = f"warmup_steps {config.warmup_steps} -> {fitting}, as the run is of {total} steps"
    return replace(config, warmup_steps=fitting), (said,)
