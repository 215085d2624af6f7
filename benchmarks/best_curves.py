"""DetNAS' picture of its search: the best 50 so far, evolution against random.

On NAS-Bench-Macro (8 layers, 6,561 networks, all trained and known; see search_efficiency.py),
under a limit of multiply-adds, as DetNAS searches under one: 20 generations of 50.

    python benchmarks/best_curves.py     # a minute

Picture and numbers are written to benchmarks/results/best-curves.{svg,json}.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from search_efficiency import MacroSpace, Table

from search import (
    BestCurve,
    CallableEvaluator,
    Constraint,
    best_curve,
    run_search,
    write_best_curves,
)

RESULT = Path(__file__).parent / "results" / "best-curves.svg"
STRATEGIES = {"detnas-ea": "evolution", "random": "random"}
LIMIT = 50.0  # million multiply-adds; 8 to 106 in the space


def curve(strategy: str, table: Table, evals: int, seed: int) -> BestCurve:
    """Search once and return the curve."""
    with tempfile.TemporaryDirectory() as folder:
        result = run_search(
            MacroSpace(),
            strategy,
            CallableEvaluator(lambda arch: table.values[arch][1], "accuracy"),
            table.goals,
            (Constraint("mmacs", LIMIT),),
            evals=evals,
            out_dir=Path(folder) / "run",
            seed=seed,
        )
        return best_curve(result, f"{STRATEGIES[strategy]}, seed {seed}")


def main(
    evals: Annotated[int, typer.Option(min=50, help="Evaluations of a run.")] = 1000,
    seeds: Annotated[int, typer.Option(min=1, max=3, help="Runs of each strategy.")] = 3,
) -> None:
    table = Table.read(MacroSpace())
    curves = [curve(name, table, evals, seed) for name in STRATEGIES for seed in range(seeds)]
    files = write_best_curves(curves, RESULT)
    best = sorted((acc for macs, acc in table.values.values() if macs <= LIMIT), reverse=True)
    print(f"the 50 best of all networks within the limit: {sum(best[:50]) / 50:.4f} %")
    for each in curves:
        shown = ", ".join(f"{each.mean[i]:.3f} ({each.evaluations[i]})" for i in (0, 4, 9, -1))
        print(f"{each.label}: {shown}")
    print(f"written to {files[0]} and {files[1].name}")


if __name__ == "__main__":
    typer.run(main)
