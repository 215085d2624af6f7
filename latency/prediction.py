"""What a prediction of one detector says: milliseconds, an interval, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from searchspaces import DetectorSpec, Graph, ModuleSpec

CONFIDENCE = 0.9

Modules = DetectorSpec | Graph | Mapping[ModuleSpec, int] | Iterable[tuple[ModuleSpec, int]]


@dataclass(frozen=True, slots=True)
class ModuleTime:
    """Say what one distinct module contributes.

    Attributes:
        spec: The module.
        part: Part of the detector, or ``""`` where only counts were given.
        count: How often it occurs.
        ms: Milliseconds of all occurrences, before closure.
        measured: Whether the module was part of anything measured; otherwise it is estimated from
            modules like it or, if they are too few, from multiply-adds at the rate of its kind.
        margin_ms: How far an estimate may be off, at the confidence asked for; 0 if measured, or
            if the doubt is in the detector's own interval.
        familiar: Whether the module is measured, or estimated and like those that were.
    """

    spec: ModuleSpec
    part: str
    count: int
    ms: float
    measured: bool
    margin_ms: float = 0.0
    familiar: bool = True


@dataclass(frozen=True, slots=True)
class Latency:
    """Predict one detector.

    Attributes:
        p50_ms: Predicted median.
        lo_ms: Lower end of the interval.
        hi_ms: Upper end of the interval.
        confidence: Of the interval; lower than asked where calibration detectors are too few.
        breakdown: What each module contributes, in the order of first use.
        coverage: Share of the modules' time that was measured, 0..1.
        unattributed_ms: Predicted median minus the sum of the breakdown: what closure adds.
    """

    p50_ms: float
    lo_ms: float
    hi_ms: float
    confidence: float
    breakdown: tuple[ModuleTime, ...]
    coverage: float
    unattributed_ms: float

    @property
    def unfamiliar(self) -> float:
        """Return the share of the modules' time that is of modules unlike those measured, 0..1."""
        total = sum(item.ms for item in self.breakdown)
        strange = sum(item.ms for item in self.breakdown if not item.familiar)
        return strange / total if total else 0.0
