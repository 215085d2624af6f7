"""How often `detfit table diff` cries wolf, and how small a slowdown it finds.

    python benchmarks/diff_power.py    # about ten minutes on one core; the tables are kept

1. A space is profiled twice on this machine's CPU: two real tables of which nothing changed.
2. From these, tables of equal truth are drawn: every row takes another row's samples in their
   order (rotated), so that autocorrelation, drift within a row and disturbed samples stay, and
   rows move together as rows of one measured pass did, so that the machine's drift stays. A
   second kind of noise is modelled, not drawn: engines that differ by 0.5 %, autocorrelated
   samples, and 0.5 % of drift over 20 s, which is what a sentinel leaves of 1.5 %. Comparisons of
   such tables must raise no alarm.
3. One kind of module is made slower by 1 to 5 % (every row by its share of that kind). Found means
   that the gate `slower>2%` names the kind.
4. The same slowdown in the second real table.

Beside it stand two baselines: a kind whose mean ratio is above 2 % (no statistics), and a t-test
of every workload's samples at p < 0.05 (no control of how many are tested), which finds a kind
if the workload with its largest share is slower.

On a machine that others use the figures hold for that: run on a quiet one for better power.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from scipy.signal import lfilter
from scipy.stats import ttest_ind

from engines import TimingProtocol, get_backend, stability_report
from latency import (
    Gate,
    LatencyTable,
    Predictor,
    ProfileConfig,
    Row,
    TableDiff,
    diff_tables,
    fit,
    profile,
)
from searchspaces import make_space, parse_size, write_atomically

RESULTS = Path(__file__).parent / "results" / "diff-power.json"
GATE = Gate.parse("slower>2%")
SLOWDOWNS = (0.01, 0.02, 0.03, 0.04, 0.05)
ALLOWED_ALARMS = 2
T_TEST_P = 0.05
LEAST_SHARE = 0.02  # kinds that nowhere take more are within the noise of any workload
DRIFT_SD, DRIFT_S, ROW_S, BUILD_SD = 0.005, 20.0, 1.0, 0.005
AUTOCORRELATION, SAMPLE_SD, JUMPS = 0.6, 0.015, 0.03
Floats = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator], LatencyTable]
Verdict = frozenset[str]
"""Kinds that a method calls slower; any workload that is no kind's counts as one more name."""


def main(
    space: str = "detnas-nano",
    size: Annotated[str, typer.Option("--input")] = "96x96",
    engine: str = "onnxruntime",
    comparisons: Annotated[int, typer.Option(help="Of equal tables, for each noise.")] = 200,
    trials: Annotated[int, typer.Option(help="Comparisons per kind and slowdown.")] = 20,
    detectors: int = 8,
    replicates: int = 3,
    seconds: Annotated[float, typer.Option(help="At most this long per measurement.")] = 0.4,
    exploratory: Annotated[
        bool, typer.Option(help="Go on on a machine that others use; the record says so.")
    ] = False,
    seed: int = 0,
    work: Path = Path("benchmarks/work"),
    output: Path = RESULTS,
) -> None:
    config = ProfileConfig(
        protocol=TimingProtocol(max_seconds=seconds),
        detectors=detectors,
        isolated=True,
        replicates=replicates,
        seed=seed,
        exploratory=exploratory,
    )
    begun = time.monotonic()
    tables = [
        measured(space, size, engine, config, work / f"diff-{space}-{size}-{engine}-{n}.jsonl")
        for n in ("first", "second")
    ]
    profile_s = time.monotonic() - begun
    truth = Truth.of(*tables)
    noises: dict[str, Noise] = {
        f"resampled, {replicates} replicates": Resampled(truth, tables, replicates),
        "resampled, 1 replicate": Resampled(truth, tables, 1),
        "modelled, 3 replicates": Modelled(truth, 3),
        "modelled, 1 replicate": Modelled(truth, 1),
    }
    rng = np.random.default_rng(seed)
    alarms = {name: false_alarms(noise, truth, comparisons, rng) for name, noise in noises.items()}
    print_alarms(alarms, comparisons)
    power = {}
    for name in (f"resampled, {replicates} replicates", "modelled, 3 replicates"):
        power[name] = found_shares(noises[name], truth, trials, rng)
        print_power(power[name], name, trials)
    real = compare_real(tables[0], tables[1], truth)
    print_real(real)
    record = {
        "command": "python benchmarks/diff_power.py " + " ".join(sys.argv[1:]),
        "device": tables[0].device.to_dict(),
        "versions": {name: version(name) for name in ("numpy", "scipy", "onnxruntime", "torch")},
        "cores_used": len(os.sched_getaffinity(0)),
        "machine_was_shared": exploratory,
        "unstable": list(stability_report()),
        "workloads": len(truth.keys),
        "profile_s": profile_s,
        "comparisons": comparisons,
        "trials": trials,
        "false_alarms": alarms,
        "found": power,
        "real_tables": real,
    }
    output.parent.mkdir(exist_ok=True)
    write_atomically(output, (json.dumps(record, indent=1) + "\n").encode())
    print(f"written to {output}")


def measured(
    space: str, size: str, engine: str, config: ProfileConfig, path: Path
) -> LatencyTable:
    """Profile, or take the table of an earlier run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"input_hw": parse_size(size)}
    made = make_space(space, **options)
    return profile(made, get_backend(engine), config, path, space_options=options, resume=True)


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
        logs = np.concatenate([passes(table, keys) for table in (a, b)])
        middle = np.nanmean(logs, axis=0)
        factor = np.sqrt(len(logs) / (len(logs) - 1))  # the mean was taken from the same passes
        deviations = np.where(np.isfinite(logs), logs - middle, 0.0) * factor
        kinds, shares = kind_shares(fit(a), a, keys)
        some = shares.max(axis=0) > LEAST_SHARE
        names = tuple(kind for kind, told in zip(kinds, some, strict=True) if told)
        return cls(a, keys, np.exp(middle), names, shares[:, some], deviations)

    def slower(self, kind: str, amount: float) -> Floats:
        """Return the factors ``(n,)`` of a kind that became slower."""
        return 1.0 + amount * self.shares[:, self.kinds.index(kind)]


def passes(table: LatencyTable, keys: Sequence[str]) -> Floats:
    """Return the log medians ``(replicates, n)``; NaN where one was disturbed."""
    count = max(len(table.replicates_ms(key)) for key in keys)
    logs = np.full((count, len(keys)), np.nan)
    for column, key in enumerate(keys):
        values = np.log(table.replicates_ms(key))
        logs[: len(values), column] = values
    return logs


def kind_shares(
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


class Resampled:
    """Draw tables from the rows of real ones."""

    def __init__(self, truth: Truth, tables: Sequence[LatencyTable], replicates: int) -> None:
        self._truth, self._replicates = truth, replicates
        parts = [part for t in tables for key in truth.keys for part in t.replicates(key)]
        self._residuals = [np.asarray(part.raw_ms) / part.median_ms for part in parts]

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

    def _samples(self, rng: np.random.Generator, count: int = 60) -> Floats:
        keep = AUTOCORRELATION
        noise = SAMPLE_SD * rng.standard_normal(count)
        logs = lfilter([np.sqrt(1 - keep**2)], [1, -keep], noise)
        logs = logs + 0.3 * rng.random(count) * (rng.random(count) < JUMPS)
        return np.asarray(np.exp(logs - np.median(logs)))


def drawn(truth: Truth, medians: Sequence[Floats], samples: Callable[[], Floats]) -> LatencyTable:
    """Return a table whose rows have these medians and samples about them."""
    rows = []
    for replicate, values in enumerate(medians):
        for key, ms in zip(truth.keys, values.tolist(), strict=True):
            like = truth.table.replicates(key)[0]
            raw = tuple((ms * samples()).tolist())
            measurement = replace(like, raw_ms=raw, warmup_ms=())
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


# --- what is compared


def by_diff(diff: TableDiff) -> Verdict:
    """Return what the gate names; workloads count together where no kind is named."""
    kinds = frozenset(c.name for c in diff.kinds if GATE.violated_by(c))
    workloads = any(GATE.violated_by(c) for c in diff.workloads)
    return kinds | ({"a workload"} if workloads else frozenset())


def by_ratio(a: LatencyTable, b: LatencyTable, truth: Truth) -> Verdict:
    """Return the kinds whose mean ratio is above the limit."""
    ratios = np.array(
        [b.measurements[key].median_ms / a.measurements[key].median_ms for key in truth.keys]
    )
    means = (ratios - 1.0) @ truth.shares / truth.shares.sum(axis=0)
    return frozenset(
        kind for kind, mean in zip(truth.kinds, means, strict=True) if mean > GATE.limit
    )


def by_t_test(a: LatencyTable, b: LatencyTable, truth: Truth) -> Verdict:
    """Return the kinds of which the workload with the largest share is slower by a t-test."""
    slower = np.zeros(len(truth.keys), dtype=bool)
    for index, key in enumerate(truth.keys):
        before, after = (np.log(table.measurements[key].raw_ms) for table in (a, b))
        significant = ttest_ind(before, after, equal_var=False).pvalue < T_TEST_P
        slower[index] = significant and np.expm1(after.mean() - before.mean()) > GATE.limit
    kinds = frozenset(
        kind
        for kind, most in zip(truth.kinds, truth.shares.argmax(axis=0), strict=True)
        if slower[most]
    )
    return kinds | ({"a workload"} if slower.any() else frozenset())


def verdicts(a: LatencyTable, b: LatencyTable, truth: Truth) -> dict[str, Verdict]:
    diff = diff_tables(a, b)
    significant = [c.name for c in (*diff.kinds, *diff.workloads) if c.significant]
    return {
        "diff": by_diff(diff),
        "diff, any significant change": frozenset(significant),
        "mean ratio > 2 %": by_ratio(a, b, truth),
        "t-tests": by_t_test(a, b, truth),
    }


def false_alarms(
    noise: Noise, truth: Truth, count: int, rng: np.random.Generator
) -> dict[str, int]:
    """Count the comparisons of equal tables in which a method names anything."""
    found: dict[str, int] = {}
    for _ in range(count):
        for method, named in verdicts(noise(rng), noise(rng), truth).items():
            found[method] = found.get(method, 0) + bool(named)
    return found


def found_shares(
    noise: Noise, truth: Truth, trials: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return for every kind and slowdown how often each method names the kind, or only others."""
    rows = []
    pairs = [(noise(rng), noise(rng)) for _ in range(trials)]
    for kind in truth.kinds:
        for amount in SLOWDOWNS:
            factors = dict(zip(truth.keys, truth.slower(kind, amount).tolist(), strict=True))
            named = [verdicts(a, slowed(b, factors), truth) for a, b in pairs]
            row: dict[str, Any] = {"kind": kind, "slowdown": amount}
            for method in ("diff", "mean ratio > 2 %", "t-tests"):
                row[method] = sum(kind in each[method] for each in named) / trials
            row["diff blames another"] = (
                sum(bool(each["diff"] - {kind, "a workload"}) for each in named) / trials
            )
            rows.append(row)
    return rows


def compare_real(a: LatencyTable, b: LatencyTable, truth: Truth) -> dict[str, Any]:
    """Compare the two profiles as they are, then with each kind of the second 3 % slower."""
    same = diff_tables(a, b)
    injected = []
    for kind in truth.kinds:
        factors = dict(zip(truth.keys, truth.slower(kind, 0.03).tolist(), strict=True))
        diff = diff_tables(a, slowed(b, factors))
        change = next((c for c in diff.kinds if c.name == kind), None)
        injected.append(
            {
                "kind": kind,
                "found": kind in by_diff(diff),
                "change": None if change is None else change.change,
                "lo": None if change is None else change.lo,
                "hi": None if change is None else change.hi,
                "p": None if change is None else change.p,
                "others": sorted(by_diff(diff) - {kind, "a workload"}),
            }
        )
    return {
        "unchanged": {
            "alarms": sorted(by_diff(same)),
            "largest_kind_change": max((abs(c.change) for c in same.kinds), default=0.0),
            "mean ratio > 2 %": sorted(by_ratio(a, b, truth)),
            "t-tests": sorted(by_t_test(a, b, truth)),
        },
        "one kind 3 % slower": injected,
    }


# --- tables for people


def print_alarms(alarms: Mapping[str, Mapping[str, int]], count: int) -> None:
    methods = list(next(iter(alarms.values())))
    print(f"\nfalse alarms in {count} comparisons of equal tables (allowed {ALLOWED_ALARMS})")
    print(f"{'noise':26s}" + "".join(f"{method:>30s}" for method in methods))
    for noise, row in alarms.items():
        print(f"{noise:26s}" + "".join(f"{row[method]:30d}" for method in methods))


def print_power(rows: Sequence[Mapping[str, Any]], noise: str, trials: int) -> None:
    methods = [name for name in rows[0] if name not in ("kind", "slowdown")]
    print(f"\n{noise}: share of {trials} comparisons in which the slower kind is named")
    print(f"{'kind':18s}{'slower':>8s}" + "".join(f"{method:>20s}" for method in methods))
    for row in rows:
        values = "".join(f"{row[method]:20.2f}" for method in methods)
        print(f"{row['kind']:18s}{row['slowdown']:8.0%}{values}")


def print_real(real: Mapping[str, Any]) -> None:
    print("\ntwo real profiles, nothing changed:", real["unchanged"])
    print("the second with one kind 3 % slower:")
    for row in real["one kind 3 % slower"]:
        interval = (
            "not told apart from noise"
            if row["change"] is None
            else f"{row['change']:+.1%} ({row['lo']:+.1%} to {row['hi']:+.1%}), p = {row['p']:.1g}"
        )
        found = "found" if row["found"] else "missed"
        print(f"  {row['kind']:18s} {found:7s} {interval}  others: {row['others'] or 'none'}")


if __name__ == "__main__":
    typer.run(main)
