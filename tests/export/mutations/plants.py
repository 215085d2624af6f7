"""Ways to plant a fault that several kinds of faults share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import onnx
from torch import nn

from .mutation import DeployedSession, Workpiece


def edit(change: Callable[[nn.ModuleDict], None]) -> Callable[[Workpiece], None]:
    """Return the planting that changes the modules and writes the graph anew."""
    return lambda work: work.rewrite(lambda detector: change(detector.nodes))


def patched(**values: Any) -> Callable[[Workpiece], None]:
    """Return the planting that writes the graph with functions of `detection.modules` replaced.

    Names are ``module__name``.
    """
    names = {f"detection.modules.{key.replace('__', '.')}": value for key, value in values.items()}
    return lambda work: work.rewrite(patches=names)


def wrapped(name: str, change: Callable[..., Any]) -> Callable[[Workpiece], None]:
    """Return the planting that changes what a module gives; ``change(outputs, *inputs)``."""

    def plant(modules: nn.ModuleDict) -> None:
        module = modules[name]
        before = module.forward
        module.forward = lambda *inputs: change(before(*inputs), *inputs)  # type: ignore[method-assign]

    return edit(plant)


def given(name: str, change: Callable[..., Any]) -> Callable[[Workpiece], None]:
    """Return the planting that changes what a module is given; ``change(*inputs)``."""

    def plant(modules: nn.ModuleDict) -> None:
        module = modules[name]
        before = module.forward
        module.forward = lambda *inputs: before(*change(*inputs))  # type: ignore[method-assign]

    return edit(plant)


def select_changed(**values: Any) -> Callable[[Workpiece], None]:
    """Return the planting that changes the last selection's settings."""

    def plant(modules: nn.ModuleDict) -> None:
        modules["detections"].select = replace(modules["detections"].select, **values)  # type: ignore[arg-type]

    return edit(plant)


def attributes_changed(name: str, **values: Any) -> Callable[[Workpiece], None]:
    """Return the planting that sets attributes of a module."""

    def plant(modules: nn.ModuleDict) -> None:
        for key, value in values.items():
            setattr(modules[name], key, value)

    return edit(plant)


def operated(operate: Callable[[onnx.ModelProto], None]) -> Callable[[Workpiece], None]:
    """Return the planting that operates on the graph."""
    return lambda work: operate(work.model)


def runtime(change: Callable[[DeployedSession], None]) -> Callable[[Workpiece], None]:
    """Return the planting that changes the session that runs the bundle."""

    def plant(work: Workpiece) -> None:
        work.runtime = change

    return plant
