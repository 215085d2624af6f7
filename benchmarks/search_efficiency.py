"""How many evaluations strategies need: NAS-Bench-Macro, all 6,561 networks trained and known.

Eight layers, each identity or an inverted residual with expansion 3 or 6, trained on CIFAR-10
(xiusu/NAS-Bench-Macro). Cost is the number of multiply-adds, known before the evaluation; what is
evaluated is the accuracy. Every strategy runs with every seed on the same networks. Hypervolume is
counted in shares of that of the exhaustive front, from the worst cost and accuracy on that front.
The search of SM-NAS runs with its partial order pruning, an identity below expansion 3 below
expansion 6, and without; what pruning saves is told at equal shares.

    python benchmarks/search_efficiency.py                       # 20 seeds, some minutes
    python benchmarks/search_efficiency.py --seeds 2 --evals 60 --output look.json
    python benchmarks/search_efficiency.py --strategies "smnas-ea without pruning,smnas-ea" \\
        --seeds 100 --evals 600 --output benchmarks/results/search-pruning.json

Figures are written to benchmarks/results/search-efficiency.json. What pruning saves is small
beside its spread over seeds, and 300 evaluations are too few for many: the last command is for it.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from search import (
    Objective,
    SpaceExhaustedError,
    hypervolume,
    make_strategy,
    nondominated,
)
from searchspaces import Architecture

RESULT = Path(__file__).parent / "results" / "search-efficiency.json"
DATA = Path(os.environ.get("DETFIT_TEST_DATA", "../shared/data"))
NAME = "nasbench-macro"
PRUNED, UNPRUNED = "smnas-ea", "smnas-ea without pruning"
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in ("random", "detnas-ea", "local", "nsga2")},
    UNPRUNED: ("smnas-ea", {"pruning": False}),
    PRUNED: ("smnas-ea", {}),
    "ehvi": ("ehvi", {}),
}
"""Name in the tables -> strategy and its options."""

SHARES = (0.95, 0.98, 0.99)
STAGES = (2, 3, 3)  # layers; identities can be left out, so that codes mean the same network

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MacroSpace:
    """Choose identity (0), expansion 3 (1) or expansion 6 (2) for each of eight layers."""

    name: str = NAME
    size: int = 3**8
    gene_order: tuple[tuple[int, ...], ...] = ((0, 1, 2),) * 8

    def sample(self, rng: np.random.Generator) -> Architecture:
        return Architecture(self.name, tuple(rng.integers(3, size=8).tolist()))

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        redraw = rng.random(8) < 0.1
        redraw[rng.integers(8)] = True
        genes = np.where(redraw, rng.integers(3, size=8), arch.genes)
        return Architecture(self.name, tuple(genes.tolist()))

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        genes = np.where(rng.random(8) < 0.5, a.genes, b.genes)
        return Architecture(self.name, tuple(genes.tolist()))

    def canonical(self, arch: Architecture) -> Architecture:
        return arch

    def is_valid(self, arch: Architecture) -> bool:
        return len(arch.genes) == 8 and set(arch.genes) <= {0, 1, 2}

    def features(self, arch: Architecture) -> Floats:
        """Return which layer has which operation, and nothing else."""
        return np.eye(3)[list(map(int, arch.genes))].ravel()

    def encode(self, arch: Architecture) -> str:
        return "".join(map(str, arch.genes))

    def decode(self, text: str) -> Architecture:
        return Architecture(self.name, tuple(map(int, text)))


@dataclass(frozen=True)
class Table:
    """Everything that is known: what a search would have to pay for."""

    values: dict[Architecture, tuple[float, float]]

    @classmethod
    def read(cls, space: MacroSpace) -> Table:
        path = DATA / NAME / "nas-bench-macro_cifar10.json"
        if not path.exists():
            raise SystemExit(f"no NAS-Bench-Macro at {path}; set DETFIT_TEST_DATA")
        raw = json.loads(path.read_text())
        return cls({space.decode(k): (v["flops"] / 1e6, v["mean_acc"]) for k, v in raw.items()})

    @property
    def goals(self) -> tuple[Objective, Objective]:
        known = Objective("mmacs", "min", "M", known=lambda arch: self.values[arch][0])
        return known, Objective("accuracy", "max", "%")

    def references(self) -> dict[str, tuple[float, float]]:
        """Return where hypervolume is counted from: the front's worst values, or all networks'."""
        rows = np.array(list(self.values.values()))
        front = rows[nondominated(rows, self.goals)]
        return {
            name: (float(found[:, 0].max()), float(found[:, 1].min()))
            for name, found in (("front", front), ("all", rows))
        }


@dataclass(frozen=True)
class Trace:
    """Hold the values of every evaluation of a run, and what it took."""

    rows: Floats
    seconds: float
    summary: Mapping[str, Any]


def trace(name: str, seed: int, evals: int, batch: int, table: Table) -> Trace:
    """Run a strategy; it may end before all evaluations where nothing is left to try."""
    which, options = VARIANTS[name]
    strategy = make_strategy(which, MacroSpace(), table.goals, (), seed, **options)
    rows: list[tuple[float, float]] = []
    begin = time.process_time()
    while len(rows) < evals:
        try:
            asked = strategy.ask(min(batch, evals - len(rows)))
        except SpaceExhaustedError:
            break
        told = [table.values[arch] for arch in asked]
        strategy.tell(asked, told)
        rows += told
    seconds = (time.process_time() - begin) / len(rows)
    return Trace(np.array(rows), seconds, strategy.summary)


def shares(rows: Floats, table: Table, reference: tuple[float, float], evals: int) -> Floats:
    """Return the hypervolume after every evaluation, in shares of the exhaustive one.

    After the end of a run that stopped before, it stays.
    """
    whole = hypervolume(list(table.values.values()), table.goals, reference)
    found, volumes = 0.0, []
    for count in range(1, len(rows) + 1):
        if nondominated(rows[:count], table.goals)[-1]:
            found = hypervolume(rows[:count], table.goals, reference)
        volumes.append(found / whole)
    return np.pad(np.array(volumes), (0, evals - len(volumes)), mode="edge")


def needed(curve: Floats, share: float) -> float:
    """Return the evaluations up to a share; infinity where it was not reached."""
    reached = np.flatnonzero(curve >= share)
    return float(reached[0] + 1) if len(reached) else float("inf")


def summary(curves: Sequence[Floats]) -> dict[str, Any]:
    """Return medians and quartiles over the seeds."""
    rows: dict[str, Any] = {}
    for share in SHARES:
        counts = np.array([needed(curve, share) for curve in curves])
        quartiles = np.quantile(counts, (0.25, 0.5, 0.75), method="higher")
        rows[f"evaluations to {share:.0%}"] = [
            None if np.isinf(each) else float(each) for each in quartiles
        ]
    table = np.array(curves)
    marks = [n for n in (20, 40, 60, 100, 200, 300, 500) if n <= table.shape[1]]
    rows["share after"] = {
        str(n): np.quantile(table[:, n - 1], (0.25, 0.5, 0.75)).round(5).tolist() for n in marks
    }
    return rows


def saved(without: Sequence[Floats], pruned: Sequence[Floats]) -> dict[str, Any]:
    """Return how many evaluations pruning saves up to the same share, seed by seed.

    A run that does not reach the share counts as if it did with its last evaluation; how many do
    is told beside it.
    """
    told: dict[str, Any] = {}
    for share in SHARES:
        pairs = [
            (needed(a, share), needed(b, share)) for a, b in zip(without, pruned, strict=True)
        ]
        counted = np.minimum(pairs, len(without[0]))
        quartiles = np.quantile(counted[:, 0] - counted[:, 1], (0.25, 0.5, 0.75))
        told[f"{share:.0%}"] = {
            "evaluations saved": [float(each) for each in quartiles],
            "evaluations saved on average": float(np.mean(counted[:, 0] - counted[:, 1])),
            "seeds that reach it without pruning": sum(map(math.isfinite, (a for a, _ in pairs))),
            "seeds that reach it with pruning": sum(map(math.isfinite, (b for _, b in pairs))),
        }
    return told


def pruning(traces: Sequence[Trace], evals: int) -> dict[str, float]:
    """Return, over all seeds, what pruning left out and how often its assumption failed."""
    counts = ("pruned", "audited", "assumption_failed", "on_front", "pairs", "pairs_failed")
    totals = {name: float(sum(each.summary[name] for each in traces)) for name in counts}
    totals["runs that ended early"] = float(sum(len(each.rows) < evals for each in traces))
    return totals


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Runs of every strategy.")] = 20,
    evals: Annotated[int, typer.Option(min=20, help="Evaluations of a run.")] = 300,
    strategies: str = ",".join(VARIANTS),
    batch: Annotated[int, typer.Option(min=1, help="Proposals asked for at once.")] = 1,
    output: Annotated[Path, typer.Option(dir_okay=False, help="Where the figures go.")] = RESULT,
) -> None:
    table = Table.read(MacroSpace())
    references = table.references()
    scores: list[dict[str, Any]] = []
    found: dict[str, dict[str, list[Floats]]] = {which: {} for which in references}
    for name in strategies.split(","):
        traces = [trace(name, seed, evals, batch, table) for seed in range(seeds)]
        for which, reference in references.items():
            curves = [shares(each.rows, table, reference, evals) for each in traces]
            found[which][name] = curves
            score = {"strategy": name, "from": which, **summary(curves)}
            score["cpu ms per proposal"] = 1e3 * float(np.median([t.seconds for t in traces]))
            if name == PRUNED:
                score["pruning"] = pruning(traces, evals)
            scores.append(score)
            _show(score)
    savings = {
        which: saved(curves[UNPRUNED], curves[PRUNED])
        for which, curves in found.items()
        if {UNPRUNED, PRUNED} <= set(curves)
    }
    _show_savings(savings)
    record = {
        "command": "python benchmarks/search_efficiency.py " + " ".join(sys.argv[1:]),
        "seeds": seeds,
        "evaluations": evals,
        "batch": batch,
        "references": references,
        "scores": scores,
        "saved by pruning": savings,
    }
    output.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {output}")


def _show(score: dict[str, Any]) -> None:
    print(f"{score['strategy']} from the worst of {score['from']}:")
    for share in SHARES:
        counts = [f"{each:.0f}" if each else "-" for each in score[f"evaluations to {share:.0%}"]]
        print(f"    {share:.0%} after {counts[1]} evaluations ({counts[0]} to {counts[2]})")
    for count, (low, middle, high) in score["share after"].items():
        print(f"    after {count:>3}: {middle:.4f} ({low:.4f} to {high:.4f})")
    if "pruning" in score:
        told = score["pruning"]
        print(
            f"    left out {told['pruned']:.0f}; of {told['audited']:.0f} evaluated anyway "
            f"{told['assumption_failed']:.0f} were more accurate than assumed and "
            f"{told['on_front']:.0f} entered the front; of {told['pairs']:.0f} evaluated pairs "
            f"{told['pairs_failed']:.0f} contradict the order"
        )


def _show_savings(savings: Mapping[str, Mapping[str, Any]]) -> None:
    for which, shares_saved in savings.items():
        for share, told in shares_saved.items():
            counts = [f"{each:+.0f}" for each in told["evaluations saved"]]
            print(
                f"pruning saves {counts[1]} evaluations ({counts[0]} to {counts[2]}) up to "
                f"{share} from the worst of {which}; reached in "
                f"{told['seeds that reach it without pruning']} seeds without, "
                f"{told['seeds that reach it with pruning']} with"
            )


if __name__ == "__main__":
    typer.run(main)
