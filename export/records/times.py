"""What is written down about where an engine's time goes, and where a prediction of it missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from .percentiles import percentile

NAMED = 3
"""Modules that a sentence names."""


class Position(str, Enum):
    """Say where a measured median lies with regard to a predicted interval."""

    INSIDE = "INSIDE"
    FASTER = "FASTER"
    SLOWER = "SLOWER"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Sum up the milliseconds of one stage on the way from image files to objects.

    Attributes:
        name: Of the stage.
        p50_ms: Median of a run.
        p90_ms: 90th percentile.
        p99_ms: 99th percentile.
    """

    name: str
    p50_ms: float
    p90_ms: float
    p99_ms: float

    @classmethod
    def of(cls, name: str, samples_ms: Sequence[float]) -> StageTimes:
        """Sum up samples."""
        return cls(name, *(percentile(samples_ms, share) for share in (0.5, 0.9, 0.99)))


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """Say how long the way from image files to objects takes, stage by stage.

    The engine stage is from host arrays to host arrays, among the others, so that caches hold
    other things than in a measurement of the engine alone; budgets are judged on the latter.

    Attributes:
        images: Distinct images, which take turns.
        batch: Images of a run.
        runs: Timed runs.
        stages: In running order.
        total: Of whole runs.
    """

    images: int
    batch: int
    runs: int
    stages: tuple[StageTimes, ...]
    total: StageTimes


@dataclass(frozen=True, slots=True)
class ModuleGap:
    """Compare what a module was predicted to take with what it takes.

    Attributes:
        name: Node of the detector's graph; of time that no module owns, what it was called in the
            prediction.
        part: ``backbone``, ``neck``, ``rpn``, ``head`` or ``other``.
        predicted_ms: As predicted.
        measured_ms: By the engine's profile of its layers, scaled so that all add up to the
            latency that was measured without a profile.
        fused_ms: The part of ``measured_ms`` that is of layers fused with other modules' ones: of
            such a layer each module is given the share that it was predicted to have.
        fused_with: Those other modules.
        seen: Whether the engine has a layer that is known to be of this module.
    """

    name: str
    part: str
    predicted_ms: float
    measured_ms: float
    fused_ms: float = 0.0
    fused_with: tuple[str, ...] = ()
    seen: bool = True

    @property
    def error_ms(self) -> float:
        """Return how much longer than predicted it takes."""
        return self.measured_ms - self.predicted_ms

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "error_ms": self.error_ms}


@dataclass(frozen=True, slots=True)
class Attribution:
    """Say which modules make up the difference between a predicted and a measured latency.

    Attributes:
        modules: The modules and what lies between them, the largest errors first; predicted and
            measured milliseconds add up to the detector's.
        profiled_ms: What the layers took together while they were timed one by one.
        layers: How many there were.
        unattributed: The largest layers of no module, by name, in scaled milliseconds.
    """

    modules: tuple[ModuleGap, ...]
    profiled_ms: float
    layers: int
    unattributed: tuple[tuple[str, float], ...] = ()

    @property
    def predicted_ms(self) -> float:
        """Return what the detector was predicted to take."""
        return sum(gap.predicted_ms for gap in self.modules)

    @property
    def measured_ms(self) -> float:
        """Return what it takes, at the speed of the machine that the prediction is for."""
        return sum(gap.measured_ms for gap in self.modules)

    @property
    def error_ms(self) -> float:
        """Return how much longer than predicted it takes."""
        return self.measured_ms - self.predicted_ms

    @property
    def scale(self) -> float:
        """Return what the layers' times were multiplied by."""
        return self.measured_ms / self.profiled_ms

    def explanation(self) -> str:
        """Name the modules that were mispredicted most, either way, in one sentence."""
        worst = [gap for gap in self.modules if gap.error_ms][:NAMED]
        named = ", ".join(_name(gap) for gap in worst) or "no module's"
        return f"{self.error_ms:+.3f} ms in all, the largest errors are {named}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "predicted_ms": self.predicted_ms,
            "measured_ms": self.measured_ms,
            "error_ms": self.error_ms,
            "explanation": self.explanation(),
            "modules": [gap.to_dict() for gap in self.modules],
            "layers": self.layers,
            "profiled_ms": self.profiled_ms,
            "scale": self.scale,
            "unattributed": [{"layer": name, "ms": ms} for name, ms in self.unattributed],
        }


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """Hold what is known of an engine's latency beside its summary.

    Attributes:
        budget_on: What the budget is about: ``p50`` or ``p99``.
        position: Of the measured median in the predicted interval; ``None`` without a prediction.
        speed: How many times slower than when its prediction was measured the machine was, by the
            sentinel; ``None`` where that is not known.
        comparable_ms: The measured median at the prediction's speed; the median itself where the
            speed is not known.
        end_to_end: From image files to objects; ``None`` without images.
        attribution: Which modules were mispredicted; ``None`` where that is not known.
        note: Why it is not; empty where it is.
    """

    budget_on: str
    position: Position | None
    speed: float | None
    comparable_ms: float
    end_to_end: EndToEnd | None = None
    attribution: Attribution | None = None
    note: str = ""

    def to_dict(self) -> Mapping[str, Any]:
        """Return plain JSON values."""
        return {
            "budget_on": self.budget_on,
            "position": None if self.position is None else str(self.position),
            "speed": self.speed,
            "comparable_ms": self.comparable_ms,
            "end_to_end": None if self.end_to_end is None else asdict(self.end_to_end),
            "attribution": None if self.attribution is None else self.attribution.to_dict(),
            "note": self.note,
        }


def _name(gap: ModuleGap) -> str:
    fused = f", {gap.fused_ms:.3f} of it shared with {' and '.join(gap.fused_with)}"
    return (
        f"{gap.name} ({gap.error_ms:+.3f} ms: {gap.measured_ms:.3f} against "
        f"{gap.predicted_ms:.3f} predicted{fused if gap.fused_with else ''}"
        f"{'' if gap.seen else ', no layer of it was seen'})"
    )
