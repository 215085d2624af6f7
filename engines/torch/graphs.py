"""Capture a module's kernels as a CUDA graph and replay them. Imports torch.

Launching a kernel takes the host some microseconds; a module of small kernels is as slow as its
launches. A graph is launched as a whole. What synchronises with the host, or has sizes that depend
on the data, cannot be captured. Such modules are found before, by torch's debug mode: a capture
that fails leaves memory behind (pytorch/pytorch#190308).

Source: PyTorch's "CUDA semantics", CUDA Graphs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from ..errors import EngineBuildError
from .calls import Call

# Lazy initialisation, the choice of cuDNN's kernels and the compiler end before the capture.
WARMUP_RUNS = 3
_REASON_CHARS = 200


class Replay:
    """Hold a captured graph with its own inputs and outputs.

    Args:
        graph: A ``torch.cuda.CUDAGraph`` whose capture has ended.
        inputs: What it reads.
        outputs: What it writes, in the form that the module returns.
    """

    def __init__(self, graph: Any, inputs: Sequence[torch.Tensor], outputs: object) -> None:
        self._graph = graph
        self._inputs = tuple(inputs)
        self.outputs = outputs
        self.play = graph.replay

    def load(self, tensors: Sequence[torch.Tensor]) -> None:
        """Copy tensors, of the shapes that were captured, to where the graph reads them."""
        for own, given in zip(self._inputs, tensors, strict=True):
            own.copy_(given)


def try_capture(call: Call, tensors: Sequence[torch.Tensor], graphs: str) -> Replay | str | None:
    """Capture a call, or say why it cannot be.

    Args:
        call: Runs on the current device; was run before.
        tensors: Its inputs, which are copied.
        graphs: ``off``, ``auto`` or ``required``.

    Returns:
        The captured graph; with ``auto`` the reason where there is none; with ``off`` None.

    Raises:
        EngineBuildError: It is ``required`` and cannot be captured.
    """
    if graphs == "off":
        return None
    stream = torch.cuda.current_stream()
    try:
        return _captured(call, tensors)
    except Exception as error:  # CUDA's errors share no type, and the module raises its own
        torch.cuda.set_stream(stream)  # torch leaves that of a capture that fails to end
        torch.cuda.synchronize()  # nothing of the failed capture is left under way
        reason = _reason(error)
        if graphs == "required":
            raise EngineBuildError(
                f"the module cannot be captured as a CUDA graph: {reason}; "
                "graphs=auto launches its kernels one by one"
            ) from error
        return reason


def _captured(call: Call, tensors: Sequence[torch.Tensor]) -> Replay:
    inputs = tuple(tensor.clone() for tensor in tensors)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARMUP_RUNS):
            call(*inputs)
        with _refusing_to_synchronize():
            call(*inputs)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = call(*inputs)
    return Replay(graph, inputs, outputs)


@contextmanager
def _refusing_to_synchronize() -> Iterator[None]:
    """Have torch raise where the host would wait for the device."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def _reason(error: BaseException) -> str:
    """Return the first line of what went wrong first: ending a failed capture fails again."""
    while error.__context__ is not None:
        error = error.__context__
    text = str(error).strip().partition("\n")[0] or type(error).__name__
    return text[:_REASON_CHARS]
