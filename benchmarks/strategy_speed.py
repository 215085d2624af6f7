"""How fast strategies propose after 1,000 results, whether they repeat themselves; hypervolume.

1. Every strategy is told 1,000 networks of detnas-small on a simulated V100 (latency known, the
   entropy score in the place of an accuracy), then asked one by one. Asking of `ehvi` is told
   apart from its refits: it fits anew each time there are 15 % more results, so that a refit
   counts once in 150 proposals there.
2. 10,000 proposals of every strategy under a limit, told in fifties: how many are the same.
3. Hypervolume of random fronts against an exact sum over slices, a second way to reckon it.

    python benchmarks/strategy_speed.py                # processor seconds, one thread, minutes
    python benchmarks/strategy_speed.py --without ehvi # seconds

Figures are written to benchmarks/results/strategy-speed.json.
"""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from latency import make_simulated
from search import (
    Constraint,
    Objective,
    StrategyBase,
    counted_objective,
    entropy_score,
    hypervolume,
    latency_objective,
    make_strategy,
)
from searchspaces import Architecture, make_space

RESULT = Path(__file__).parent / "results" / "strategy-speed.json"
STRATEGIES = ("random", "local", "detnas-ea", "nsga2", "smnas-ea", "ehvi")
TOLD, ASKS, PROPOSALS, AT_ONCE = 1000, 60, 10_000, 50
MOST_ASK_MS, MOST_DIFFERENCE = 50.0, 1e-12

Floats = npt.NDArray[np.float64]


def main(
    without: Annotated[str, typer.Option(help="Strategies to leave out, by commas.")] = "",
    output: Path = RESULT,
) -> None:
    names = [name for name in STRATEGIES if name not in without.split(",")]
    speed = {name: asking(name) for name in names}
    heads = ("strategy", "ask ms", "quartiles", "most", "refit s", "same")
    print("{:>10} {:>8} {:>16} {:>8} {:>8} {:>5}".format(*heads))
    for name, row in speed.items():
        row["repeated"] = repeated(name)
        low, high = row["ask_quartiles_ms"]
        print(
            f"{name:>10} {row['ask_ms']:8.2f} {low:7.2f} to {high:5.2f} {row['most_ms']:8.2f} "
            f"{row['refit_s']:8.2f} {row['repeated']:5d}",
            flush=True,
        )
    difference = largest_difference()
    print(f"hypervolume: {difference:.1e} from the exact sum, of 1, at most (400 fronts)")
    passed = difference <= MOST_DIFFERENCE and all(
        row["ask_ms"] <= MOST_ASK_MS and not row["repeated"] for row in speed.values()
    )
    record = {"told": TOLD, "strategies": speed, "hypervolume": difference, "passed": passed}
    output.write_text(json.dumps(record, indent=1) + "\n")
    print("passed" if passed else "FAILED")
    raise typer.Exit(not passed)


def asking(name: str) -> dict[str, Any]:
    """Return how long one proposal takes, refits apart."""
    strategy = told(name)
    begun = time.process_time()
    tell(strategy, strategy.ask(1))  # the first proposal fits
    refit = time.process_time() - begun
    times = []
    for _ in range(ASKS):
        begun = time.process_time()
        asked = strategy.ask(1)
        times.append(1e3 * (time.process_time() - begun))
        tell(strategy, asked)
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75]).tolist()
    return {
        "ask_ms": middle,
        "ask_quartiles_ms": [low, high],
        "most_ms": max(times),
        "refit_s": refit if name == "ehvi" else 0.0,
    }


def told(name: str) -> StrategyBase:
    space = make_space("detnas-small")
    goal = latency_objective(make_simulated("V100"), space)
    rng = np.random.default_rng(0)
    drawn = list(dict.fromkeys(space.sample(rng) for _ in range(3 * TOLD)))[:TOLD]
    budget = float(np.quantile(goal.values(drawn), 0.8))
    goals = (goal, Objective("entropy", "max"))
    strategy = make_strategy(name, space, goals, (Constraint(goal.name, budget),))
    if name == "ehvi":  # the initial design is behind it
        strategy.ask(10)
    tell(strategy, [arch for arch in drawn if arch not in strategy.pending])
    return strategy


def tell(strategy: StrategyBase, archs: list[Architecture]) -> None:
    goal, space = strategy.objectives[0], strategy.space
    rows = [[goal.value(a), float(entropy_score(space.detector(a).nodes()))] for a in archs]
    strategy.tell(archs, rows)


def repeated(name: str) -> int:
    """Return how many of ten thousand proposals were made before."""
    space = make_space("detnas-small")
    macs, rng = counted_objective("macs", space), np.random.default_rng(1)
    budget = float(np.quantile(macs.values([space.sample(rng) for _ in range(200)]), 0.8))
    goals = (macs, Objective("quality", "max"))
    strategy = make_strategy(name, space, goals, (Constraint("macs", budget),))
    proposals: list[Architecture] = []
    for _ in range(PROPOSALS // AT_ONCE):
        asked = strategy.ask(AT_ONCE)
        values = [sum(k * int(gene) for k, gene in enumerate(arch.genes)) for arch in asked]
        strategy.tell(asked, list(zip(macs.values(asked).tolist(), values, strict=True)))
        proposals += asked
    assert macs.values(proposals).max() <= budget
    return len(proposals) - len(set(proposals))


def largest_difference(fronts: int = 200) -> float:
    """Return how far hypervolumes in two and three dimensions are from an exact sum, at most."""
    rng, most = np.random.default_rng(0), 0.0
    for number in range(2 * fronts):
        m = 2 + number % 2
        goals = tuple(Objective(f"f{k}", "min") for k in range(m))
        rows = rng.random((int(rng.integers(1, 25)), m))
        found = hypervolume(rows, goals, (1.0,) * m)
        most = max(most, abs(found - summed(rows)))
    return most


def summed(rows: Floats) -> float:
    """Return the volume below 1 that rows dominate: slices along the last axis, added up."""
    if rows.shape[1] == 1:
        return float(1.0 - rows.min())
    borders = np.unique(np.append(rows[:, -1], 1.0))
    slices = [
        (upper - lower) * summed(rows[rows[:, -1] <= lower, :-1])
        for lower, upper in pairwise(borders.tolist())
    ]
    return float(np.sum(slices))


if __name__ == "__main__":
    typer.run(main)
