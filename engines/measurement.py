"""A latency as it was measured: raw samples, how and where; every statistic is derived."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np

from ._fields import check_bool, check_int, check_number, check_text, read_fields
from .clocks import Clocks
from .device import DeviceInfo
from .errors import MeasurementError
from .processors import contention
from .protocol import TimingProtocol
from .stats import half_drift, median_ci, median_of, relative_half_width

# Thresholds of torch.utils.benchmark (utils/common.py): the spread is large, or gross.
MAX_REL_IQR = 0.10
GROSS_REL_IQR = 0.25
# The latency moved during the measurement: twice the error that a table entry may have.
MAX_DRIFT = 0.02
# pyperf check: an extreme further than this from the middle means disturbed samples.
MAX_EXTREME_GAP = 0.50


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Keep what was measured of one engine.

    The median describes it, not the mean: disturbances only ever make a run slower. With several
    inputs it is the median over inputs of their medians, while the percentiles are those of all
    samples, so that they hold what depends on the data.

    Attributes:
        raw_ms: Milliseconds of one run; one value per block, in the order taken.
        warmup_ms: The same for the blocks of the warm-up.
        block_runs: Runs per block.
        protocol: How it was measured.
        device: Where it was measured.
        converged: The confidence interval reached ``protocol.target_rel_ci``.
        steady: The warm-up reached a steady state.
        started_at: UTC time in ISO 8601.
        others_busy: Processors that other programs kept busy meanwhile, on average, of those that
            this process might use; None where the system does not tell.
        processors: Processors that this process might use: its affinity, or fewer by the quota of
            its control groups; None if not recorded.
        inputs: How many recorded inputs took turns: sample ``i`` ran input ``i % inputs``.
        clocks: What the device told of its clocks before and after the samples; None if nothing.

    Raises:
        MeasurementError: A value is missing, negative, not finite or of the wrong type.
    """

    raw_ms: tuple[float, ...]
    warmup_ms: tuple[float, ...]
    block_runs: int
    protocol: TimingProtocol
    device: DeviceInfo
    converged: bool
    steady: bool
    started_at: str
    others_busy: float | None = None
    processors: float | None = None
    inputs: int = 1
    clocks: Clocks | None = None

    def __post_init__(self) -> None:
        _check_samples("raw_ms", self.raw_ms)
        _check_samples("warmup_ms", self.warmup_ms)
        if not self.raw_ms:
            raise MeasurementError("Measurement.raw_ms is empty; a measurement needs samples")
        check_int("Measurement", "block_runs", self.block_runs, 1)
        check_int("Measurement", "inputs", self.inputs, 1)
        if self.inputs > len(self.raw_ms):
            raise MeasurementError(
                f"Measurement.inputs is {self.inputs}, but there are {len(self.raw_ms)} samples; "
                "each input needs one"
            )
        check_bool("Measurement", "converged", self.converged)
        check_bool("Measurement", "steady", self.steady)
        check_text("Measurement", "started_at", self.started_at)
        _check_time(self.started_at)
        if self.others_busy is not None:
            check_number("Measurement", "others_busy", self.others_busy, zero=True)
        if self.processors is not None:
            check_number("Measurement", "processors", self.processors)

    @property
    def median_ms(self) -> float:
        """Return the median time of one run."""
        return median_of(self.raw_ms, self.inputs)

    @property
    def p50_ms(self) -> float:
        """Return the median under its other name."""
        return self.median_ms

    def per_input_medians(self) -> tuple[float, ...]:
        """Return the median of every input, in milliseconds."""
        return tuple(float(np.median(self.raw_ms[i :: self.inputs])) for i in range(self.inputs))

    @property
    def p90_ms(self) -> float:
        """Return the 90th percentile of blocks; of single runs only where ``block_runs`` is 1."""
        return float(np.quantile(self.raw_ms, 0.9))

    @property
    def p99_ms(self) -> float:
        """Return the 99th percentile of blocks, as :attr:`p90_ms`."""
        return float(np.quantile(self.raw_ms, 0.99))

    @property
    def iqr_ms(self) -> float:
        """Return the distance between the quartiles."""
        low, high = np.quantile(self.raw_ms, [0.25, 0.75])
        return float(high - low)

    @property
    def ci_ms(self) -> tuple[float, float]:
        """Return the 95 % confidence interval of the median, by the block bootstrap.

        See :func:`engines.stats.median_ci`. Fewer than 6 samples give ``(0.0, inf)``.
        """
        return median_ci(self.raw_ms, self.inputs)

    @property
    def rel_ci(self) -> float:
        """Return the half width of :attr:`ci_ms` over the median."""
        return relative_half_width(self.raw_ms, self.inputs)

    def unstable_reasons(self) -> tuple[str, ...]:
        """Return why this measurement should not be trusted; empty if nothing is against it."""
        return tuple(self._reasons())

    def contention(self) -> str | None:
        """Return how other programs took processors that the measurement needed; None if not."""
        if self.device.kind != "cpu" or self.processors is None:
            return None
        return contention(self.protocol.threads, self.others_busy or 0.0, self.processors)

    def _reasons(self) -> Iterator[str]:
        samples = self._of_one_input()
        middle = float(np.median(samples))
        if not self.converged:
            width = self.rel_ci
            reached = f"to {width:.1%}" if math.isfinite(width) else "not at all"
            yield (
                f"not converged: {len(self.raw_ms)} samples bound the median {reached}, "
                f"wanted {self.protocol.target_rel_ci:.1%}"
            )
        if not self.steady:
            yield f"no steady state after {len(self.warmup_ms)} blocks of warm-up"
        low, high = np.quantile(samples, [0.25, 0.75])
        spread = float(high - low) / middle
        if spread > MAX_REL_IQR:
            gross = "gross spread" if spread > GROSS_REL_IQR else "spread"
            yield f"{gross}: IQR is {spread:.1%} of the median, more than {MAX_REL_IQR:.0%}"
        drift = half_drift(samples)
        if abs(drift) > MAX_DRIFT:
            yield f"drift: second half {drift:+.1%} against the first, more than {MAX_DRIFT:.0%}"
        yield from self._disturbances(1.0 - min(samples) / middle, max(samples) / middle - 1.0)

    def _disturbances(self, low: float, high: float) -> Iterator[str]:
        if low > MAX_EXTREME_GAP:
            yield f"outliers: the fastest sample is {low:.0%} below the median"
        if high > MAX_EXTREME_GAP:
            yield f"outliers: the slowest sample is {high:.0%} above the median"
        if reason := self.contention():
            yield reason
        if self.clocks is not None:
            yield from self.clocks.moved()
            if throttled := self.clocks.throttled():
                yield throttled

    def _of_one_input(self) -> Sequence[float]:
        """Return the samples without what inputs differ by, which is no disturbance."""
        if self.inputs == 1:
            return self.raw_ms
        medians, middle = self.per_input_medians(), self.median_ms
        return [ms * middle / medians[i % self.inputs] for i, ms in enumerate(self.raw_ms)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; :meth:`from_dict` reads them back exactly.

        ``protocol`` and ``device`` are nested, so that a file of many measurements may store them
        once and put them back before reading.
        """
        return {
            **{entry.name: getattr(self, entry.name) for entry in fields(self)},
            "raw_ms": list(self.raw_ms),
            "warmup_ms": list(self.warmup_ms),
            "protocol": self.protocol.to_dict(),
            "device": self.device.to_dict(),
            "clocks": self.clocks and self.clocks.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: object) -> Measurement:
        """Read what :meth:`to_dict` wrote; ``protocol`` and ``device`` may also be the objects.

        Raises:
            MeasurementError: A field is missing, unknown or invalid; the message names it.
        """
        values = read_fields(cls, data, added={"inputs": 1, "clocks": None})
        for name in ("raw_ms", "warmup_ms"):
            if not isinstance(values[name], list | tuple):
                raise MeasurementError(
                    f"Measurement.{name} must be a list of numbers, got {values[name]!r}"
                )
            values[name] = tuple(values[name])
        if not isinstance(values["protocol"], TimingProtocol):  # else shared by many of a file
            values["protocol"] = TimingProtocol.from_dict(values["protocol"])
        if not isinstance(values["device"], DeviceInfo):
            values["device"] = DeviceInfo.from_dict(values["device"])
        if values["clocks"] is not None:
            values["clocks"] = Clocks.from_dict(values["clocks"])
        return cls(**values)


def _check_samples(name: str, samples: tuple[float, ...]) -> None:
    for index, sample in enumerate(samples):
        check_number("Measurement", f"{name}[{index}]", sample)


def _check_time(text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise MeasurementError(
            f"Measurement.started_at must be an ISO 8601 time, got {text!r}"
        ) from None
