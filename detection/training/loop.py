"""One loop for detectors and supernets, on one process or many, resumable at any step."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import CheckpointError, TrainingError
from .averaging import WeightAverage
from .batches import TrainingData, epoch_batches, step_batches
from .checkpoint import (
    RunIdentity,
    TrainState,
    clear,
    list_checkpoints,
    load_best,
    load_checkpoint,
    save_checkpoint,
)
from .computable import require_computable
from .config import TrainConfig
from .divergence import refuse_spoilt
from .identity import data_identity
from .lock import alone_in
from .log import TrainLog
from .optimizer import learning_rate, make_optimizer
from .paths import LearnerForStep
from .processes import Processes, current_processes
from .report import TrainReport, TrainRow
from .step import StepRunner, resolve_precision
from .stopping import StopRequest
from .synced_norm import synced_norms
from .validation import Progress, Validate, Validator, progress_text
from .warmup import fitted_warmup


def train(
    learner_for_step: LearnerForStep,
    root: nn.Module,
    dataset: TrainingData,
    config: TrainConfig,
    out_dir: str | Path,
    *,
    resume: bool = True,
    device: str = "cpu",
    validate: Validate | None = None,
    others: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Train, and leave the weights in ``root``, in evaluation mode.

    Data order and augmentation, paths and sampled boxes are functions of seed and step: a run
    that was killed and resumed ends with the weights of an undisturbed one (bit for bit on a
    CPU). Told to stop by SIGTERM or Ctrl-C, it finishes the step, saves and then stops.

    Under torchrun, inside of :func:`joined_processes`, every process calls this with the same
    arguments and computes its share of every batch; gradients are the mean over the processes.

    Args:
        learner_for_step: What step ``i`` trains; see :func:`one_detector` and
            :func:`uniform_paths`.
        root: Holds every parameter: the detector itself or the supernet. Moved to the device.
        dataset: Opened for training.
        config: Settings; a warm-up as long as the run is cut to a tenth of it, as the report says.
        out_dir: Where checkpoints and ``log.csv`` go; of several processes, on a disk that all
            see.
        resume: Whether to go on from the last checkpoint there; otherwise they are removed.
        device: For example ``cpu`` or ``cuda:0``.
        validate: Scores what is trained every ``config.evaluate_every``; needed for that alone.
            Neither steps nor weights depend on it.
        others: Whatever else decides the steps, as plain values by name: only a run of the same
            goes on. What the data's annotations are is known here.
        progress: Called as ``progress(message, done, total)`` in steps.

    Raises:
        DatasetError: There are fewer images than a batch takes.
        TrainingError: The loss became infinite, NaN or far larger than it began, the gradient or
            the weights infinite or NaN; or the settings do not fit the device or the number of
            processes, or lack what scores or TensorBoard.
        CheckpointError: The last checkpoint is damaged or belongs to a run of other settings;
            another process trains in the folder; or a checkpoint, the log or TensorBoard's files
            cannot be written.
    """
    epoch_batches(dataset, config, 0)  # refuses too few images, and unknown sizes
    per_epoch = len(dataset) // config.batch_size
    total = config.total_steps(per_epoch)
    config, changes = fitted_warmup(config, total)
    validator = Validator(validate, config, total, per_epoch)
    require_computable(config, device)  # refused before anything is written
    identity = RunIdentity(config, len(dataset), {**data_identity(dataset), **(others or {})})
    processes, folder = current_processes(), Path(out_dir)
    run = _Run(identity, folder, device, total, validator, processes, progress, changes)
    with alone_in(folder) if processes.writes else nullcontext():
        return _train(learner_for_step, root, dataset, run, resume)


def _train(
    learner_for_step: LearnerForStep,
    root: nn.Module,
    dataset: TrainingData,
    run: _Run,
    resume: bool,
) -> TrainReport:
    config = run.config
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    run.processes.copy_state(root.to(run.device))
    state = _open_state(root.to(memory_format=layout), run, resume)
    started_at, started = state.step, time.monotonic()
    root.train()
    with synced_norms(root, config.sync_bn), StopRequest() as stop:
        stopped = _run_steps(learner_for_step, dataset, state, run, stop)
    run.processes.wait()  # until the first process has written the last checkpoint
    if stopped or stop.received is not None:
        stop.obey()
        raise TrainingError(
            f"stopped at step {state.step} of {run.total}, saved in {run.folder}; resume goes on"
        )
    load_best(run.folder, state)
    if state.average is not None:
        state.average.write(root)
    run.processes.copy_statistics(root)  # the first process writes and others score with it
    root.eval().to(memory_format=torch.contiguous_format)
    return TrainReport(
        steps=state.step,
        resumed_at=started_at,
        seconds=time.monotonic() - started,
        history=tuple(state.history),
        checkpoint=list_checkpoints(run.folder)[-1],
        best=state.best,
        changes=run.changes,
    )


@dataclass
class _Run:
    """What stays the same over a run, and when it was last saved."""

    identity: RunIdentity
    folder: Path
    device: str
    total: int
    validator: Validator
    processes: Processes
    progress: Progress | None
    changes: tuple[str, ...] = ()
    saved_at: float = field(default_factory=time.monotonic)
    save_asked: bool = False

    @property
    def config(self) -> TrainConfig:
        return self.identity.config

    @property
    def save_is_old(self) -> bool:
        """Return whether it is, by the clock of this process alone."""
        return time.monotonic() - self.saved_at >= 60 * self.config.checkpoint_minutes

    def save(self, state: TrainState) -> None:
        """Write a checkpoint by the first process; all call it after the same step."""

        def write() -> None:
            refuse_spoilt(state, self.folder)
            save_checkpoint(self.folder, state, self.identity)

        self.processes.on_first(write)
        self.saved_at, self.save_asked = time.monotonic(), False

    def tell(self, message: str, step: int) -> None:
        if self.progress is not None and self.processes.writes:
            self.progress(message, step, self.total)


def _open_state(root: nn.Module, run: _Run, resume: bool) -> TrainState:
    config, processes = run.config, run.processes
    half = resolve_precision(config.precision, run.device) == "fp16"
    scaler = torch.amp.GradScaler("cuda", enabled=half)
    average = WeightAverage(root, config.ema_decay) if config.ema_decay else None
    state = TrainState(root, make_optimizer(root, config), scaler, average)
    found = list_checkpoints(run.folder) if resume else []
    if found:
        load_checkpoint(found[-1], state, run.identity)
    steps = processes.gather(state.step)
    if len(set(steps)) > 1:
        raise CheckpointError(
            f"{run.folder}: the processes see checkpoints of different steps "
            f"{sorted(set(steps))}; put the folder on a disk that all of them share"
        )
    if processes.writes:
        clear(run.folder, keep=bool(found))
    return state


def _run_steps(
    learner_for_step: LearnerForStep,
    dataset: TrainingData,
    state: TrainState,
    run: _Run,
    stop: StopRequest,
) -> bool:
    """Do what is left; return whether a signal to any process stopped it."""
    config, processes = run.config, run.processes
    runner = StepRunner(state, config, processes, run.device, run.total, run.folder)
    batches = step_batches(
        dataset,
        config,
        processes,
        state.step,
        run.total,
        pin_memory=torch.device(run.device).type == "cuda",
    )
    log = TrainLog(run.folder, state.history, config.tensorboard) if processes.writes else None
    try:
        if _validate_if_due(state, run, log, stop):  # killed while it was scored
            return True
        for parts in batches:
            learner = learner_for_step(state.step)
            asked = (stop.received is not None, run.save_is_old)
            losses, (stopping, run.save_asked) = runner.step(learner, parts, asked)
            if _count(state, run, losses) and log is not None:
                log.add(state.history)
            _report(state, run)
            if stopping:
                run.save(state)
                return True
            if _validate_if_due(state, run, log, stop):
                return True
            _save_if_due(state, run)
    finally:
        if log is not None:
            log.close()
    return False


def _count(state: TrainState, run: _Run, losses: dict[str, float]) -> bool:
    """Count a step; return whether that made a row of the history."""
    for name, value in losses.items():
        state.sums[name] = state.sums.get(name, 0.0) + value
    rate = learning_rate(state.step, run.total, run.config)
    state.counted += 1
    state.step += 1
    due = state.step == run.total or state.step % run.config.log_every == 0
    if not due and not run.validator.falls_on(state.step):
        return False
    means = {name: value / state.counted for name, value in state.sums.items()}
    state.history.append(TrainRow(state.step, rate, means))
    state.sums, state.counted = {}, 0
    return True


def _report(state: TrainState, run: _Run) -> None:
    if not state.counted:
        run.tell(progress_text(state.history), state.step)


def _validate_if_due(
    state: TrainState, run: _Run, log: TrainLog | None, stop: StopRequest
) -> bool:
    """Score the run where that is due; return whether a signal cut it short."""
    if not run.validator.is_due(state):
        return False
    alone = run.processes.count == 1  # others would wait for what gave up
    run.save(state)  # scoring is long, and may be killed
    if not run.validator.run(
        state,
        lambda message: run.tell(message, state.step),
        lambda: alone and stop.received is not None,
    ):
        return True
    run.save(state)
    if log is not None:
        log.add_scores(state.history)
    _report(state, run)
    return False


def _save_if_due(state: TrainState, run: _Run) -> None:
    due = state.step == run.total or state.step % run.config.checkpoint_every == 0
    if due or run.save_asked:
        run.save(state)
