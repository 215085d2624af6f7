"""Equations of a made-up device whose costs are known."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from latency import make_simulated, plan_context
from latency.joint import Equation, equation_of
from searchspaces import Graph, ModuleSpec, SearchSpace, make_space

START_MS, WHOLE = 0.1, 1.02


class Device:
    """Roofline costs, each module off by its own factor; whole detectors slower than parts."""

    def __init__(self, module_sd: float = 0.1, noise: float = 0.005) -> None:
        self._simulated = make_simulated("V100", "fp32")
        self._module_sd, self._noise = module_sd, noise

    def cost_ms(self, spec: ModuleSpec) -> float:
        own = np.random.default_rng(crc32(spec.key.encode())).normal()
        return float(self._simulated.modules_ms([spec])[0] * np.exp(self._module_sd * own))

    def measure(self, graph: Graph, whole: bool, rng: np.random.Generator) -> Equation:
        ms = sum(self.cost_ms(spec) * n for spec, n in graph.counts().items())
        ms = (WHOLE if whole else 1.0) * ms + START_MS
        return equation_of(graph, whole, ms * float(np.exp(self._noise * rng.normal())))


def small_spaces() -> list[SearchSpace]:
    """Return a one-stage and a two-stage space, with few modules."""
    return [
        make_space("detnas-nano", head="retinanet", input_hw=(96, 96), num_classes=3),
        make_space("crnas-resnet18", input_hw=(96, 128), num_classes=3, proposals=20),
    ]


def graphs_of(space: SearchSpace, count: int, rng: np.random.Generator) -> list[Graph]:
    return [space.detector(space.canonical(space.sample(rng))).graph() for _ in range(count)]


def measured(
    device: Device, spaces: Sequence[SearchSpace], rng: np.random.Generator, chains: int = 20
) -> tuple[list[Equation], list[Equation]]:
    """Return equations to fit on, and whole detectors kept aside."""
    known, aside = [], []
    for space in spaces:
        graphs = graphs_of(space, 12, rng)
        known += [device.measure(graph, True, rng) for graph in graphs[:6]]
        aside += [device.measure(graph, True, rng) for graph in graphs[6:]]
        parts = plan_context(graphs[:3]).workloads[:chains]
        known += [device.measure(part.graph, False, rng) for part in parts]
    return known, aside
