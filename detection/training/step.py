"""One optimiser step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..data.loader import Batch
from ..errors import TrainingError
from .batches import part_generator, part_numbers
from .checkpoint import TrainState
from .config import TrainConfig
from .divergence import refuse_divergence, refuse_gradient, refuse_skipping
from .optimizer import learning_rate, set_learning_rate
from .paths import Learner
from .processes import Processes

BF16_CAPABILITY = (8, 0)  # Ampere; earlier GPUs emulate bfloat16, slower than they do float16
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class StepRunner:
    """Do steps, each on the parts of a batch that this process computes.

    Args:
        state: What the steps change.
        config: Settings.
        processes: Those that train together.
        device: Of this process.
        total: Steps of the run.
        folder: Of the run's checkpoints; named where a step fails.

    Raises:
        TrainingError: The device cannot train in the precision.
    """

    def __init__(
        self,
        state: TrainState,
        config: TrainConfig,
        processes: Processes,
        device: str,
        total: int,
        folder: Path,
    ) -> None:
        self._state, self._config, self._processes = state, config, processes
        self._device, self._total, self._folder = torch.device(device), total, folder
        self._dtype = DTYPES.get(resolve_precision(config.precision, device))

    def step(
        self, learner: Learner, parts: Sequence[Batch], asked: tuple[bool, bool] = (False, False)
    ) -> tuple[dict[str, float], tuple[bool, bool]]:
        """Do one step.

        Args:
            learner: What the step trains; the same on every process.
            parts: This process's parts of the batch.
            asked: Whether this process was told to stop, and whether it finds the last
                checkpoint old.

        Returns:
            The mean losses over all processes by name, and whether any process asks for either.

        Raises:
            TrainingError: The loss is not finite or far beyond where the run began; or the
                gradient is not finite, in half precision for many steps in a row.
        """
        state, config = self._state, self._config
        set_learning_rate(state.optimizer, learning_rate(state.step, self._total, config))
        state.optimizer.zero_grad(set_to_none=True)
        local = self._backward(learner, parts)
        mean, wanted = self._shared(local, asked)
        images = [target["image_id"] for _, targets in parts for target in targets]
        refuse_divergence(
            state.step, mean, local, images, state.history, self._processes, self._folder
        )
        self._processes.mean_gradients(learner.parameters())
        state.scaler.unscale_(state.optimizer)
        used = [p for p in state.root.parameters() if p.grad is not None]
        norm = nn.utils.clip_grad_norm_(used, config.grad_clip or math.inf)
        self._check_gradient(float(norm), images)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        if state.average is not None:
            state.average.update(state.root, state.step)
        return mean, wanted

    def _check_gradient(self, norm: float, images: Sequence[int]) -> None:
        """Refuse what is not finite; a scaler skips such a step first, and lowers its scale."""
        state = self._state
        if not state.scaler.is_enabled():
            refuse_gradient(state.step, norm, images, self._processes, self._folder)
            return
        state.skipped = 0 if math.isfinite(norm) else state.skipped + 1
        refuse_skipping(state, images, self._processes, self._folder)

    def _backward(self, learner: Learner, parts: Sequence[Batch]) -> dict[str, float]:
        """Add up the gradients of all parts; return the mean losses by name."""
        sums: dict[str, Tensor] = {}
        numbers = part_numbers(self._config, self._processes)
        for number, (images, targets) in zip(numbers, parts, strict=True):
            losses = self._losses(learner, images, targets, number)
            total = torch.stack(list(losses.values())).sum() / len(parts)
            self._state.scaler.scale(total).backward()
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.detach() / len(parts)
        return dict(zip(sums, torch.stack(list(sums.values())).tolist(), strict=True))

    def _losses(
        self, learner: Learner, images: Tensor, targets: Sequence[Mapping[str, Any]], part: int
    ) -> dict[str, Tensor]:
        if self._config.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        generator = part_generator(self._config, self._state.step, part)
        with torch.autocast(
            self._device.type, self._dtype or torch.bfloat16, enabled=self._dtype is not None
        ):
            return learner.losses(images.to(self._device, non_blocking=True), targets, generator)

    def _shared(
        self, local: Mapping[str, float], asked: tuple[bool, bool]
    ) -> tuple[dict[str, float], tuple[bool, bool]]:
        """Return what all processes say together."""
        if self._processes.count == 1:
            return dict(local), asked
        values = torch.tensor([*local.values(), *map(float, asked)], device=self._device)
        *losses, stop, save = self._processes.mean(values).tolist()
        return dict(zip(local, losses, strict=True)), (stop > 0, save > 0)


def resolve_precision(precision: str, device: str) -> str:
    """Return ``fp32``, ``bf16`` or ``fp16`` for what was asked for.

    Raises:
        TrainingError: The device cannot train in it.
    """
    cuda = torch.device(device).type == "cuda"
    if precision == "auto":
        if not cuda:
            return "fp32"
        return "bf16" if torch.cuda.get_device_capability(device) >= BF16_CAPABILITY else "fp16"
    if precision == "fp16" and not cuda:
        raise TrainingError(
            f"precision fp16 trains on CUDA devices only, got device {device!r}; use bf16 or fp32"
        )
    return precision
