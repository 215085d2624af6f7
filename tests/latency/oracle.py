"""A device whose latencies are known: what the room has to find out again."""

from __future__ import annotations

import hashlib

from engines import FakeBackend, TimingProtocol
from searchspaces import Graph, ModuleSpec

OVERHEAD_MS = 0.25
OPTIONS = {"head": "retinanet", "input_hw": (64, 64), "num_classes": 3}
QUICK = TimingProtocol(
    warmup_min_ms=0, warmup_max_ms=1, min_samples=6, max_samples=6, max_seconds=0.01
)


def true_cost_ms(spec: ModuleSpec) -> float:
    """Return a cost that no formula of the room could guess: it depends on the key alone."""
    digest = hashlib.sha256(spec.key.encode()).digest()
    return 0.1 + digest[0] / 64


def true_latency_ms(graph: Graph) -> float:
    return OVERHEAD_MS + sum(true_cost_ms(spec) * n for spec, n in graph.counts().items())


def additive_backend(noise: float = 0.0, **options: object) -> FakeBackend:
    return FakeBackend(
        latency_ms=lambda model: true_latency_ms(model.graph),  # type: ignore[attr-defined]
        noise=noise,
        device_name="additive",
        **options,  # type: ignore[arg-type]
    )
