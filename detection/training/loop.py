"""One loop for detectors and supernets, resumable at any step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..data.coco import CocoDataset
from ..data.loader import Batch, make_loader
from ..detector import Detector
from ..errors import TrainingError
from .checkpoint import TrainState, clear, list_checkpoints, load_checkpoint, save_checkpoint
from .config import TrainConfig
from .optimizer import learning_rate, make_optimizer, set_learning_rate
from .paths import DetectorForStep
from .report import TrainReport, TrainRow

Progress = Callable[[str, float, float], None]
SAMPLE_STREAM = 2  # keeps the random numbers that sample boxes apart from the paths'


def train(
    detector_for_step: DetectorForStep,
    root: nn.Module,
    dataset: CocoDataset,
    config: TrainConfig,
    out_dir: str | Path,
    *,
    resume: bool = True,
    device: str = "cpu",
    progress: Progress | None = None,
) -> TrainReport:
    """Train, and leave the weights in ``root``, in evaluation mode.

    Data order and augmentation, paths and sampled boxes are functions of seed and step: a run
    that was killed and resumed ends with the weights of an undisturbed one (bit for bit on a
    CPU).

    Args:
        detector_for_step: The detector that step ``i`` trains; see :func:`one_detector` and
            :func:`uniform_paths`.
        root: Holds every parameter: the detector itself or the supernet. Moved to the device.
        dataset: Opened for training.
        config: Settings.
        out_dir: Where checkpoints go.
        resume: Whether to go on from the last checkpoint there; otherwise they are removed.
        device: For example ``cpu`` or ``cuda:0``.
        progress: Called as ``progress(message, done, total)`` in steps.

    Raises:
        DatasetError: There are fewer images than a batch takes.
        TrainingError: The loss became infinite or NaN.
        CheckpointError: The last checkpoint is damaged or belongs to a run of other settings.
    """
    total = config.total_steps(len(dataset) // config.batch_size)
    run = _Run(config, dataset, Path(out_dir), device, total, progress)
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    state = _open_state(root.to(device).to(memory_format=layout), run, resume)
    started_at, started = state.step, time.monotonic()
    root.train()
    for batch in _batches(run, state.step):
        losses = _train_step(detector_for_step(state.step), state, run, batch)
        _record(state, run, losses)
    root.eval().to(memory_format=torch.contiguous_format)
    return TrainReport(
        steps=state.step,
        resumed_at=started_at,
        seconds=time.monotonic() - started,
        history=tuple(state.history),
        checkpoint=list_checkpoints(run.folder)[-1],
    )


@dataclass
class _Run:
    """What stays the same over a run, and when it was last saved."""

    config: TrainConfig
    dataset: CocoDataset
    folder: Path
    device: str
    total: int
    progress: Progress | None
    saved_at: float = field(default_factory=time.monotonic)

    @property
    def half(self) -> bool:
        return self.config.amp and torch.device(self.device).type == "cuda"


def _open_state(root: nn.Module, run: _Run, resume: bool) -> TrainState:
    scaler = torch.amp.GradScaler("cuda", enabled=run.half)
    state = TrainState(root, make_optimizer(root, run.config), scaler)
    run.folder.mkdir(parents=True, exist_ok=True)
    found = list_checkpoints(run.folder)
    if found and resume:
        load_checkpoint(found[-1], state, run.config, len(run.dataset))
    else:
        clear(run.folder)
    return state


def _batches(run: _Run, start: int) -> Iterator[Batch]:
    """Yield the batches of steps ``start..total - 1``, the same whatever step a run starts at."""
    config, step = run.config, start
    per_epoch = max(len(run.dataset) // config.batch_size, 1)
    while step < run.total:
        loader = make_loader(
            run.dataset,
            config.batch_size,
            shuffle=True,
            seed=config.seed,
            epoch=step // per_epoch,
            workers=config.workers,
            drop_last=True,
            skip_batches=step % per_epoch,
            pin_memory=torch.device(run.device).type == "cuda",
        )
        for batch in loader:
            yield batch
            step += 1
            if step >= run.total:
                return


def _train_step(
    detector: Detector, state: TrainState, run: _Run, batch: Batch
) -> dict[str, float]:
    """Do one optimiser step and return the losses by name."""
    images, targets = batch
    if run.config.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    set_learning_rate(state.optimizer, learning_rate(state.step, run.total, run.config))
    state.optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cuda", enabled=run.half):
        losses = detector.losses(
            images.to(run.device, non_blocking=True), targets, _generator(run.config, state.step)
        )
        total = torch.stack(list(losses.values())).sum()
    values = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
    if not np.isfinite(list(values.values())).all():
        raise _divergence(state, run, values, [target["image_id"] for target in targets])
    state.scaler.scale(total).backward()
    if run.config.grad_clip:
        state.scaler.unscale_(state.optimizer)
        nn.utils.clip_grad_norm_(state.root.parameters(), run.config.grad_clip)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    return values


def _record(state: TrainState, run: _Run, losses: dict[str, float]) -> None:
    """Count the step, and write a row and a checkpoint where they are due."""
    config = run.config
    for name, value in losses.items():
        state.sums[name] = state.sums.get(name, 0.0) + value
    rate = learning_rate(state.step, run.total, config)
    state.counted += 1
    state.step += 1
    last = state.step == run.total
    if last or state.step % config.log_every == 0:
        means = {name: value / state.counted for name, value in state.sums.items()}
        state.history.append(TrainRow(state.step, rate, means))
        state.sums, state.counted = {}, 0
        if run.progress is not None:
            run.progress(f"loss {state.history[-1].total:.3f}", state.step, run.total)
    old = time.monotonic() - run.saved_at >= 60 * config.checkpoint_minutes
    if last or old or state.step % config.checkpoint_every == 0:
        save_checkpoint(run.folder, state, config, len(run.dataset))
        run.saved_at = time.monotonic()


def _generator(config: TrainConfig, step: int) -> torch.Generator:
    entropy = np.random.SeedSequence([config.seed, SAMPLE_STREAM, step])
    return torch.Generator().manual_seed(int(entropy.generate_state(1, np.uint64)[0] >> 1))


def _divergence(
    state: TrainState, run: _Run, losses: dict[str, float], images: list[int]
) -> TrainingError:
    found = list_checkpoints(run.folder)
    last = found[-1] if found else "none"
    bad = ", ".join(f"{name}={value}" for name, value in losses.items())
    return TrainingError(
        f"the loss is not finite at step {state.step} ({bad}) on images {images}; lower lr "
        f"{run.config.lr} or lengthen warmup_steps; last checkpoint: {last}"
    )
