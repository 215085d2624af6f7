"""Tables of which the truth is known, drawn about real ones, for benchmarks/diff_power.py.

Two kinds of noise. *Resampled*: every row takes another row's samples in their order (rotated), so
that autocorrelation, drift within a row and disturbed samples stay, and rows move together as rows
of one measured pass did, so that the machine's drift stays. *Modelled*: engines that differ by
0.5 %, autocorrelated samples, and 0.5 % of drift over 20 s, which is what a sentinel leaves of
1.5 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from engines import Measurement
from latency import LatencyTable, Predictor, Row, fit

LEAST_SHARE = 0.02  # kinds that nowhere take more are within the noise of any workload
DRIFT_SD, DRIFT_S, ROW_S, BUILD_SD = 0.005, 20.0, 1.0, 0.005
AUTOCORRELATION, SAMPLE_SD, JUMPS = 0.6, 0.015, 0.03
MODELLED_SAMPLES = 60
MOST_SAMPLES = 120  # of a real row; more say the same, and take longer
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """Hold what tables are drawn from.

    Attributes:
        table: Manifest and workloads.
        keys: Of the workloads that both real tables measured.
        ms: ``(n,)`` the true latencies.
        kinds: Names of the kinds of modules.
        shares: ``(n, k)`` of every kind in every workload.
        deviations: ``(passes, n)`` log medians of the real passes about the truth.
    """

    table: LatencyTable
    keys: tuple[str, ...]
    ms: Floats
    kinds: tuple[str, ...]
    shares: Floats
    deviations: Floats

    @classmethod
    def of(cls, a: LatencyTable, b: LatencyTable) -> Truth:
        keys = tuple(key for key in a.measurements if key in b.measurements)
        logs = np.concatenate([_passes(table, keys) for table in (a, b)])
        middle = np.nanmean(logs, axis=0)
        factor = np.sqrt(len(logs) / (len(logs) - 1))  # the mean was taken from the same passes
        deviations = np.where(np.isfinite(logs), logs - middle, 0.0) * factor
        kinds, shares = _kind_shares(fit(a), a, keys)
        some = shares.max(axis=0) > LEAST_SHARE
        names = tuple(kind for kind, told in zip(kinds, some, strict=True) if told)
        return cls(a, keys, np.exp(middle), names, shares[:, some], deviations)

    @cached_property
    def likes(self) -> Mapping[str, Measurement]:
        """Return a measurement of every workload, of which the samples are replaced."""
        return {key: self.table.replicates(key)[0] for key in self.keys}

    def slower(self, kind: str, amount: float) -> dict[str, float]:
        """Return the factor of every workload when a kind became slower."""
        factors = 1.0 + amount * self.shares[:, self.kinds.index(kind)]
        return dict(zip(self.keys, factors.tolist(), strict=True))


class Resampled:
    """Draw tables from the rows of real ones."""

    def __init__(self, truth: Truth, tables: Sequence[LatencyTable], replicates: int) -> None:
        self._truth, self._replicates = truth, replicates
        parts = [part for t in tables for key in truth.keys for part in t.replicates(key)]
        self._residuals = [np.asarray(p.raw_ms[:MOST_SAMPLES]) / p.median_ms for p in parts]

    def __call__(self, rng: np.random.Generator) -> LatencyTable:
        truth, medians = self._truth, []
        for _ in range(self._replicates):
            series = truth.deviations[rng.integers(len(truth.deviations))]
            medians.append(truth.ms * np.exp(np.roll(series, rng.integers(len(series)))))
        return drawn(truth, medians, lambda: self._samples(rng))

    def _samples(self, rng: np.random.Generator) -> Floats:
        residuals = self._residuals[rng.integers(len(self._residuals))]
        return np.roll(residuals, rng.integers(len(residuals)))


class Modelled:
    """Draw tables of noise as it is measured elsewhere: drift, builds, autocorrelation, jumps."""

    def __init__(self, truth: Truth, replicates: int) -> None:
        self._truth, self._replicates = truth, replicates

    def __call__(self, rng: np.random.Generator) -> LatencyTable:
        truth, count = self._truth, len(self._truth.keys)
        keep = np.exp(-ROW_S / DRIFT_S)
        medians = []
        for _ in range(self._replicates):
            steps = DRIFT_SD * rng.standard_normal(count)
            drift = lfilter([np.sqrt(1 - keep**2)], [1, -keep], steps, zi=[keep * steps[0]])[0]
            order = rng.permutation(count)  # later replicates are measured in another order
            logs = drift[order] + BUILD_SD * rng.standard_normal(count)
            medians.append(truth.ms * np.exp(logs))
        return drawn(truth, medians, lambda: self._samples(rng))

    def _samples(self, rng: np.random.Generator) -> Floats:
        count, keep = MODELLED_SAMPLES, AUTOCORRELATION
        noise = SAMPLE_SD * rng.standard_normal(count)
        logs = lfilter([np.sqrt(1 - keep**2)], [1, -keep], noise)
        logs = logs + 0.3 * rng.random(count) * (rng.random(count) < JUMPS)
        return np.asarray(np.exp(logs - np.median(logs)))


def drawn(truth: Truth, medians: Sequence[Floats], samples: Callable[[], Floats]) -> LatencyTable:
    """Return a table whose rows have these medians and samples about them."""
    rows = []
    for replicate, values in enumerate(medians):
        for key, ms in zip(truth.keys, values.tolist(), strict=True):
            like = truth.likes[key]
            raw = tuple((ms * samples()).tolist())
            inputs = min(like.inputs, len(raw))
            measurement = replace(like, raw_ms=raw, warmup_ms=(), inputs=inputs)
            rows.append(Row(truth.table.workloads[key], replicate, measurement))
    return LatencyTable(truth.table.manifest, tuple(rows))


def slowed(table: LatencyTable, factors: Mapping[str, float]) -> LatencyTable:
    """Return a table with every sample of its workloads multiplied."""
    rows = []
    for row in table.rows:
        if row.measurement is None:
            rows.append(row)
            continue
        factor = factors.get(row.workload.key, 1.0)
        raw = tuple(factor * ms for ms in row.measurement.raw_ms)
        rows.append(replace(row, measurement=replace(row.measurement, raw_ms=raw)))
    return replace(table, rows=tuple(rows))


def _passes(table: LatencyTable, keys: Sequence[str]) -> Floats:
    """Return the log medians ``(replicates, n)``; NaN where one was disturbed."""
    count = max(len(table.replicates_ms(key)) for key in keys)
    logs = np.full((count, len(keys)), np.nan)
    for column, key in enumerate(keys):
        values = np.log(table.replicates_ms(key))
        logs[: len(values), column] = values
    return logs


def _kind_shares(
    predictor: Predictor, table: LatencyTable, keys: Sequence[str]
) -> tuple[tuple[str, ...], Floats]:
    """Return the kinds and their shares ``(n, k)`` in the workloads' summed module costs."""
    counts = [table.workloads[key].graph.counts() for key in keys]
    specs = sorted({spec for each in counts for spec in each}, key=lambda spec: spec.key)
    known = dict(zip(specs, np.maximum(0.0, predictor.modules_ms(specs)).tolist(), strict=True))
    kinds = tuple(sorted({spec.kind for spec in specs}))
    shares = np.zeros((len(keys), len(kinds)))
    for row, each in enumerate(counts):
        for spec, count in each.items():
            shares[row, kinds.index(spec.kind)] += count * known[spec]
    return kinds, shares / shares.sum(axis=1, keepdims=True)
