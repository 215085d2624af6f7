"""Make a module callable as asked: layout, autocast, ``torch.compile``. Imports torch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..base import Arrays
from .options import TorchOptions
from .settings import HALF_TYPES, Context

Call = Callable[..., object]
# Our graphs are captured by ourselves, so the mode of torch.compile without them.
_MODES = {"default": "default", "max-autotune": "max-autotune-no-cudagraphs"}
# torch.compile gives up on a function, silently, once it has compiled it for this many modules.
_RECOMPILES = 1_000_000
_LIMITS = ("recompile_limit", "accumulated_recompile_limit")
_LIMITS_BEFORE_2_6 = ("cache_size_limit", "accumulated_cache_size_limit")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Hold a module that is ready to be called inside its context.

    Attributes:
        module: A copy of the user's, in eval mode, on ``target``.
        call: Takes tensors by position; the module itself, or what wraps it.
        target: Where it runs.
        context: Sets threads and flags while it runs.
        channels_last: How four-dimensional inputs lie in memory.
    """

    module: torch.nn.Module
    call: Call
    target: torch.device
    context: Context
    channels_last: bool

    def tensors(self, arrays: Arrays) -> tuple[torch.Tensor, ...]:
        """Copy arrays to the device, in order."""
        tensors = (torch.tensor(array, device=self.target) for array in arrays.values())
        return tuple(_laid_out(tensor, self.channels_last) for tensor in tensors)

    def in_usual_layout(self) -> Prepared:
        """Return the module itself with its channels first; a copy if it has them last."""
        if not self.channels_last:
            return self
        module = copy.deepcopy(self.module).to(memory_format=torch.contiguous_format)
        return replace(self, module=module, call=module, channels_last=False)


def prepare(
    module: torch.nn.Module,
    target: torch.device,
    context: Context,
    precision: str,
    options: TorchOptions,
) -> Prepared:
    """Copy a module to the device and wrap it as the options say.

    A copy: an engine stays what it was when its module is trained, moved or changed later.
    """
    copied = copy.deepcopy(module).to(target).eval()
    if options.channels_last:
        copied = copied.to(memory_format=torch.channels_last)
    call: Call = copied
    if precision == "fp16":
        call = in_half(copied, target.type, HALF_TYPES[options.half])
    if options.compile != "off":
        call = torch.compile(call, dynamic=False, mode=_MODES[options.compile])
    return Prepared(copied, call, target, context, options.channels_last)


def in_half(module: Call, kind: str, dtype: torch.dtype) -> Call:
    """Return a call under autocast, entered anew for every run, as in production.

    Autocast keeps the weights that it has cast until it is left: around many runs it would cast
    them once, and a run would seem the cheaper the more of them are timed.
    """

    def call(*tensors: torch.Tensor) -> object:
        with torch.autocast(kind, dtype):
            return module(*tensors)

    return call


def compiling(options: TorchOptions) -> AbstractContextManager[Any]:
    """Return a context in which ``torch.compile`` compiles a function for any number of modules.

    By default it stops after eight, and runs every further module uncompiled: those of a profile
    are all called through one class.
    """
    if options.compile == "off":
        return nullcontext()  # asking for its settings would load the compiler
    config: Any = torch._dynamo.config  # documented, in "Recompilation"
    names = _LIMITS if hasattr(config, _LIMITS[0]) else _LIMITS_BEFORE_2_6
    patched: AbstractContextManager[Any] = config.patch(dict.fromkeys(names, _RECOMPILES))
    return patched


def _laid_out(tensor: torch.Tensor, channels_last: bool) -> torch.Tensor:
    if channels_last and tensor.dim() == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor
