"""What a training run says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrainRow:
    """Describe training around one step.

    Attributes:
        step: Steps done.
        lr: Learning rate of the last of them.
        losses: Mean of every loss since the row before.
    """

    step: int
    lr: float
    losses: Mapping[str, float]

    @property
    def total(self) -> float:
        """Return the sum of the losses."""
        return sum(self.losses.values())


@dataclass(frozen=True, slots=True)
class TrainReport:
    """Describe a finished run.

    Attributes:
        steps: Optimiser steps in all.
        resumed_at: Steps that an earlier run had done; 0 for a run from the start.
        seconds: Duration of this run, without what it resumed.
        history: One row every ``log_every`` steps and one at the end, from the start.
        checkpoint: Folder of the last checkpoint.
    """

    steps: int
    resumed_at: int
    seconds: float
    history: tuple[TrainRow, ...]
    checkpoint: Path
