"""Run the static TensorRT check over the whole corpus and print it release by release.

The corpus is that of tests/export/corpus: graphs built after issues that some releases refuse,
small good ones, all of ours at opsets 17 to 20, torchvision's. Of each it is known, from the
sources named there, which releases take it.

    python benchmarks/check_corpus.py                 # everything: half an hour
    python benchmarks/check_corpus.py --only bad,small,foreign
    python benchmarks/check_corpus.py --minutes 10   # begin, or go on, for so long

Finished graphs are kept in --work; delete them after a change of the rules. Times are of the
processor, one thread, so that other work on the machine does not count. The figures of all kinds,
and the names of the graphs that were not run, go to benchmarks/results/check-corpus.json. The exit
code is 1 if a bad graph passed or more than 5 % of the good ones were refused.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from searchspaces import write_atomically
from tests.export.corpus.entries import KINDS, Verdict, by_release, judge, refused_share
from tests.export.corpus.whole import entries

ROOT = Path(__file__).parents[1]
ALLOWED = 0.05


def main(
    only: Annotated[str, typer.Option(help="Comma-separated kinds.")] = ",".join(KINDS),
    minutes: Annotated[float, typer.Option(help="Begin nothing after so many.")] = math.inf,
    work: Annotated[Path, typer.Option(help="Finished graphs.")] = ROOT / "benchmarks/work/corpus",
    results: Path = ROOT / "benchmarks/results/check-corpus.json",
) -> None:
    """Check what is missing, then print and write the figures."""
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    ends = time.monotonic() + 60 * minutes
    kinds = only.split(",")
    chosen = [entry for entry in entries().values() if entry.kind in kinds]
    verdicts: list[Verdict] = []
    not_run: list[str] = []
    for place, entry in enumerate(chosen, 1):
        kept = work / f"{entry.name.replace(' ', '_').replace(':', '_')}.json"
        if not kept.exists() and time.monotonic() >= ends:
            not_run.append(entry.name)
            continue
        if not kept.exists():
            rows = [asdict(verdict) for verdict in judge(entry)]
            write_atomically(kept, json.dumps(rows).encode())
        found = [Verdict(**row) for row in json.loads(kept.read_text())]
        verdicts += found
        wrong = [verdict for verdict in found if verdict.missed or verdict.false_alarm]
        if entry.slow or wrong:
            text = "; ".join(f"{v.release}: {v.reason or 'passed'}" for v in wrong) or "right"
            print(f"{place}/{len(chosen)} {entry.name}: {text}", flush=True)
    summary = _summary(verdicts) | {"not_run": not_run}
    _print_table(verdicts)
    print(f"not run: {len(not_run)} of {len(chosen)} graphs")
    if set(kinds) == set(KINDS):
        write_atomically(results, (json.dumps(summary, indent=1) + "\n").encode())
    bad = summary["bad_that_passed"] or summary["refused_share"] > ALLOWED
    raise typer.Exit(1 if bad else 0)


def _summary(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    largest = max(verdicts, key=lambda verdict: verdict.nodes)
    graphs = {kind: {v.entry for v in verdicts if v.kind == kind} for kind in KINDS}
    return {
        "command": "python benchmarks/check_corpus.py",
        "graphs": {kind: len(names) for kind, names in graphs.items()},
        "verdicts": len(verdicts),
        "bad_that_passed": [[v.entry, v.release] for v in verdicts if v.missed],
        "good_that_were_refused": [
            [v.entry, v.release, v.reason] for v in verdicts if v.false_alarm
        ],
        "refused_share": refused_share(verdicts),
        "releases": {release: _figures(found) for release, found in by_release(verdicts).items()},
        "largest_graph": {"name": largest.entry, "nodes": largest.nodes},
        "most_seconds": max(verdict.seconds for verdict in verdicts),
        "most_seconds_per_1000_nodes": max(
            1000 * v.seconds / v.nodes for v in verdicts if v.nodes >= 500
        ),
    }


def _figures(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    seconds = sorted(verdict.seconds for verdict in verdicts)
    return {
        "good": sum(verdict.good for verdict in verdicts),
        "refused": sum(verdict.false_alarm for verdict in verdicts),
        "bad": sum(not verdict.good for verdict in verdicts),
        "passed": sum(verdict.missed for verdict in verdicts),
        "median_ms": 1000 * seconds[len(seconds) // 2] if seconds else None,
        "most_ms": 1000 * seconds[-1] if seconds else None,
    }


def _print_table(verdicts: Sequence[Verdict]) -> None:
    print("TensorRT   good  refused        bad  passed   median ms   most ms (CPU)")
    for release, found in by_release(verdicts).items():
        row = _figures(found)
        if not found:
            continue
        share = 100 * refused_share(found)
        print(
            f"{release:>8} {row['good']:>6} {row['refused']:>4} ({share:.1f} %)"
            f" {row['bad']:>6} {row['passed']:>7} {row['median_ms']:>11.1f} {row['most_ms']:>9.1f}"
        )


if __name__ == "__main__":
    typer.run(main)
