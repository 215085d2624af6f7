"""Few measurements on another engine: chosen and random probes, with and without what is known.

The tables of benchmarks/predict_detectors.py are replayed: a predictor is fitted on everything
measured on one engine, then brought to the other by whole detectors that were measured there, and
the detectors held out there are predicted. Beside it: one factor for all detectors, and the same
probes without the other engine's predictor.

    python benchmarks/predict_detectors.py --engine onnxruntime
    python benchmarks/predict_detectors.py --engine openvino
    python benchmarks/transfer.py                              # some minutes, measures nothing

Figures are written to benchmarks/results/transfer.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from engines import TimingProtocol
from latency import (
    DETECTOR,
    LatencyTable,
    Predictor,
    Row,
    Workload,
    evaluate,
    fit,
    read_table,
    score,
    transfer_agenda_of,
)

RESULT = Path(__file__).parent / "results" / "transfer.json"
RANDOM_DRAWS = 5


def main(
    samples: str = "10,20,40",
    work: Annotated[Path, typer.Option(help="Of predict_detectors.py.")] = Path(
        "benchmarks/work/detectors"
    ),
) -> None:
    rows: list[dict[str, Any]] = []
    device: dict[str, Any] = {}
    for known, new in (("onnxruntime", "openvino"), ("openvino", "onnxruntime")):
        source = fit(_joined(work, known, "profile"))
        table, unseen = (_joined(work, new, name) for name in ("profile", "held-out"))
        device = table.device.to_dict()
        for count in map(int, samples.split(",")):
            rows += _compared(f"{known} to {new}", source, table, unseen, count)
    print(f"{'from and to':26} {'samples':>7} {'probes':8} {'prediction':22} MAPE %")
    for row in rows:
        print(
            f"{row['what']:26} {row['samples']:7d} {row['probes']:8} {row['prediction']:22} "
            f"{row['mape']:.2f}"
        )
    record = {
        "command": "python benchmarks/transfer.py " + " ".join(sys.argv[1:]),
        "device": device,
        "scores": rows,
    }
    RESULT.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {RESULT}")


def _joined(work: Path, engine: str, name: str) -> LatencyTable:
    paths = sorted(work.glob(f"{engine}-*-{name}.jsonl"))
    if not paths:
        raise SystemExit(f"no tables of {engine} in {work}; run benchmarks/predict_detectors.py")
    first, *others = map(read_table, paths)
    for table in others:
        first = first.merge(table)
    return first


def _compared(
    what: str, source: Predictor, table: LatencyTable, unseen: LatencyTable, count: int
) -> list[dict[str, Any]]:
    detectors = [workload for workload, _ in table.detectors()]
    chosen = _chosen(source, table, detectors, count)
    draws = [np.random.default_rng(seed).permutation(len(detectors)) for seed in range(5)]
    random = [[detectors[int(i)] for i in draw[:count]] for draw in draws[:RANDOM_DRAWS]]
    rows = []
    for probes, sets in (("chosen", [chosen]), ("random", random)):
        errors: dict[str, list[float]] = {}
        for each in sets:
            few = _only(table, each)
            errors.setdefault("transfer", []).append(_mape(fit(few, source=source), unseen))
            errors.setdefault("without the source", []).append(_mape(fit(few), unseen))
            errors.setdefault("one factor", []).append(_factor_mape(source, few, unseen))
        rows += [
            {
                "what": what,
                "samples": count,
                "probes": probes,
                "prediction": name,
                "mape": float(np.mean(values)),
                "worst_mape": float(np.max(values)),
            }
            for name, values in errors.items()
        ]
    return rows


def _chosen(
    source: Predictor, table: LatencyTable, detectors: Sequence[Workload], count: int
) -> list[Workload]:
    """Return the probes that a transfer would have measured, had it these to choose from."""
    agenda = transfer_agenda_of(source, detectors, count, TimingProtocol())
    measured = {row.workload.key: row for row in table.counted if row.workload.role == DETECTOR}
    rows: list[Row] = []
    while task := agenda.next(LatencyTable(table.manifest, tuple(rows))):
        rows.append(replace(measured[task.workload.key], replicate=task.replicate))
    return [row.workload for row in rows]


def _only(table: LatencyTable, workloads: Sequence[Workload]) -> LatencyTable:
    keys = {workload.key for workload in workloads}
    return replace(table, rows=tuple(row for row in table.rows if row.workload.key in keys))


def _mape(predictor: Predictor, unseen: LatencyTable) -> float:
    return evaluate(predictor, unseen).scores.mape


def _factor_mape(source: Predictor, few: LatencyTable, unseen: LatencyTable) -> float:
    """Return the error of the source's predictions times one factor."""
    known = [workload.graph for workload, _ in few.detectors()]
    ms = np.array([few.normalised_ms(workload.key) for workload, _ in few.detectors()])
    factor = float(np.median(ms / source.predict_ms(known)))
    held = [workload.graph for workload, _ in unseen.detectors()]
    speed = (few.reference_ms or 1.0) / (unseen.reference_ms or 1.0)
    true = speed * np.array([unseen.normalised_ms(work.key) for work, _ in unseen.detectors()])
    return score(factor * source.predict_ms(held), true).mape


if __name__ == "__main__":
    typer.run(main)
