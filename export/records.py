"""What is written down about an exported engine: latencies, accuracy, where it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ExportError
from .percentiles import percentile_ci

if TYPE_CHECKING:
    from engines import Measurement
    from latency import Visit


@dataclass(frozen=True, slots=True)
class Artifact:
    """Name a written file and its content.

    Attributes:
        path: Where it lies.
        sha256: SHA-256 of its content, 64 hex digits.
        size_bytes: Its size.
    """

    path: Path
    sha256: str
    size_bytes: int


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


@dataclass(frozen=True, slots=True)
class AccuracyRow:
    """Give one COCO number of the torch model and of the engine on the same images.

    Attributes:
        metric: COCO's name, such as ``AP50``.
        torch: Value in points, 0..100; ``None`` where there is no object to find.
        engine: Likewise.
        drop_ci: 95 % interval of the points that the engine loses, from a paired bootstrap over
            the images; ``None`` where none was made, as for recalls.
    """

    metric: str
    torch: float | None
    engine: float | None
    drop_ci: tuple[float, float] | None = None

    @property
    def drop(self) -> float:
        """Return the points that the engine loses; minus infinity where one is unknown."""
        if self.torch is None or self.engine is None:
            return -math.inf
        return self.torch - self.engine


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Record the COCO accuracy of the torch model and of the engine.

    Attributes:
        data: Name of the data set and split.
        images: Images evaluated.
        classes: Names of the classes that data and labels share.
        rows: The COCO numbers; empty where AP is not comparable.
        note: Why AP is not comparable, where it is not.
        resamples: Resamples of the images that the intervals rest on; 0 without intervals.
    """

    data: str
    images: int
    classes: tuple[str, ...] = ()
    rows: tuple[AccuracyRow, ...] = ()
    note: str = ""
    resamples: int = 0

    def row(self, metric: str) -> AccuracyRow:
        """Return one number; empty where it was not measured."""
        known = {row.metric: row for row in self.rows}
        return known.get(metric, AccuracyRow(metric, None, None))


MAX_BATCH, MAX_THREADS = 65_536, 4_096
"""Largest settings of an engine; more is no setting but damage."""

OptionValue = str | int | float | bool | tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Say which network a bundle holds, so that torch can build it again.

    Attributes:
        arch: The architecture as ``space:code``.
        options: Options of the space: ``head``, ``input_hw``, ``num_classes`` and the like.
        seed: Seed of the run that found and trained it, if known.
        commands: Command lines that made the bundle, oldest first.
    """

    arch: str
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    seed: int | None = None
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """Say what the engine file is and what it was checked on.

    Attributes:
        name: Engine, such as ``onnxruntime``.
        version: Version of its runtime.
        file: Name of the engine file in the bundle.
        machine: Processor architecture, such as ``x86_64``.
        device: The device's fingerprint, as ``engines.DeviceInfo.to_dict`` gives it.
        precision: ``fp32``, ``fp16`` or ``int8``.
        batch: Images per run.
        threads: CPU threads.
        runs_on: Where it was built to run: ``cpu`` or ``cuda:0``.
        written_in: Precision that is written into the ONNX model, which is the engine's own or,
            where the engine lowers the model itself, ``fp32``.
        build: How an engine file that is loaded was built, by name: release, compute capability,
            flags, SHA-256 of its timing cache; empty where the ONNX model says it all.

    Raises:
        ExportError: Batch or threads are out of range.
    """

    name: str
    version: str
    file: str
    machine: str
    device: Mapping[str, str | int | float | Mapping[str, float]]
    precision: str = "fp32"
    batch: int = 1
    threads: int = 1
    runs_on: str = "cpu"
    written_in: str = "fp32"
    build: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, largest in (("batch", MAX_BATCH), ("threads", MAX_THREADS)):
            value = getattr(self, name)
            if not 1 <= value <= largest:
                raise ExportError(f"{name} must be 1 to {largest}, got {value}")
