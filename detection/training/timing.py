"""How long a step takes on this machine, measured before the run."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..data.loader import Batch
from .checkpoint import TrainState
from .config import TrainConfig
from .optimizer import make_optimizer
from .paths import Learner, LearnerForStep
from .processes import Processes
from .step import StepRunner, resolve_precision

MEASURED_IMAGES = 2  # per part: enough for batch normalisation, little enough for any machine
OBJECTS = 8  # per image; COCO has 7.3 on average
WARM_STEPS, TIMED_STEPS = 1, 2  # before all, and of every path
MEASURING_LR = 1e-9  # a step takes no longer at another, and none diverges


@dataclass(frozen=True, slots=True)
class StepTime:
    """Say how long a step took.

    Attributes:
        path_seconds: The fastest timed step of every path, without reading images; of a detector
            there is one.
        images: In a step.
        input_hw: Their height and width.
        device: Where.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        threads: Of the CPU.
    """

    path_seconds: tuple[float, ...]
    images: int
    input_hw: tuple[int, int]
    device: str
    precision: str
    threads: int

    @property
    def seconds(self) -> float:
        """Return the time of a step: the mean over the paths."""
        return statistics.fmean(self.path_seconds)

    @property
    def seconds_per_image(self) -> float:
        """Return the time that an image takes in a step."""
        return self.seconds / self.images


def measure_step(
    learner_for_step: LearnerForStep,
    root: nn.Module,
    input_hw: tuple[int, int],
    num_classes: int,
    config: TrainConfig,
    *,
    paths: int = 1,
    device: str = "cpu",
) -> StepTime:
    """Time whole optimiser steps on random images of the real size.

    The root's weights are changed by the steps: measure on one that is not needed.

    Args:
        learner_for_step: As for :func:`train`.
        root: As for :func:`train`.
        input_hw: Height and width of the images.
        num_classes: Of the labels that are drawn.
        config: Precision, optimiser and memory format are its own; the batch is of two images.
        paths: Of how many of the run's first steps the learners are timed: one of a detector,
            several of a supernet, whose paths differ in cost.
        device: Where.
    """
    images = min(MEASURED_IMAGES, config.batch_size)
    config = replace(config, batch_size=images, accumulate=1, lr=MEASURING_LR)
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    root.to(device).to(memory_format=layout).train()
    scaler = torch.amp.GradScaler("cuda", enabled=False)
    state = TrainState(root, make_optimizer(root, config), scaler)
    parts = [_random_batch(images, input_hw, num_classes)]
    with tempfile.TemporaryDirectory() as folder:
        runner = StepRunner(state, config, Processes(), device, 10**6, Path(folder))

        def seconds(path: int) -> float:
            return _timed(runner, learner_for_step(path), state, parts)

        for _ in range(WARM_STEPS):
            seconds(0)
        times = tuple(min(seconds(path) for _ in range(TIMED_STEPS)) for path in range(paths))
    precision = resolve_precision(config.precision, device)
    return StepTime(times, images, input_hw, device, precision, torch.get_num_threads())


def _timed(
    runner: StepRunner, learner: Learner, state: TrainState, parts: Sequence[Batch]
) -> float:
    began = time.perf_counter()
    runner.step(learner, parts)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    state.step += 1
    return time.perf_counter() - began


def _random_batch(count: int, input_hw: tuple[int, int], num_classes: int) -> Batch:
    """Return images with boxes and labels for a detector, and a label for a classifier."""
    rng = np.random.default_rng(0)
    height, width = input_hw
    targets: list[Any] = []
    for index in range(count):
        corners = np.sort(rng.uniform(0, 1, (OBJECTS, 2, 2)), 1) * (0.5, 0.5)
        boxes = (corners + np.array([0, 0.5 * rng.uniform()])).reshape(-1, 4)
        boxes[:, 2:] += 0.05
        boxes = np.minimum(boxes, 1) * (width, height, width, height)
        targets.append(
            {
                "boxes": torch.as_tensor(boxes, dtype=torch.float32),
                "labels": torch.as_tensor(rng.integers(num_classes, size=OBJECTS)),
                "masks": torch.ones(OBJECTS, height, width, dtype=torch.bool),
                "label": int(rng.integers(num_classes)),
                "image_id": index,
            }
        )
    pixels = rng.standard_normal((count, 3, height, width), dtype=np.float32)
    return torch.from_numpy(pixels), targets
