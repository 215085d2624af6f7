"""What a training run says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrainRow:
    """Describe training around one step.

    Attributes:
        step: Steps done.
        lr: Learning rate of the last of them.
        losses: Mean of every loss since the row before.
        scores: On the validation images after that step, 0..1, more is better; the first one is
            what runs are compared by. Empty at steps that were not scored.
    """

    step: int
    lr: float
    losses: Mapping[str, float]
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Return the sum of the losses."""
        return sum(self.losses.values())


@dataclass(frozen=True, slots=True)
class BestStep:
    """Name the step that scored best so far.

    Attributes:
        step: Steps done.
        score: The first of its scores.
    """

    step: int
    score: float


@dataclass(frozen=True, slots=True)
class TrainReport:
    """Describe a finished run.

    Attributes:
        steps: Optimiser steps in all.
        resumed_at: Steps that an earlier run had done; 0 for a run from the start.
        seconds: Duration of this run, without what it resumed.
        history: One row every ``log_every`` steps, at every step that was scored and at the end,
            from the start.
        checkpoint: Folder of the last checkpoint.
        best: The step whose weights the run has left, where the best were wanted; ``None`` where
            it has left the last ones.
        changes: What was changed in the settings for the run to be possible, a sentence each.
    """

    steps: int
    resumed_at: int
    seconds: float
    history: tuple[TrainRow, ...]
    checkpoint: Path
    best: BestStep | None = None
    changes: tuple[str, ...] = ()
