"""A prediction of the latency room, written down module by module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..records.latency import ModuleShare, PredictedLatency

if TYPE_CHECKING:
    from latency import Latency
    from searchspaces import Graph

CLOSURE = "between modules"
"""Name of the entry that closure adds to the sum of the modules."""


def predicted_latency(
    latency: Latency, graph: Graph, reference_ms: float | None = None, device: str = ""
) -> PredictedLatency:
    """Write a prediction down with one entry per node of the detector's graph.

    Args:
        latency: The prediction of that graph.
        graph: The detector's, of the batch size and precision that were predicted.
        reference_ms: What the sentinel takes at the speed of the machine that was predicted for;
            ``None`` where that is not known.
        device: Name of the device that was predicted for, where it is not the engine's.

    Raises:
        KeyError: The prediction is of other modules than the graph's.
    """
    each = {(item.spec, item.part): item.ms / item.count for item in latency.breakdown}
    shares = []
    for node in graph.nodes:
        key = (node.spec, node.part)
        # A prediction of bare counts knows no parts.
        ms = each[key] if key in each else each[node.spec, ""]
        shares.append(ModuleShare(node.name, node.part, ms))
    return PredictedLatency(
        p50_ms=latency.p50_ms,
        lo_ms=latency.lo_ms,
        hi_ms=latency.hi_ms,
        confidence=latency.confidence,
        coverage=latency.coverage,
        breakdown=(*shares, ModuleShare(CLOSURE, "other", latency.unattributed_ms)),
        reference_ms=reference_ms,
        device=device,
    )
