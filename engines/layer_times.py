"""Times of an engine's layers, and the modules that they belong to.

The exporter names a node after its module: ``/backbone_s1_b0/conv1/Conv`` belongs to
``backbone_s1_b0``. A runtime fuses nodes to layers; which nodes a layer computes is its to tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from .base import Arrays


@dataclass(frozen=True, slots=True)
class LayerTime:
    """Hold the time of one layer of an engine.

    Attributes:
        name: As the runtime names it.
        ms: Median milliseconds of one run.
        nodes: ONNX nodes that it computes, as far as the runtime tells; empty if it does not.
    """

    name: str
    ms: float
    nodes: tuple[str, ...] = ()


@runtime_checkable
class LayerProfiler(Protocol):
    """An engine that can time its layers one by one."""

    def layer_times(
        self, inputs: Arrays | None = None, *, runs: int = 20
    ) -> tuple[LayerTime, ...]:
        """Return the median time of every layer, in the order in which they run.

        Timing single layers slows the engine down: their sum is more than the latency.

        Args:
            inputs: Arrays to run on; the model's example inputs if None.
            runs: Timed runs.
        """


@dataclass(frozen=True, slots=True)
class ModuleTimes:
    """Hold milliseconds by module; the parts add up to the total.

    Attributes:
        modules: Of layers that belong to one module each.
        shared: Of layers that were fused across modules, by these modules: not divided among them,
            since no runtime tells how.
        unattributed: Of layers that belong to no known module, by name.
    """

    modules: Mapping[str, float]
    shared: Mapping[tuple[str, ...], float]
    unattributed: Mapping[str, float]

    @property
    def unattributed_ms(self) -> float:
        """Return the time that belongs to no module."""
        return sum(self.unattributed.values())

    @property
    def total_ms(self) -> float:
        """Return the time of all layers."""
        return sum(self.modules.values()) + sum(self.shared.values()) + self.unattributed_ms

    def rows(self) -> list[tuple[str, float]]:
        """Return ``(name, ms)``: modules, fused modules joined by +, then ``(unattributed)``."""
        return [
            *self.modules.items(),
            *((" + ".join(names), ms) for names, ms in self.shared.items()),
            ("(unattributed)", self.unattributed_ms),
        ]


def attribute(layers: Iterable[LayerTime], modules: Sequence[str]) -> ModuleTimes:
    """Sum layer times by the modules that the layers' nodes belong to.

    Args:
        layers: Of one engine.
        modules: Names of modules, as the exporter puts them into the paths of nodes.

    Example:
        >>> layers = [LayerTime("/stem/Conv", 2.0, ("/stem/Conv",)), LayerTime("copy", 0.5)]
        >>> attribute(layers, ["stem"]).rows()
        [('stem', 2.0), ('(unattributed)', 0.5)]
    """
    known = set(modules)
    single: dict[str, float] = {}
    shared: dict[tuple[str, ...], float] = {}
    rest: dict[str, float] = {}
    for layer in layers:
        owners = {owner for node in layer.nodes if (owner := owner_of(node, known)) is not None}
        names = tuple(name for name in modules if name in owners)
        if len(names) == 1:
            single[names[0]] = single.get(names[0], 0.0) + layer.ms
        elif names:
            shared[names] = shared.get(names, 0.0) + layer.ms
        else:
            rest[layer.name] = rest.get(layer.name, 0.0) + layer.ms
    return ModuleTimes(MappingProxyType(single), MappingProxyType(shared), MappingProxyType(rest))


def owner_of(node: str, modules: set[str]) -> str | None:
    """Return the module in the path of an ONNX node: its first part that is a module's name.

    Example:
        >>> owner_of("/nodes.3/stem/conv/Conv", {"stem"})
        'stem'
    """
    return next((part for part in re.split(r"[/.]", node) if part in modules), None)
