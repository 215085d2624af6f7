"""A made-up device on which everything differs, and of which is known what is true.

Every architecture has a time of its own that no sum of modules predicts; every build of an engine
has one, too; the machine drifts, which the sentinel sees; occasions differ, which it does not see;
now and then something disturbs a visit.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines import DeviceInfo, Engine, FakeBackend
from latency import Workload
from searchspaces import Graph, ModuleSpec, cost_of

# Relative standard deviations.
OWN, BUILD, VISIT, BLOCK = 0.03, 0.012, 0.006, 0.02
DRIFT, MEMORY, SENTINEL = 0.02, 0.9, 0.003
OCCASION = 0.01  # that a detector's times have in common on one occasion, the sentinel's not
SPIKES, SPIKE = 0.03, 0.15  # share of visits that are disturbed unseen, and by how much at most
RATE, RATES = 5e6, 0.3  # multiply-adds per millisecond, and how much modules differ in it
NOISE = {
    "own": OWN,
    "build": BUILD,
    "visit": VISIT,
    "block": BLOCK,
    "drift": DRIFT,
    "occasion": OCCASION,
}


@dataclass(frozen=True)
class Light:
    """A workload of which only the graph matters."""

    workload: Workload

    @property
    def name(self) -> str:
        return self.workload.label

    @property
    def graph(self) -> Graph:
        return self.workload.graph

    @property
    def macs(self) -> int:
        return 0

    def example_inputs(self) -> dict[str, Any]:
        return {"x": np.zeros(1, np.float32)}


class Slowed:
    """An engine whose times follow the speed of its machine."""

    def __init__(self, engine: Engine, machine: Machine) -> None:
        self._engine, self._machine = engine, machine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def timer(self, inputs: Any = None) -> Any:
        inner, speed = self._engine.timer(inputs), self._machine.speed
        return lambda runs: inner(runs) * speed

    def __enter__(self) -> Slowed:
        return self

    def __exit__(self, *error: object) -> None:
        self._engine.close()


class Machine:
    """A device on which every build, every visit and every hour differs."""

    name = "fake"

    def __init__(self, seed: int) -> None:
        self._rng, self._seed = np.random.default_rng(seed), seed
        self._builds, self._log_speed, self._occasion = 0, 0.0, 0.0

    @property
    def speed(self) -> float:
        return math.exp(self._log_speed)

    def new_occasion(self) -> None:
        """Begin another hour, which the sentinel tells nothing of."""
        self._occasion = float(self._rng.normal(0.0, OCCASION))

    def unavailable_reason(self) -> str | None:
        return None

    def probe(self, device: str = "cpu") -> DeviceInfo:
        return self._fake(1.0, BLOCK, 0).probe(device)

    def true_ms(self, graph: Graph) -> float:
        """Return what a graph takes, builds and visits aside, at the usual speed."""
        total = 0.2 + sum(self._cost(spec) * n for spec, n in graph.counts().items())
        own = np.random.default_rng([self._seed, *hashlib.sha256(graph.key.encode()).digest()])
        return total * math.exp(own.normal(0.0, OWN))

    def build(self, model: Any, **options: Any) -> Slowed:
        self._builds += 1
        step = DRIFT * math.sqrt(1.0 - MEMORY**2) * self._rng.normal()
        self._log_speed = MEMORY * self._log_speed + step
        if model.name == "sentinel":
            ms = 8.0 * math.exp(self._rng.normal(0.0, SENTINEL))
        else:
            scatter = self._rng.normal(0.0, BUILD) + self._rng.normal(0.0, VISIT)
            ms = self.true_ms(model.graph) * math.exp(self._occasion + scatter)
            if self._rng.random() < SPIKES:
                ms *= 1.0 + SPIKE * self._rng.random()
        return Slowed(self._fake(ms, BLOCK, self._builds).build(model, **options), self)

    def _fake(self, ms: float, noise: float, seed: int) -> FakeBackend:
        return FakeBackend(
            latency_ms=lambda model: ms,
            noise=noise,
            seed=self._seed * 1_000_003 + seed,
            device_name=f"machine {self._seed}",
        )

    def _cost(self, spec: ModuleSpec) -> float:
        """Return what a module takes: overhead, and work at a rate of its own."""
        digest = hashlib.sha256(f"{self._seed} {spec.key}".encode()).digest()
        rate = RATE * math.exp(np.random.default_rng(list(digest)).normal(0.0, RATES))
        return 0.02 + cost_of(spec).macs / rate
