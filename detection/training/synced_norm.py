"""Batch normalisation over the images of all processes.

``torch.nn.SyncBatchNorm`` computes on GPUs only. This one computes wherever the processes talk, so
that what the tests show on CPUs is what trains on GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, distributed, nn

from .processes import Processes, current_processes


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Normalise by the statistics of all processes' values in training mode.

    Shares parameters and buffers with the layer that it stands for. Outside of training mode it
    is that layer. Processes may hold different numbers of values, also none.

    Args:
        layer: What it stands for.
    """

    def __init__(self, layer: nn.BatchNorm2d) -> None:
        super().__init__(
            layer.num_features,
            layer.eps,
            layer.momentum,
            layer.affine,
            layer.track_running_stats,
            device="meta",
        )
        self._parameters.update(layer._parameters)
        self._buffers.update(layer._buffers)
        self.training = layer.training

    def forward(self, values: Tensor) -> Tensor:
        """Normalise ``(n, c, h, w)``; any n, also 0."""
        if not self.training or current_processes().count == 1:
            return super().forward(values)
        normal, mean, variance, count = _Normalise.apply(values, self.eps)
        if self.running_mean is not None and self.running_var is not None:
            self._track(mean, variance, float(count))
        if self.weight is not None:
            normal = normal * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return cast(Tensor, normal.to(values.dtype))

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: float) -> None:
        """Move the running statistics, as :class:`torch.nn.BatchNorm2d` does."""
        self.get_buffer("num_batches_tracked").add_(1)
        step = self.momentum
        if step is None:  # cumulative average
            step = 1 / float(self.get_buffer("num_batches_tracked"))
        unbiased = variance * (count / max(count - 1, 1))
        self.get_buffer("running_mean").lerp_(mean, step)
        self.get_buffer("running_var").lerp_(unbiased, step)


class _Normalise(torch.autograd.Function):
    """Give every channel mean 0 and variance 1 over all processes (Ioffe and Szegedy 2015)."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        processes, exact = current_processes(), _exact(values)
        mean, variance, count = _statistics(exact, processes)
        inverse = (variance + eps).rsqrt()
        normal = (exact - _wide(mean)) * _wide(inverse)
        ctx.save_for_backward(normal, inverse, count)
        ctx.processes, ctx.dtype = processes, values.dtype
        ctx.mark_non_differentiable(mean, variance, count)
        return normal, mean, variance, count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor, None]:
        """Apply the chain rule, with both sums over all processes (idem, sec. 3)."""
        normal, inverse, count = ctx.saved_tensors
        local = torch.cat((gradient.sum((0, 2, 3)), (gradient * normal).sum((0, 2, 3))))
        total, along = (ctx.processes.sum(local) / count).chunk(2)
        change = gradient - _wide(total) - normal * _wide(along)
        return (change * _wide(inverse)).to(ctx.dtype), None


def _statistics(values: Tensor, processes: Processes) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean ``(c,)``, biased variance ``(c,)`` and number of all processes' values.

    Two passes, the second around the common mean: no cancellation.
    """
    channels = values.shape[1]
    count = values.new_tensor([values.numel() // channels])
    sums = processes.sum(torch.cat((values.sum((0, 2, 3)), count)))
    count = sums[-1].clamp(min=1)
    mean = sums[:-1] / count
    squares = processes.sum((values - _wide(mean)).square().sum((0, 2, 3)))
    return mean, squares / count, count


def _exact(values: Tensor) -> Tensor:
    """Return half-precision values in float32, in which sums are exact enough."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def _wide(channels: Tensor) -> Tensor:
    return channels.view(1, -1, 1, 1)


@contextmanager
def synced_norms(root: nn.Module, wanted: bool) -> Iterator[None]:
    """Let batch normalisation below a module see all processes' values meanwhile.

    Args:
        root: Its layers are exchanged and put back; parameters and buffers stay the same ones.
        wanted: Whether to do anything; a single process has nothing to synchronise.
    """
    if not wanted or not distributed.is_available() or current_processes().count == 1:
        yield
        return
    places = [
        (parent, name, layer)
        for parent in root.modules()
        for name, layer in parent.named_children()
        if type(layer) is nn.BatchNorm2d
    ]
    synced = {id(layer): SyncedBatchNorm2d(layer) for _, _, layer in places}
    try:
        for parent, name, layer in places:
            parent.register_module(name, synced[id(layer)])
        yield
    finally:
        for parent, name, layer in places:
            layer.training = synced[id(layer)].training
            parent.register_module(name, layer)
