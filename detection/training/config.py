"""What a training run is told."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..errors import TrainingError

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("cosine", "linear", "step", "constant")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
FREE_TO_CHANGE = (
    "checkpoint_every",
    "checkpoint_minutes",
    "evaluate_every",
    "keep_best",
    "tensorboard",
    "workers",
)
"""Settings that a resumed run may change: no step depends on them."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of a training run; equal settings and data give equal weights on a CPU.

    Attributes:
        steps: Optimiser steps; exactly one of ``steps`` and ``epochs`` is given.
        epochs: Passes over the data, each of as many steps as there are full batches.
        batch_size: Images per step, of all processes together.
        accumulate: Equal parts that a process's share of a batch is computed in, one after the
            other; batch normalisation sees one part at a time.
        optimizer: ``sgd`` (with momentum) or ``adamw``.
        lr: Learning rate after the warm-up.
        final_lr: Learning rate at the last step; ``cosine`` and ``linear`` lead there.
        schedule: ``cosine``, ``linear``, ``step`` (falls at every one of ``drops``) or
            ``constant``.
        drops: Shares of the run, rising, after which the ``step`` schedule falls.
        drop_factor: What it falls by.
        warmup_steps: Steps over which the learning rate rises linearly.
        momentum: Of SGD.
        weight_decay: On convolutions and linear layers.
        decay_all: Whether normalisation parameters and biases decay as well.
        group_by_aspect: Whether portraits and landscapes make batches of their own, as in the
            papers' code; inputs have one size, so that it saves nothing.
        grad_clip: Largest norm of the gradient; 0 for no limit.
        ema_decay: How much of the averaged weights stays at a step, 0 for no average. The
            averaged weights are what a run with an average leaves.
        precision: ``fp32``, ``bf16``, ``fp16``, or ``auto``: bf16 or fp16 where a CUDA device
            computes in it, else fp32. Weights are fp32 in any case.
        sync_bn: Whether batch normalisation sees the images of all processes.
        channels_last: Whether to compute in that memory format: about a third faster on a CPU.
        seed: Of data order, path and box sampling.
        log_every: Steps between two rows of the history.
        checkpoint_every: Steps between two checkpoints; the last step always gives one.
        checkpoint_minutes: A checkpoint is also written when the last one is so old.
        evaluate_every: Steps between two scores on the validation images, or epochs where the
            length of the run is in epochs; the last step is scored too. 0 scores at the end alone.
        keep_best: Whether to keep the checkpoint that scored best, and to leave its weights
            instead of the last ones.
        workers: Processes that read images; 0 reads in this one.
        tensorboard: Whether to write the history for TensorBoard too, which must be installed.

    Raises:
        TrainingError: A setting is out of its range.
    """

    steps: int | None = None
    epochs: int | None = None
    batch_size: int = 16
    accumulate: int = 1
    optimizer: str = "sgd"
    lr: float = 0.02
    final_lr: float = 0.0
    schedule: str = "cosine"
    drops: tuple[float, ...] = ()
    drop_factor: float = 0.1
    warmup_steps: int = 0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    decay_all: bool = False
    group_by_aspect: bool = False
    grad_clip: float = 10.0
    ema_decay: float = 0.0
    precision: str = "auto"
    sync_bn: bool = True
    channels_last: bool = True
    seed: int = 0
    log_every: int = 10
    checkpoint_every: int = 1000
    checkpoint_minutes: float = 10.0
    evaluate_every: int = 0
    keep_best: bool = False
    workers: int = 0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise TrainingError(
                f"give either steps or epochs, got steps={self.steps}, epochs={self.epochs}"
            )
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise TrainingError(
                    f"{name} {getattr(self, name)!r} is not one of {', '.join(known)}"
                )
        self._check_counts()
        self._check_numbers()
        self._check_drops()

    def total_steps(self, steps_per_epoch: int) -> int:
        """Return how many optimiser steps the run has."""
        return self.steps if self.steps is not None else (self.epochs or 0) * steps_per_epoch

    @property
    def decisive(self) -> dict[str, Any]:
        """Return the settings that the result depends on, by name."""
        return {name: v for name, v in asdict(self).items() if name not in FREE_TO_CHANGE}

    def differences(self, other: dict[str, Any]) -> tuple[str, ...]:
        """Return what keeps a run of other settings from being continued, as ``name: a, b``.

        A setting that the other run does not know had no effect there, as its default has none.
        """
        mine, usual = self.decisive, {field.name: field.default for field in fields(self)}
        other = {**usual, **other}
        return tuple(
            f"{name}: {other.get(name)!r} then, {mine.get(name)!r} now"
            for name in sorted(mine.keys() | other.keys())
            if name not in FREE_TO_CHANGE and mine.get(name) != other.get(name)
        )

    def _check_counts(self) -> None:
        at_least_one = {
            "steps or epochs": self.epochs if self.steps is None else self.steps,
            "batch_size": self.batch_size,
            "accumulate": self.accumulate,
            "log_every": self.log_every,
            "checkpoint_every": self.checkpoint_every,
        }
        for name, value in at_least_one.items():
            if value is None or value < 1:
                raise TrainingError(f"{name} must be at least 1, got {value}")
        if self.batch_size % self.accumulate:
            raise TrainingError(
                f"batch_size {self.batch_size} does not divide into {self.accumulate} equal "
                "parts; change accumulate"
            )

    def _check_numbers(self) -> None:
        for name in (*_NOT_NEGATIVE, "lr"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise TrainingError(f"{name} must be finite and not negative, got {value}")
        if not self.lr:
            raise TrainingError("lr must be above 0, got 0")
        if self.seed >= 2**63:
            raise TrainingError(f"seed must be below 2**63, got {self.seed}")
        if self.ema_decay >= 1:
            raise TrainingError(f"ema_decay must be below 1, got {self.ema_decay}")
        if self.keep_best and not self.evaluate_every:
            raise TrainingError("keep_best needs scores to compare; set evaluate_every, got 0")

    def _check_drops(self) -> None:
        drops = tuple(self.drops)
        if bool(drops) != (self.schedule == "step"):
            raise TrainingError(
                f"drops belong to the schedule step and to no other, got schedule "
                f"{self.schedule!r} with drops {drops}"
            )
        if list(drops) != sorted(set(drops)) or not all(0 < drop < 1 for drop in drops):
            raise TrainingError(f"drops must rise and lie between 0 and 1, got {drops}")


_CHOICES = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS}
_NOT_NEGATIVE = (
    "final_lr",
    "drop_factor",
    "warmup_steps",
    "momentum",
    "weight_decay",
    "grad_clip",
    "ema_decay",
    "seed",
    "checkpoint_minutes",
    "evaluate_every",
    "workers",
)
