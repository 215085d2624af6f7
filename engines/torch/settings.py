"""What is set while a torch engine runs, and reset afterwards. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch

Context = Callable[[], AbstractContextManager[None]]
HALF_TYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}


def running_on(target: torch.device, threads: int) -> Context:
    """Return a context that sets threads, device and flags, without gradients."""

    @contextmanager
    def context() -> Iterator[None]:
        on_device = torch.cuda.device(target) if target.type == "cuda" else nullcontext()
        with _threads(threads), on_device, exact_fp32(target), torch.inference_mode():
            yield

    return context


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def exact_fp32(target: torch.device) -> Iterator[None]:
    """Switch TF32 off, which torch allows in convolutions, and tune for fixed shapes."""
    if target.type != "cuda":
        yield
        return
    with ExitStack() as stack:
        for owner, name, value in _exact_settings():
            before = getattr(owner, name)
            if before != value:
                stack.callback(setattr, owner, name, before)
                setattr(owner, name, value)
        yield


def _exact_settings() -> list[tuple[Any, str, object]]:
    """Return ``(owner, attribute, value)`` of torch's global flags.

    Since torch 2.9 TF32 can be set in two ways, and the older one raises, even on reading, once
    the newer has been used: then the newer is used here too (PyTorch's "CUDA semantics", TF32).
    """
    cudnn: Any = torch.backends.cudnn  # a module, typed without the attributes of newer torch
    matmul = torch.backends.cuda.matmul
    flags = [(cudnn, "enabled", True), (cudnn, "benchmark", True), (cudnn, "deterministic", False)]
    older = [(owner, "allow_tf32", False) for owner in (matmul, cudnn)]
    try:
        for owner, name, _ in older:
            getattr(owner, name)
    except RuntimeError:
        newer = (matmul, cudnn.conv, cudnn.rnn)
        return [*flags, *((owner, "fp32_precision", "ieee") for owner in newer)]
    return [*flags, *older]
