"""Which modules a prediction of the latency missed, by the engine's own profile of its layers.

A profile times layer by layer, which is slower than a run, so its times are scaled until they add
up to the latency that was measured without it. Predictions give every module a time and what lies
between modules another; both sides then add up, and so do the errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engines import LayerTime, ModuleTimes, attribute

from ..records.latency import ModuleShare, PredictedLatency
from ..records.times import Attribution, ModuleGap
from .predicted import CLOSURE

LARGEST = 5
"""Layers of no module that are named."""


def attribute_error(
    layers: Sequence[LayerTime], predicted: PredictedLatency, measured_ms: float
) -> Attribution | None:
    """Set what every module was predicted to take beside what it takes.

    A layer that was fused of several modules' nodes is shared among these by the times that they
    were predicted to take, and marked: no runtime tells how it spends the time of one kernel.

    Args:
        layers: The engine's, from its profile.
        predicted: With a breakdown by the nodes of the detector's graph.
        measured_ms: The latency without a profile, at the speed of the machine that the prediction
            is for.

    Returns:
        ``None`` where the layers took no time, or the prediction has no breakdown.
    """
    shares = [share for share in predicted.breakdown if share.name != CLOSURE]
    times = attribute(layers, [share.name for share in shares])
    profiled_ms = times.total_ms
    if not shares or profiled_ms <= 0:
        return None
    scale = measured_ms / profiled_ms
    gaps = _module_gaps(shares, times, scale)
    rest = sum(share.ms for share in predicted.breakdown if share.name == CLOSURE)
    gaps.append(ModuleGap(CLOSURE, "other", rest, times.unattributed_ms * scale))
    largest = sorted(times.unattributed.items(), key=lambda item: -item[1])[:LARGEST]
    return Attribution(
        modules=tuple(sorted(gaps, key=lambda gap: -abs(gap.error_ms))),
        profiled_ms=profiled_ms,
        layers=len(layers),
        unattributed=tuple((name, ms * scale) for name, ms in largest),
    )


@dataclass(slots=True)
class _Fused:
    """Collect what a module has of layers that were fused with others'."""

    ms: float = 0.0
    partners: dict[str, None] = field(default_factory=dict)  # ordered, once each


def _module_gaps(
    shares: Sequence[ModuleShare], times: ModuleTimes, scale: float
) -> list[ModuleGap]:
    fused = _fused(shares, times)
    return [
        ModuleGap(
            name=share.name,
            part=share.part,
            predicted_ms=share.ms,
            measured_ms=(times.modules.get(share.name, 0.0) + fused[share.name].ms) * scale,
            fused_ms=fused[share.name].ms * scale,
            fused_with=tuple(fused[share.name].partners),
            seen=share.name in times.modules or bool(fused[share.name].partners),
        )
        for share in shares
    ]


def _fused(shares: Sequence[ModuleShare], times: ModuleTimes) -> dict[str, _Fused]:
    predicted = {share.name: share.ms for share in shares}
    found = {share.name: _Fused() for share in shares}
    for names, ms in times.shared.items():
        for name, part in zip(names, _parts(predicted[name] for name in names), strict=True):
            found[name].ms += part * ms
            found[name].partners.update(dict.fromkeys(n for n in names if n != name))
    return found


def _parts(predicted_ms: Iterable[float]) -> list[float]:
    """Return shares that add up to 1, in proportion to predictions; equal where there are none."""
    values = [max(0.0, ms) for ms in predicted_ms]
    total = sum(values)
    return [ms / total if total > 0 else 1 / len(values) for ms in values]
