"""Optimiser and learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

from .config import TrainConfig

WARMUP_START = 0.001  # torchvision's references: where the linear warm-up begins


def learning_rate(step: int, total: int, config: TrainConfig) -> float:
    """Return the learning rate of a step, counted from 0: linear warm-up times schedule."""
    rate = _scheduled(step, total, config)
    if step >= config.warmup_steps:
        return rate
    return rate * (WARMUP_START + (1 - WARMUP_START) * step / config.warmup_steps)


def drop_steps(total: int, config: TrainConfig) -> tuple[int, ...]:
    """Return the first step of every lower learning rate of the ``step`` schedule."""
    return tuple(round(drop * total) for drop in config.drops)


def _scheduled(step: int, total: int, config: TrainConfig) -> float:
    """Return the learning rate without warm-up.

    ``cosine`` is annealing without restarts (Loshchilov and Hutter, ICLR 2017, eq. 5).
    """
    done = step / max(total - 1, 1)
    span = config.lr - config.final_lr
    if config.schedule == "cosine":
        return config.final_lr + span * (1 + math.cos(math.pi * done)) / 2
    if config.schedule == "linear":
        return config.final_lr + span * (1 - done)
    passed = sum(step >= drop for drop in drop_steps(total, config))
    return config.lr * config.drop_factor**passed


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Use a learning rate in every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def make_optimizer(root: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimiser of all parameters that are not frozen.

    Parameters of one dimension (normalisation, biases) do not decay unless told to.
    """
    params = [p for p in root.parameters() if p.requires_grad]
    flat = [] if config.decay_all else [p for p in params if p.ndim <= 1]
    rest = params if config.decay_all else [p for p in params if p.ndim > 1]
    groups = [{"params": rest, "weight_decay": config.weight_decay}]
    if flat:
        groups.append({"params": flat, "weight_decay": 0.0})
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.lr)
    return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum)
