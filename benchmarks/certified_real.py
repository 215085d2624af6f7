"""Searches on this CPU: which members are certified, and what they take when measured again."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.certified_fake import OPTIONS, SPACE_NAME
from benchmarks.patience import Patience
from engines import TimingProtocol, get_backend
from latency import (
    Predictor,
    ProfileConfig,
    Visit,
    fit,
    profile,
    read_table,
    sample_distinct,
)
from search import (
    Candidate,
    Certification,
    CertifySettings,
    Constraint,
    EngineBench,
    Objective,
    ProxyEvaluator,
    certify_run,
    latency_objective,
    load_certification,
    load_result,
    pooled_spread,
    run_search,
    save_latency,
    upper_bound_ms,
)
from searchspaces import Architecture, make_space

CONFIDENCE = 0.9  # of keeping the budget by prediction


def search_for_real(
    engine: str, searches: int, minutes: float, exploratory: bool, work: Path, patience: Patience
) -> None:
    work.mkdir(parents=True, exist_ok=True)
    space = make_space(SPACE_NAME, **OPTIONS)
    path = work / "table.jsonl"
    protocol = TimingProtocol(warmup_min_ms=100.0, max_seconds=2.0)
    config = ProfileConfig(protocol=protocol, minutes=minutes, seed=1, exploratory=exploratory)
    if not (path.exists() and read_table(path).manifest.sha256):
        print(f"{engine}: profile, {minutes:g} minutes", flush=True)
        patience.run(
            lambda: profile(
                space,
                get_backend(engine),
                config,
                path,
                space_options=OPTIONS,
                resume=True,
                progress=told(engine),
            )
        )
    predictor = fit(read_table(path))
    for seed in range(searches):
        run = work / f"run{seed}"
        if load_certification(run) is None:
            budget = search_with_proxy(predictor, seed, run)
            settings = CertifySettings(most=4)
            certify = partial(certify_run, run, budget_ms=budget, settings=settings)
            with EngineBench(predictor, make_space(SPACE_NAME, **OPTIONS)) as bench:
                patience.run(partial(certify, bench=bench, progress=told(engine)))
        print_members(engine, run)


def search_with_proxy(predictor: Predictor, seed: int, run: Path) -> float:
    space = make_space(SPACE_NAME, **OPTIONS)
    rng = np.random.default_rng([seed, 7])
    archs = sample_distinct(space, 50, rng)
    times = [predictor.upper_ms(space.detector(arch), CONFIDENCE) for arch in archs]
    budget = float(np.quantile(times, rng.uniform(0.2, 0.8)))
    run_search(
        space,
        "nsga2",
        ProxyEvaluator(space),
        (latency_objective(predictor, space), Objective("entropy", "max")),
        (Constraint("latency_ms", budget, CONFIDENCE),),
        evals=120,
        out_dir=run,
        seed=seed,
        resume=True,
        space_options=OPTIONS,
        prepare=lambda: save_latency(run, predictor),
    )
    return budget


def measured_again(engine: str, work: Path, patience: Patience) -> dict[str, Any]:
    """Measure every certified member with engines built anew, as the machine is now.

    A time counts as measured and at the speed that the certificate is for: the slower one of the
    machine while it was certified and while it was profiled.
    """
    rows = []
    for run in sorted(work.glob("run*")):
        found = load_certification(run)
        if found is None:
            continue
        predictor = fit(read_table(work / "table.jsonl"))
        space = make_space(SPACE_NAME, **OPTIONS)
        with EngineBench(predictor, space) as bench:
            for candidate in found.certified:
                arch = space.decode(candidate.arch.partition(":")[2])
                visits = [undisturbed(bench, arch, patience) for _ in range(3)]
                rows.append(row_of(run, candidate, found, predictor, visits))
                print(f"{engine} {rows[-1]}", flush=True)
    over = [row["over"] for row in rows]
    return {
        "searches": len(list(work.glob("run*"))),
        "members": len(rows),
        "over_at_all": sum(value > 0 for value in over),
        "over_as_measured": sum(row["over_as_measured"] > 0 for row in rows),
        "worst": max(over, default=None),
        "slack": float(-np.mean(over)) if over else None,
        "passed": bool(rows) and all(value <= 0 for value in over),
        "rows": rows,
    }


def judged(work: Path, again: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Judge recorded builds by today's bound; ``again`` is what their members took later."""
    later = {(row["run"], row["arch"]): row["over"] for row in again}
    over, kept, empty = [], 0, 0
    for run in sorted(work.glob("run*")):
        found = load_certification(run)
        if found is None:
            continue
        now = [c.arch for c in found.measured if judged_ms(c, found) <= found.budget_ms]
        kept, empty = kept + len(now), empty + (not now)
        over += [later[run.name, arch] for arch in now if (run.name, arch) in later]
    return {
        "certified": kept,
        "searches_without": empty,
        "measured_again": len(over),
        "over_at_all": sum(value > 0 for value in over),
        "slack": float(-np.mean(over)) if over else None,
        "passed": all(value <= 0 for value in over),
    }


def judged_ms(candidate: Candidate, found: Certification) -> float:
    builds = [build for build in candidate.builds if build.refused is None]
    others = [[b.profiled_ms for b in c.builds if b.refused is None] for c in found.measured]
    spread = pooled_spread(others)
    sides = ([b.median_ms for b in builds], [b.profiled_ms for b in builds])
    return max(upper_bound_ms(each, spread) for each in sides)


def undisturbed(bench: EngineBench, arch: Architecture, patience: Patience) -> Visit:
    visit = patience.run(partial(bench.visit, arch))
    for _ in range(2):
        if visit.refused is None:
            break
        visit = patience.run(partial(bench.visit, arch))
    return visit


def row_of(
    run: Path,
    candidate: Candidate,
    found: Certification,
    predictor: Predictor,
    visits: Sequence[Visit],
) -> dict[str, Any]:
    raw = float(np.median([visit.measurement.median_ms for visit in visits]))
    references = [ms for ms in (found.sentinel_ms, predictor.reference_ms) if ms]
    speeds = [
        (visit.sentinel_ms or math.nan) / max(references) if references else 1.0
        for visit in visits
    ]
    there = float(
        np.median([v.measurement.median_ms / s for v, s in zip(visits, speeds, strict=True)])
    )
    return {
        "run": run.name,
        "arch": candidate.arch,
        "budget_ms": found.budget_ms,
        "predicted_ms": candidate.predicted_ms,
        "certified_ms": candidate.measured_ms,
        "upper_ms": candidate.upper_ms,
        "again_ms": there,
        "again_as_measured_ms": raw,
        "speed": float(np.median(speeds)),
        "over": there / found.budget_ms - 1.0,
        "over_as_measured": raw / found.budget_ms - 1.0,
        "refused": [visit.refused for visit in visits if visit.refused],
    }


def told(engine: str) -> Any:
    last = [0.0]

    def tell(message: str, done: float, total: float) -> None:
        if time.monotonic() - last[0] > 20:
            last[0] = time.monotonic()
            print(f"{engine}: {done:.1f}/{total:.1f} {message}", flush=True)

    return tell


def print_members(engine: str, run: Path) -> None:
    found, result = load_certification(run), load_result(run)
    assert found is not None
    taken = ", ".join(f"{c.measured_ms:.3f} <= {c.upper_ms:.3f}" for c in found.certified)
    print(
        f"{engine} {run.name}: {len(result.finished)} evaluated, {len(found.measured)} measured, "
        f"{len(found.certified)} certified for {found.budget_ms:.3f} ms: {taken}",
        flush=True,
    )
