"""The processes that train together: who this one is, and what all of them know.

Plain ``torch.distributed`` under torchrun; docs/decisions/0027 says why. A run without torchrun is
a run of one process, for which everything here does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn

from ..errors import DetectionError, TrainingError

TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
BACKENDS = {"cpu": "gloo", "cuda": "nccl"}
"""Kind of device -> what the processes talk by."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Name this process among those that train together.

    Attributes:
        rank: From 0; the process of rank 0 writes the files.
        count: How many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def writes(self) -> bool:
        """Return whether this process is the one that writes files."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over all processes, the same on each."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over all processes, the same on each."""
        return self.sum(values) / self.count

    def gather(self, value: Any) -> list[Any]:
        """Return what every process gives, in the order of ranks; plain data only."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        distributed.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.count > 1:
            distributed.barrier()

    def on_first(self, work: Callable[[], object]) -> None:
        """Do something on the first process, while the others wait for it.

        Raises:
            DetectionError: It failed; on every process alike, so that none waits for ever.
        """
        failure: DetectionError | None = None
        if self.writes:
            try:
                work()
            except DetectionError as error:
                failure = error
        told = self.gather(failure)[0]
        if told is not None:
            raise failure or told  # its own has the traceback

    def copy_statistics(self, root: nn.Module) -> None:
        """Give every process the buffers of the first one, such as running statistics.

        Parameters need no copying: every process takes the same steps.
        """
        if self.count > 1:
            state = root.state_dict()
            for name, _ in root.named_buffers():
                if name in state:
                    distributed.broadcast(state[name], 0)

    def copy_state(self, root: nn.Module) -> None:
        """Give every process the parameters and buffers of the first one."""
        if self.count > 1:
            for value in root.state_dict().values():
                distributed.broadcast(value, 0)

    def mean_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the mean of all processes' gradients.

        A parameter without gradient counts as zero beside others' gradients; one that has none
        on any process keeps none, so that it neither decays nor moves by momentum.

        Args:
            parameters: Of what this step trains: the same, in the same order, on each process.
        """
        if self.count == 1:
            return
        used = [p for p in parameters if p.requires_grad]
        if not used:
            return
        present = self.sum(torch.tensor([float(p.grad is not None) for p in used]).to(used[0]))
        chosen = [p for p, times in zip(used, present.tolist(), strict=True) if times]
        if not chosen:
            return
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in chosen]
        whole = self.mean(torch.cat([grad.reshape(-1) for grad in grads]))
        for parameter, mean in zip(chosen, _split(whole, grads), strict=True):
            parameter.grad = mean


def is_first_process() -> bool:
    """Return whether this process is the one that speaks, before and after they are joined."""
    return os.environ.get("RANK", "0") == "0"


def current_processes() -> Processes:
    """Return this process among those that were joined; alone where none were."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Processes()
    return Processes(distributed.get_rank(), distributed.get_world_size())


@contextmanager
def joined_processes(device: str = "cpu") -> Iterator[str]:
    """Join the processes that torchrun has started, if it has, and leave them at the end.

    Args:
        device: ``cpu`` or ``cuda``; each process takes the GPU of its local rank.

    Yields:
        The device of this process.

    Raises:
        TrainingError: Torchrun's variables contradict each other or are incomplete, or the
            processes cannot reach each other.
    """
    if current_processes().count > 1 or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    missing = [name for name in TORCHRUN if name not in os.environ]
    kind = device.partition(":")[0]
    if missing or kind not in BACKENDS:
        raise TrainingError(
            f"{os.environ['WORLD_SIZE']} processes on device {device!r} cannot train together: "
            f"{'lacking ' + ', '.join(missing) if missing else 'only cpu and cuda can'}; start "
            "them by torchrun"
        )
    local = f"cuda:{os.environ['LOCAL_RANK']}" if kind == "cuda" else device
    try:
        if kind == "cuda":
            torch.cuda.set_device(local)
        distributed.init_process_group(BACKENDS[kind])
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise TrainingError(f"the processes cannot train together: {reason}") from error
    try:
        yield local
    finally:
        distributed.destroy_process_group()


def _split(whole: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    parts = whole.split([value.numel() for value in like])
    return [part.view_as(value) for part, value in zip(parts, like, strict=True)]
