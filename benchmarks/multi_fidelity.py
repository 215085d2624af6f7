"""What successive halving saves: cost up to 99 % of the hypervolume, with and without.

NAS-Bench-Macro, all 6,561 networks trained and known (see search_efficiency.py). It holds no
earlier epochs; it holds three trainings of every network from different seeds. Lower fidelities:

    seeds      the first training alone, a third of the cost; the whole evaluation is the mean of
               all three. Measured, not simulated; a promoted network is charged for all three once
               more, as a run charges it.
    simulated  the mean of three plus normal noise: 1 point at a tenth of the cost, 0.5 points at
               three tenths. Simulated: nothing was trained so.
    lying      a tenth of the cost tells a random number, three tenths another. The check of the
               rungs must notice. Simulated, too.

Every strategy runs as `detfit search` runs it, with a journal, whole and on rungs, with all seeds.
Cost is counted in whole evaluations; hypervolume, of whole evaluations alone, in shares of that of
the exhaustive front, from the worst cost and accuracy of all networks.

    python benchmarks/multi_fidelity.py                       # 20 seeds
    python benchmarks/multi_fidelity.py --seeds 2 --strategies nsga2 --output look.json

Figures are written to benchmarks/results/multi-fidelity.json.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from search_efficiency import DATA, NAME, Floats, MacroSpace, Table

from search import (
    Budget,
    Fidelity,
    SearchResult,
    hypervolume,
    nondominated,
    run_search,
    rung_summary,
)
from searchspaces import Architecture

RESULT = Path(__file__).parent / "results" / "multi-fidelity.json"
SHARES = (0.95, 0.98, 0.99)
NOISE = {0.1: 1.0, 0.3: 0.5}
"""Share of an evaluation -> standard deviation of its noise in points of accuracy, simulated."""

SEEDS_RUNGS = (1 / 3, 1.0)
RUNGS: dict[str, tuple[float, ...] | None] = {
    "whole": None,
    "seeds": SEEDS_RUNGS,
    "simulated": (0.1, 0.3, 1.0),
    "lying": (0.1, 0.3, 1.0),
}
BUDGETS = {"nsga2": 300, "smnas-ea": 300, "ehvi": 80, "random": 300}
"""Strategy -> most that a run may cost, in whole evaluations."""

Low = Callable[[Architecture, float], float]


@dataclass(frozen=True)
class Macro:
    """Answer from the table; parts of an evaluation as one of the lower fidelities tells them."""

    whole: Mapping[Architecture, tuple[float, float]]
    low: Low

    graded = "trainings"

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        if budget is None or budget.share is None:
            return {"accuracy": self.whole[architecture][1]}
        return {"accuracy": self.low(architecture, budget.share)}


def low_fidelities(table: Table) -> dict[str, Low]:
    """Return what tells a part of an evaluation, by name."""
    space = MacroSpace()
    raw = json.loads((DATA / NAME / "nas-bench-macro_cifar10.json").read_text())
    first = {space.decode(code): float(row["test_acc"][0]) for code, row in raw.items()}
    spread = float(np.std([accuracy for _, accuracy in table.values.values()]))

    def drawn(arch: Architecture, share: float) -> float:
        genes = [int(gene) for gene in arch.genes]
        return float(np.random.default_rng([*genes, round(1000 * share)]).normal())

    return {
        "whole": lambda arch, share: math.nan,
        "seeds": lambda arch, share: first[arch],
        "simulated": lambda arch, share: table.values[arch][1] + NOISE[share] * drawn(arch, share),
        "lying": lambda arch, share: 90.0 + spread * drawn(arch, share),
    }


def search_once(
    strategy: str, fidelity: Fidelity | None, low: Low, table: Table, evals: int, seed: int
) -> SearchResult:
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        return run_search(
            MacroSpace(),
            strategy,
            Macro(table.values, low),
            table.goals,
            evals=evals,
            out_dir=Path(folder) / "run",
            seed=seed,
            fidelity=fidelity,
        )


def _memory() -> str | None:
    """Return a folder in memory: every commit of a journal waits for its disk."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() else None


def curve(result: SearchResult, table: Table, whole: float) -> tuple[Floats, Floats]:
    """Return cost and share of the hypervolume after every result, in their order."""
    spent: list[tuple[int, float, tuple[float, ...] | None]] = []
    for each in result.history:
        spent += [(rung.finished_order, rung.share, None) for rung in each.rungs]
        if each.finished_order is not None:
            spent.append((each.finished_order, 1.0, each.values))
    spent.sort(key=lambda row: row[0])
    reference, rows = table.references()["all"], []
    found, volumes = 0.0, []
    for _, _, values in spent:
        if values is not None:
            rows.append(values)
            if nondominated(rows, table.goals)[-1]:
                found = hypervolume(rows, table.goals, reference)
        volumes.append(found / whole)
    return np.cumsum([share for _, share, _ in spent]), np.array(volumes)


def quartiles(costs: Sequence[float]) -> list[float | None]:
    """Return the quartiles; ``None`` where so many seeds did not reach the share."""
    found = np.quantile(np.array(costs), (0.25, 0.5, 0.75), method="higher")
    return [None if math.isinf(each) else round(float(each), 2) for each in found]


def scored(results: Sequence[SearchResult], table: Table, budget: float) -> dict[str, Any]:
    """Return what runs of all seeds cost and found, within a budget."""
    everything = hypervolume(list(table.values.values()), table.goals, table.references()["all"])
    curves = [curve(result, table, everything) for result in results]
    row: dict[str, Any] = {}
    for share in SHARES:
        reached = [cost[volume >= share] for cost, volume in curves]
        costs = [
            float(each[0]) if len(each) and each[0] <= budget else math.inf for each in reached
        ]
        row[f"cost to {share:.0%}"] = quartiles(costs)
        row[f"seeds that reach {share:.0%}"] = sum(map(math.isfinite, costs))
    ends = [volume[cost <= budget][-1] for cost, volume in curves]
    row["share at the end"] = np.quantile(ends, (0.25, 0.5, 0.75)).round(4).tolist()
    row["cost of the runs"] = quartiles([float(cost[-1]) for cost, _ in curves])
    return row | checked(results)


def checked(results: Sequence[SearchResult]) -> dict[str, Any]:
    """Return what the check of the rungs said; nothing of runs without rungs."""
    summaries = [summary for r in results if (summary := rung_summary(r)) is not None]
    if not summaries:
        return {}
    taus: dict[str, list[float]] = {}
    for check in (each for summary in summaries for each in summary.checks):
        taus.setdefault(f"{check.lower:.2g} to {check.upper:.2g}", []).append(check.kendall_tau)
    stopped = [_stopped_after(r) for r in results if r.halving_stopped is not None]
    return {
        "evaluations per rung": np.median(
            [[rung.evaluated for rung in summary.rungs] for summary in summaries], axis=0
        ).tolist(),
        "tau between rungs": {name: quartiles(found) for name, found in taus.items()},
        "runs with a warning": sum(bool(summary.warnings) for summary in summaries),
        "runs that stopped halving": len(stopped),
        "proposals until halving stopped": quartiles(stopped) if stopped else None,
    }


def _stopped_after(result: SearchResult) -> float:
    """Return how many proposals had been made when halving stopped."""
    late = (each.index for each in result.history if each.finished and not each.rungs)
    return float(min(late, default=len(result.history)))


def proposals(fidelity: Fidelity | None, budget: float, *, lying: bool) -> int:
    """Return how many proposals use a budget up, with some to spare."""
    if fidelity is None or lying:  # every proposal is evaluated whole once halving has stopped
        return math.ceil(budget)
    goes, cost = 1.0, 0.0
    for share in fidelity.shares:
        cost += goes * share
        goes *= 1 / fidelity.eta + (1 - 1 / fidelity.eta) * fidelity.audit
    return math.ceil(1.1 * budget / cost)


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Runs of every strategy.")] = 20,
    strategies: str = ",".join(BUDGETS),
    rungs: Annotated[str, typer.Option(help="Which lower fidelities.")] = ",".join(RUNGS),
    output: Annotated[Path, typer.Option(dir_okay=False, help="Where the figures go.")] = RESULT,
) -> None:
    table = Table.read(MacroSpace())
    lows = low_fidelities(table)
    scores: list[dict[str, Any]] = []
    for strategy in strategies.split(","):
        for name in rungs.split(","):
            shares, budget = RUNGS[name], BUDGETS[strategy]
            fidelity = None if shares is None else Fidelity(shares)
            evals = proposals(fidelity, budget, lying=name == "lying")
            results = [
                search_once(strategy, fidelity, lows[name], table, evals, seed)
                for seed in range(seeds)
            ]
            score = {"strategy": strategy, "rungs": name, "proposals": evals, "budget": budget}
            scores.append(score | scored(results, table, budget))
            _show(scores[-1])
            _write(output, seeds, scores)
    print(f"written to {output}")


def _write(output: Path, seeds: int, scores: Sequence[Mapping[str, Any]]) -> None:
    record = {
        "command": "python benchmarks/multi_fidelity.py " + " ".join(sys.argv[1:]),
        "seeds": seeds,
        "noise, simulated": {str(share): noise for share, noise in NOISE.items()},
        "scores": scores,
    }
    output.write_text(json.dumps(record, indent=1) + "\n")


def _show(score: Mapping[str, Any]) -> None:
    print(f"{score['strategy']}, {score['rungs']}, {score['proposals']} proposals:", flush=True)
    for share in SHARES:
        low, middle, high = (
            "-" if c is None else f"{c:.0f}" for c in score[f"cost to {share:.0%}"]
        )
        reached = score[f"seeds that reach {share:.0%}"]
        print(f"    {share:.0%} at a cost of {middle} ({low} to {high}), {reached} seeds")
    low, middle, high = score["share at the end"]
    print(f"    within {score['budget']}: {middle:.4f} ({low:.4f} to {high:.4f})")
    if "tau between rungs" in score:
        taus = "; ".join(f"{k}: {v[1]}" for k, v in score["tau between rungs"].items())
        print(
            f"    evaluations {score['evaluations per rung']}, tau {taus}; "
            f"{score['runs with a warning']} warned, {score['runs that stopped halving']} stopped "
            f"after {score['proposals until halving stopped']} proposals"
        )


if __name__ == "__main__":
    typer.run(main)
