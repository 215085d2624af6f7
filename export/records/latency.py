"""What is written down about an engine's latency: as it was predicted, and as it was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ExportError
from .percentiles import percentile_ci

if TYPE_CHECKING:
    from engines import Measurement
    from latency import Visit


@dataclass(frozen=True, slots=True)
class ModuleShare:
    """Give the predicted time of one module of a detector.

    Attributes:
        name: Node of the detector's graph, such as ``backbone_s1_b0``.
        part: ``backbone``, ``neck``, ``rpn``, ``head``, or ``other`` for what no module owns.
        ms: Milliseconds.
    """

    name: str
    part: str
    ms: float


@dataclass(frozen=True, slots=True)
class PredictedLatency:
    """Say what the latency predictor promised.

    Attributes:
        p50_ms: Predicted median.
        lo_ms: Lower end of the prediction's interval.
        hi_ms: Upper end.
        confidence: Share of detectors whose latency the interval is meant to hold, 0..1.
        coverage: Share of the modules' time that was measured and not estimated, 0..1.
        breakdown: Times of the modules; they add up to about ``p50_ms``.
        reference_ms: What the sentinel takes at the speed of the machine that the prediction is
            for; ``None`` where no sentinel was timed.
        device: Name of the device that it is for, where that is another one than the engine's;
            empty where it is the same.

    Raises:
        ExportError: The median is no positive number.
    """

    p50_ms: float
    lo_ms: float
    hi_ms: float
    confidence: float | None = None
    coverage: float | None = None
    breakdown: tuple[ModuleShare, ...] = ()
    reference_ms: float | None = None
    device: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.p50_ms < math.inf:
            raise ExportError(f"a predicted latency must be a number > 0 ms, got {self.p50_ms}")


@dataclass(frozen=True, slots=True)
class MeasuredLatency:
    """Summarise a measurement; the samples stand in the bundle's ``measurement.json``.

    Attributes:
        median_ms: Median.
        ci_ms: 95 % confidence interval of the median; the range of the samples where these depend
            on each other so much that they bound nothing, which ``unstable`` then says.
        p90_ms: 90th percentile.
        p99_ms: 99th percentile.
        n: Samples.
        unstable: Why the measurement should not be trusted; empty where nothing speaks against it.
        p99_ci_ms: 95 % confidence interval of the 99th percentile; ``None`` above where the
            samples are too few to bound it.
        images: Distinct images that took turns; 1 for one, or for made-up input.
        sentinel_ms: What the sentinel took that was timed beside; ``None`` without one.
        sentinel_drift: Its change from the first to the last third of the measurement.
        refused: Why the measurement does not count: the machine changed its speed, or other
            programs took its processors; ``None`` if it does.
    """

    median_ms: float
    ci_ms: tuple[float, float]
    p90_ms: float
    p99_ms: float
    n: int
    unstable: tuple[str, ...] = ()
    p99_ci_ms: tuple[float, float | None] | None = None
    images: int = 1
    sentinel_ms: float | None = None
    sentinel_drift: float | None = None
    refused: str | None = None

    @classmethod
    def of(cls, measurement: Measurement, visit: Visit | None = None) -> MeasuredLatency:
        """Summarise the raw samples of an engine.

        Args:
            measurement: The samples.
            visit: That gave them, which tells of the sentinel; ``None`` without one.
        """
        seen = (min(measurement.raw_ms), max(measurement.raw_ms))
        low, high = percentile_ci(measurement.raw_ms, 0.99)
        return cls(
            median_ms=measurement.median_ms,
            ci_ms=measurement.ci_ms if math.isfinite(measurement.ci_ms[1]) else seen,
            p90_ms=measurement.p90_ms,
            p99_ms=measurement.p99_ms,
            n=len(measurement.raw_ms),
            unstable=measurement.unstable_reasons(),
            p99_ci_ms=(low, high if math.isfinite(high) else None),
            images=measurement.inputs,
            sentinel_ms=visit.sentinel_ms if visit else None,
            sentinel_drift=visit.sentinel_drift if visit else None,
            refused=visit.refused if visit else None,
        )
