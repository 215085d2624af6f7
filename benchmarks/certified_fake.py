"""Searches on a made-up device, and which of their certificates are wrong."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.noisy_machine import NOISE, Light, Machine
from engines import TimingProtocol
from latency import Predictor, ProfileConfig, fit, profile, sample_distinct
from search import (
    CallableEvaluator,
    Certification,
    CertifySettings,
    Constraint,
    EngineBench,
    Objective,
    SearchResult,
    certify_run,
    entropy_score,
    latency_objective,
    run_search,
    save_latency,
)
from searchspaces import Architecture, Graph, make_space

OPTIONS: dict[str, Any] = {"head": "retinanet", "input_hw": (128, 160), "num_classes": 10}
SPACE_NAME = "detnas-nano"
MACHINES = 15
QUICK = TimingProtocol(
    warmup_min_ms=0.0, warmup_max_ms=5.0, min_samples=20, max_samples=200, max_seconds=2.0
)
TOLERATED, MOST_OVER = 0.02, 0.01


@dataclass(frozen=True)
class Row:
    """One choice under one budget: what was taken for kept, and what it really takes."""

    budget_ms: float
    true_ms: float

    @property
    def over(self) -> float:
        return self.true_ms / self.budget_ms - 1.0


def fake_part(searches: int) -> dict[str, Any]:
    rows: dict[str, list[Row]] = {"prediction": [], "one visit": [], "certified": []}
    best: list[Row] = []
    begin, nothing, measured = time.perf_counter(), 0, 0
    for index in range(MACHINES):
        machine = Machine(index)
        with tempfile.TemporaryDirectory(dir=fast_folder()) as folder:
            predictor = profiled_machine(machine, Path(folder))
            for number in range(index, searches, MACHINES):
                run = Path(folder) / f"run{number}"
                budget, result = searched(predictor, number, run)
                found, bench = certified(machine, predictor, budget, run)
                took = [
                    Row(budget, machine.true_ms(graph_of(candidate.arch)))
                    for candidate in found.certified
                ]
                rows["certified"] += took
                best += took[:1]
                nothing += not took
                measured += len(found.measured)
                with bench:
                    without = uncertified(result, budget, bench)
                for name, arch in without.items():
                    rows[name].append(Row(budget, machine.true_ms(graph_of(arch))))
        print(
            f"machine {index + 1} of {MACHINES}, {time.perf_counter() - begin:.0f} s", flush=True
        )
    figures = {name: summary(taken) for name, taken in rows.items()}
    ours = figures["certified"]
    passed = ours["over"] <= MOST_OVER and ours["worst"] <= TOLERATED
    return {
        "searches": searches,
        "nothing_certified": nothing,
        "members_measured": measured,
        **figures,
        "best certified": summary(best),
        "passed": bool(passed),
        "noise": NOISE,
        "seconds": round(time.perf_counter() - begin, 1),
    }


def fast_folder() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def profiled_machine(machine: Machine, folder: Path) -> Predictor:
    config = ProfileConfig(protocol=QUICK, detectors=16, replicates=2, seed=1)
    path = folder / "table.jsonl"
    space = make_space(SPACE_NAME, **OPTIONS)
    table = profile(
        space,
        machine,
        config,
        path,
        space_options=OPTIONS,
        models=Light,  # type: ignore[arg-type]
    )
    return fit(table)


def graph_of(arch: str) -> Graph:
    space = make_space(SPACE_NAME, **OPTIONS)
    return space.detector(space.decode(arch.partition(":")[2])).graph(1, "fp32")


def searched(predictor: Predictor, seed: int, folder: Path) -> tuple[float, SearchResult]:
    """Search under a budget that between a fifth and four fifths of the space keep."""
    space = make_space(SPACE_NAME, **OPTIONS)
    rng = np.random.default_rng([seed, 7])
    archs = sample_distinct(space, 50, rng)
    times = predictor.predict_ms([space.detector(arch) for arch in archs])
    budget = float(np.quantile(times, rng.uniform(0.2, 0.8)))

    def score(arch: Architecture) -> float:
        noise = np.random.default_rng([seed, *map(int, arch.genes)]).normal(0.0, 2.0)
        return float(entropy_score(space.detector(arch).nodes()) + noise)

    result = run_search(
        space,
        "local",
        CallableEvaluator(score, "ap"),
        (latency_objective(predictor, space), Objective("ap", "max", "AP")),
        (Constraint("latency_ms", budget, 0.5),),
        evals=40,
        out_dir=folder,
        seed=seed,
        space_options=OPTIONS,
        prepare=lambda: save_latency(folder, predictor),
    )
    return budget, result


def certified(
    machine: Machine, predictor: Predictor, budget: float, run: Path
) -> tuple[Certification, EngineBench]:
    space = make_space(SPACE_NAME, **OPTIONS)
    bench = EngineBench(predictor, space, backend=machine, models=Light)  # type: ignore[arg-type]
    settings = CertifySettings(most=6)
    machine.new_occasion()
    return certify_run(run, budget_ms=budget, bench=bench, settings=settings), bench


def uncertified(result: SearchResult, budget: float, bench: EngineBench) -> dict[str, str]:
    """Return what would be taken without a certificate: by prediction, and by one visit."""
    front = sorted(result.front_of("latency_ms", budget), key=lambda point: -point.values[1])
    names = [f"{SPACE_NAME}:{result.evaluation(p.architecture).code}" for p in front]
    taken = {"prediction": names[0]}
    for name, point in zip(names, front, strict=True):
        if bench.visit(point.architecture).measurement.ci_ms[1] <= budget:
            return taken | {"one visit": name}
    return taken


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    over = np.array([row.over for row in rows])
    if not len(over):
        return {"members": 0, "over": 0.0, "worst": 0.0, "slack": None}
    return {
        "members": len(over),
        "over": float(np.mean(over > 0)),
        "over_by_2_percent": float(np.mean(over > TOLERATED)),
        "worst": float(over.max()),
        "slack": float(-over.mean()),
        "slack_quartiles": np.quantile(-over, [0.25, 0.5, 0.75]).tolist(),
    }
