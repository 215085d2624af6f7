"""Strategies on NAS-Bench-Macro: 6,561 trained networks, through an external space.

Source: xiusu/NAS-Bench-Macro; eight layers, each identity (0) or an inverted residual with
expansion 3 (1) or 6 (2), trained on CIFAR-10.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from search import (
    Constraint,
    Objective,
    ParetoFront,
    TableEvaluator,
    fastest,
    hypervolume,
    make_strategy,
    nondominated,
    run_search,
)
from searchspaces import Architecture

BUDGET_MFLOPS = 50.0


@dataclass(frozen=True)
class MacroSpace:
    """A space of its own making: it shares nothing with the project but Architecture."""

    name: str = "nasbench-macro"
    size: int = 3**8

    def sample(self, rng: np.random.Generator) -> Architecture:
        return Architecture(self.name, tuple(rng.integers(3, size=8).tolist()))

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        redraw = rng.random(8) < 0.1
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

    def features(self, arch: Architecture) -> npt.NDArray[np.float64]:
        return np.eye(3)[list(map(int, arch.genes))].ravel()

    def encode(self, arch: Architecture) -> str:
        return "".join(map(str, arch.genes))

    def decode(self, text: str) -> Architecture:
        return Architecture(self.name, tuple(map(int, text)))


SPACE: Any = MacroSpace()  # no detector(): strategies do not need one


@pytest.fixture(scope="module")
def path(data_dir: Path) -> Path:
    path = data_dir / "nasbench-macro" / "nas-bench-macro_cifar10.json"
    if not path.exists():
        pytest.skip(f"no NAS-Bench-Macro at {path}: set DETFIT_TEST_DATA")
    return path


@pytest.fixture(scope="module")
def table(path: Path) -> dict[Architecture, tuple[float, float]]:
    """Architecture -> MFLOPs, accuracy in per cent."""
    raw = json.loads(path.read_text())
    return {SPACE.decode(k): (v["flops"] / 1e6, v["mean_acc"]) for k, v in raw.items()}


@pytest.fixture(scope="module")
def goals(table: dict[Architecture, tuple[float, float]]) -> tuple[Objective, ...]:
    return (
        Objective("mflops", "min", "MFLOPs", known=lambda arch: table[arch][0]),
        Objective("accuracy", "max", "%"),
    )


def best_found(
    name: str, seed: int, table: dict[Architecture, tuple[float, float]], goals: Any
) -> float:
    """Best accuracy in 200 evaluations within the budget."""
    bound = Constraint("mflops", BUDGET_MFLOPS)
    strategy = make_strategy(name, SPACE, goals, (bound,), seed=seed)
    seen: list[Architecture] = []
    for _ in range(20):
        batch = strategy.ask(10)
        strategy.tell(batch, [table[arch] for arch in batch])
        seen += batch
    assert len(set(seen)) == 200
    assert max(table[arch][0] for arch in seen) <= BUDGET_MFLOPS
    return max(table[arch][1] for arch in seen)


def test_evolution_beats_chance(
    table: dict[Architecture, tuple[float, float]], goals: tuple[Objective, ...]
) -> None:
    evolution = [best_found("detnas-ea", seed, table, goals) for seed in range(10)]
    chance = [best_found("random", seed, table, goals) for seed in range(10)]
    optimum = max(acc for mflops, acc in table.values() if mflops <= BUDGET_MFLOPS)
    assert np.mean(evolution) > np.mean(chance)
    assert optimum - np.mean(evolution) < 0.5 * (optimum - np.mean(chance))


def test_the_model_finds_the_front_in_sixty_evaluations(
    table: dict[Architecture, tuple[float, float]], goals: tuple[Objective, ...]
) -> None:
    rows = np.array(list(table.values()))
    front = rows[nondominated(rows, goals)]
    worst = (float(front[:, 0].max()), float(front[:, 1].min()))
    shares: dict[str, list[float]] = {"ehvi": [], "nsga2": []}
    for name, found in shares.items():
        for seed in range(2):
            strategy = make_strategy(name, SPACE, goals, seed=seed)
            told = []
            for _ in range(60):
                asked = strategy.ask()
                told.append(table[asked[0]])
                strategy.tell(asked, told[-1:])
            found.append(hypervolume(told, goals, worst) / hypervolume(rows, goals, worst))
    assert min(shares["ehvi"]) > 0.98
    assert max(shares["nsga2"]) < min(shares["ehvi"])


def test_a_run_from_the_published_file(
    path: Path, tmp_path: Path, goals: tuple[Objective, ...]
) -> None:
    evaluator = TableEvaluator.from_file(path, SPACE, {"accuracy": "mean_acc"})
    assert len(evaluator) == 6561
    bound = Constraint("mflops", BUDGET_MFLOPS)
    result = run_search(
        SPACE, "detnas-ea", evaluator, goals, (bound,), evals=100, batch_size=10, out_dir=tmp_path
    )
    assert result.complete
    assert result.best is not None
    assert result.best.values[0] <= BUDGET_MFLOPS
    assert result.best.values[1] > 92.0


def test_front_of_everything(
    table: dict[Architecture, tuple[float, float]], goals: tuple[Objective, ...]
) -> None:
    values = np.array(list(table.values()))
    front = ParetoFront.of(goals, list(table), values)
    best_so_far = -np.inf
    members = []
    for mflops, accuracy in sorted(map(tuple, values.tolist()), key=lambda v: (v[0], -v[1])):
        if accuracy > best_so_far:
            best_so_far = accuracy
            members.append([mflops, accuracy])
    assert np.unique(front.values, axis=0).tolist() == members
    assert len(front) > len(members)  # codes that differ and mean the same network are all kept


def test_the_fastest_is_found_without_help(
    table: dict[Architecture, tuple[float, float]], goals: tuple[Objective, ...]
) -> None:
    _, value = fastest(SPACE, goals[0].value, np.random.default_rng(0))
    assert value == min(mflops for mflops, _ in table.values())
