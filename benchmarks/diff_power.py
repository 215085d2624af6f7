"""How often `detfit table diff` cries wolf, and how small a slowdown it finds.

    python -m benchmarks.diff_power    # about ten minutes on one quiet core; the tables are kept

While others use the machine it waits (--patience).

1. A space is profiled twice on this machine's CPU: two real tables of which nothing changed.
2. From these, tables of equal truth are drawn (benchmarks/drawn_tables.py), with the noise of the
   real ones and with modelled noise. Comparisons of such tables must raise no alarm.
3. One kind of module is made slower (every row by its share of that kind). Found means that the
   gate `slower>2%` names the kind.
4. A slowdown of 3 % in the second real table.

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
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from scipy.stats import ttest_ind

from benchmarks.drawn_tables import Modelled, Resampled, Truth, slowed
from benchmarks.patience import USUAL_MINUTES, Minutes, patience_for
from engines import TimingProtocol, get_backend, stability_report
from latency import (
    Gate,
    LatencyTable,
    ProfileConfig,
    TableDiff,
    diff_tables,
    profile,
)
from searchspaces import make_space, parse_size, write_atomically

RESULTS = Path(__file__).parent / "results" / "diff-power.json"
GATE = Gate.parse("slower>2%")
SLOWDOWNS = (0.02, 0.03, 0.05)
INJECTED = 0.03
ALLOWED_ALARMS = 2
T_TEST_P = 0.05
SHOWN_EVERY = 50  # comparisons
Noise = Callable[[np.random.Generator], LatencyTable]
Verdict = frozenset[str]
"""Kinds that a method calls slower; any workload that is no kind's counts as one more name."""


def main(
    space: str = "detnas-nano",
    size: Annotated[str, typer.Option("--input")] = "96x96",
    engine: str = "onnxruntime",
    comparisons: Annotated[int, typer.Option(help="Of equal tables, for each noise.")] = 200,
    trials: Annotated[int, typer.Option(help="Comparisons per kind and slowdown.")] = 10,
    detectors: int = 8,
    replicates: int = 3,
    seconds: Annotated[float, typer.Option(help="At most this long per measurement.")] = 0.3,
    exploratory: Annotated[
        bool, typer.Option(help="Go on on a machine that others use; the record says so.")
    ] = False,
    patience: Minutes = USUAL_MINUTES,
    seed: int = 0,
    work: Path = Path("benchmarks/work"),
    output: Path = RESULTS,
) -> None:
    config = ProfileConfig(
        protocol=TimingProtocol(
            warmup_min_ms=60.0, warmup_max_ms=1500.0, min_samples=10, max_seconds=seconds
        ),
        detectors=detectors,
        isolated=True,
        replicates=replicates,
        seed=seed,
        exploratory=exploratory,
    )
    waiting = patience_for(engine, patience, exploratory=exploratory)
    begun = time.monotonic()
    paths = [work / f"diff-{space}-{size}-{engine}-{name}.jsonl" for name in ("first", "second")]
    measure = partial(measured, space, size, engine, config)
    tables = [waiting.run(partial(measure, path)) for path in paths]
    record = {
        "command": "python -m benchmarks.diff_power " + " ".join(sys.argv[1:]),
        "device": tables[0].device.to_dict(),
        "versions": {name: version(name) for name in ("numpy", "scipy", "onnxruntime", "torch")},
        "cores_used": len(os.sched_getaffinity(0)),
        "machine_was_shared": exploratory,
        "unstable": list(stability_report()),
        "profile_s": time.monotonic() - begun,  # nothing where an earlier run's tables are there
        **compared(tables, replicates, comparisons, trials, np.random.default_rng(seed)),
        "total_s": time.monotonic() - begun,
    }
    output.parent.mkdir(exist_ok=True)
    write_atomically(output, (json.dumps(record, indent=1) + "\n").encode())
    print(f"written to {output}")


def measured(
    space: str, size: str, engine: str, config: ProfileConfig, path: Path
) -> LatencyTable:
    """Profile, or take the table of an earlier run."""
    options = {"input_hw": parse_size(size)}
    made = make_space(space, **options)
    shown = {"at": 0.0}

    def progress(message: str, done: float, total: float) -> None:
        if time.monotonic() - shown["at"] > 10:
            shown["at"] = time.monotonic()
            print(f"{path.name}: {done:.0f} of {total:.0f}, {message}", flush=True)

    return profile(
        made,
        get_backend(engine),
        config,
        path,
        space_options=options,
        resume=True,
        progress=progress,
    )


def compared(
    tables: Sequence[LatencyTable],
    replicates: int,
    comparisons: int,
    trials: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Count false alarms and slowdowns found, of drawn tables and of the real ones."""
    truth = Truth.of(*tables)
    noises: dict[str, Noise] = {
        f"resampled, {replicates} replicates": Resampled(truth, tables, replicates),
        "resampled, 1 replicate": Resampled(truth, tables, 1),
        "modelled, 3 replicates": Modelled(truth, 3),
        "modelled, 1 replicate": Modelled(truth, 1),
    }
    real = compare_real(*tables, truth)
    print_real(real)
    alarms = {
        name: false_alarms(noise, truth, comparisons, rng, name) for name, noise in noises.items()
    }
    print_alarms(alarms, comparisons)
    found = {}
    for name in (f"resampled, {replicates} replicates", "modelled, 3 replicates"):
        found[name] = found_shares(noises[name], truth, trials, rng)
        print_power(found[name], name, trials)
    return {
        "workloads": len(truth.keys),
        "comparisons": comparisons,
        "trials": trials,
        "false_alarms": alarms,
        "found": found,
        "real_tables": real,
    }


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
    noise: Noise, truth: Truth, count: int, rng: np.random.Generator, name: str
) -> dict[str, int]:
    """Count the comparisons of equal tables in which a method names anything."""
    found: dict[str, int] = {}
    for index in range(1, count + 1):
        for method, named in verdicts(noise(rng), noise(rng), truth).items():
            found[method] = found.get(method, 0) + bool(named)
        if not index % SHOWN_EVERY:
            print(f"{name}: {index} of {count} comparisons", flush=True)
    return found


def found_shares(
    noise: Noise, truth: Truth, trials: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return for every kind and slowdown how often each method names the kind, or only others."""
    rows = []
    pairs = [(noise(rng), noise(rng)) for _ in range(trials)]
    for kind in truth.kinds:
        for amount in SLOWDOWNS:
            factors = truth.slower(kind, amount)
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
    """Compare the two profiles as they are, then with each kind of the second slower."""
    same = diff_tables(a, b)
    return {
        "unchanged": {
            "alarms": sorted(by_diff(same)),
            "largest_kind_change": max((abs(c.change) for c in same.kinds), default=0.0),
            "mean ratio > 2 %": sorted(by_ratio(a, b, truth)),
            "t-tests": sorted(by_t_test(a, b, truth)),
        },
        "one kind 3 % slower": [
            injected(diff_tables(a, slowed(b, truth.slower(kind, INJECTED))), kind)
            for kind in truth.kinds
        ],
    }


def injected(diff: TableDiff, kind: str) -> dict[str, Any]:
    """Return what a comparison says of a kind that was made slower."""
    change = next((c for c in diff.kinds if c.name == kind), None)
    return {
        "kind": kind,
        "found": kind in by_diff(diff),
        "change": None if change is None else change.change,
        "lo": None if change is None else change.lo,
        "hi": None if change is None else change.hi,
        "p": None if change is None else change.p,
        "others": sorted(by_diff(diff) - {kind, "a workload"}),
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
