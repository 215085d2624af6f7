"""Error against minutes of profiling: chosen measurements beside random ones and the fixed order.

A space is measured completely once; then profiles in several orders are replayed from that table,
each visit costing the seconds that it took, and at some minutes everything known until then is
fitted and held-out detectors, measured in the same way, are predicted.

    python benchmarks/active_profiling.py                             # about 15 minutes
    python benchmarks/active_profiling.py --space smnas-structural    # about 40

The table is kept in --work, so that a run that was stopped goes on; while others use the machine,
it waits (--patience). Figures are written to benchmarks/results/active-profiling-SPACE.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.patience import USUAL_MINUTES, Minutes, patience_for
from engines import TimingProtocol, get_backend
from latency import (
    Agenda,
    FixedAgenda,
    LatencyError,
    LatencyTable,
    ProfileConfig,
    Row,
    Task,
    evaluate,
    fit,
    make_agenda,
    plan_profile,
    profile,
)
from searchspaces import make_space, parse_size

RESULTS = Path(__file__).parent / "results"
HELD_OUT_SEED = 1001
RANDOM_ORDERS = 5
SHARES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)


class RandomAgenda:
    """Measure a list in one random order."""

    def __init__(self, tasks: list[Task], seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(tasks))
        self._tasks = [tasks[int(index)] for index in order]

    def next(self, table: LatencyTable) -> Task | None:
        taken = {(row.workload.key, row.replicate) for row in table.rows}
        return next((task for task in self._tasks if task.key not in taken), None)

    def planned(self, table: LatencyTable) -> int:
        return len(self._tasks)


def main(
    space: str = "crnas-resnet50",
    size: Annotated[str, typer.Option("--input")] = "160x224",
    engine: str = "onnxruntime",
    detectors: int = 24,
    held_out: int = 16,
    work: Path = Path("benchmarks/work/active"),
    exploratory: Annotated[bool, typer.Option(help="Go on on a busy machine.")] = False,
    patience: Minutes = USUAL_MINUTES,
) -> None:
    options = {"input_hw": parse_size(size), "num_classes": 80, "proposals": 50}
    made, backend = make_space(space, **options), get_backend(engine)
    protocol = TimingProtocol(
        warmup_min_ms=60.0, warmup_max_ms=1500.0, min_samples=10, max_seconds=1.0
    )
    common: dict[str, Any] = {
        "protocol": protocol,
        "replicates": 1,
        "input_sets": 2,
        "exploratory": exploratory,
    }
    config = ProfileConfig(detectors=detectors, active=False, **common)
    aside = ProfileConfig(detectors=held_out, modules=False, seed=HELD_OUT_SEED, **common)
    waiting = patience_for(engine, patience, exploratory=exploratory)
    measure = partial(profile, made, backend, space_options=options, resume=True)
    tables = [
        waiting.run(partial(measure, each, work / f"{space}-{size}-{name}.jsonl"))
        for name, each in (("complete", config), ("held-out", aside))
    ]
    complete, unseen = tables
    workloads, _ = plan_profile(made, config)
    tasks = [Task(workload) for workload in workloads]
    active = ProfileConfig(detectors=detectors, active=True, **common)
    orders: dict[str, list[Callable[[], Agenda]]] = {
        "active": [lambda: make_agenda(made, active, workloads)],
        "fixed": [lambda: FixedAgenda(workloads, 1, 0)],
        "random": [lambda s=s: RandomAgenda(tasks, s) for s in range(RANDOM_ORDERS)],  # type: ignore[misc]
    }
    seconds = _seconds(complete)
    limits = [share * sum(seconds.values()) for share in SHARES]
    rows = [
        row
        for name, agendas in orders.items()
        for row in _curve(
            name, [_replay(make(), complete, unseen, seconds, limits) for make in agendas], limits
        )
    ]
    _show(rows)
    record = {
        "command": "python benchmarks/active_profiling.py " + " ".join(sys.argv[1:]),
        "space": {"name": space, **options},
        "device": complete.device.to_dict(),
        "software": dict(complete.manifest.software),
        "held_out": len(unseen.detectors()),
        "curve": rows,
    }
    path = RESULTS / f"active-profiling-{space}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {path}")


def _curve(
    name: str, replays: Sequence[Sequence[float | None]], limits: Sequence[float]
) -> Iterator[dict[str, Any]]:
    """Yield the mean and the worst error of all replays of an order at each limit in seconds."""
    for index, limit in enumerate(limits):
        errors = [error for replay in replays if (error := replay[index]) is not None]
        yield {
            "order": name,
            "minutes": limit / 60,
            "mape": float(np.mean(errors)) if errors else None,
            "worst_mape": float(np.max(errors)) if errors else None,
        }


def _seconds(table: LatencyTable) -> dict[tuple[str, int], float]:
    """Return what every task took: the time until the next one began, refused visits included."""
    begun = [
        datetime.fromisoformat(row.measurement.started_at).timestamp() if row.measurement else 0.0
        for row in table.rows
    ]
    usual = float(np.median(np.diff(begun)))
    found: dict[tuple[str, int], float] = {}
    for row, now, then in zip(table.rows, begun, [*begun[1:], begun[-1] + usual], strict=True):
        step = then - now if 0 <= then - now < 60 else usual
        found[row.visit[:2]] = found.get(row.visit[:2], 0.0) + step
    return found


def _replay(
    agenda: Agenda,
    complete: LatencyTable,
    unseen: LatencyTable,
    seconds: dict[tuple[str, int], float],
    limits: list[float],
) -> list[float | None]:
    """Return the error at every limit; None where nothing can be predicted yet."""
    rows = {row.visit[:2]: row for row in complete.counted}
    taken: list[Row] = []
    spent, curve = 0.0, []
    for limit in limits:
        while spent < limit:
            task = agenda.next(LatencyTable(complete.manifest, tuple(taken)))
            if task is None:
                break
            spent += seconds.get(task.key, 0.0)
            missing = Row(task.workload, task.replicate, None, "not in the complete table")
            taken.append(rows.get(task.key, missing))
        curve.append(_error(LatencyTable(complete.manifest, tuple(taken)), unseen))
    return curve


def _error(known: LatencyTable, unseen: LatencyTable) -> float | None:
    try:
        return evaluate(fit(known), unseen).scores.mape
    except LatencyError:  # no whole detector yet
        return None


def _show(rows: list[dict[str, Any]]) -> None:
    orders = list(dict.fromkeys(row["order"] for row in rows))
    print(f"{'minutes':>8} " + " ".join(f"{order:>10}" for order in orders) + "   MAPE %")
    for minutes in dict.fromkeys(row["minutes"] for row in rows):
        cells = [
            next(r["mape"] for r in rows if (r["order"], r["minutes"]) == (order, minutes))
            for order in orders
        ]
        texts = ["-" if cell is None else f"{cell:.2f}" for cell in cells]
        print(f"{minutes:8.1f} " + " ".join(f"{text:>10}" for text in texts))


if __name__ == "__main__":
    typer.run(main)
