"""Predicted against measured latency of whole detectors that no fit has seen.

For each head: profile a space on this machine's CPU, fit, measure other random detectors, and
compare three predictions of them in the same run: in-context modules with closure (detfit's), the
sum of modules timed alone, and a fit proportional to multiply-adds.

Where the head dominates, whole detectors of one head differ little, and any constant predicts
them well. Two more comparisons show what a predictor is worth: all heads together, and the
backbones alone, which is what the genes change.

    python benchmarks/predict_detectors.py    # detnas-small at 320x320: about 30 minutes
    python benchmarks/predict_detectors.py --space detnas-nano --input 160x160

Tables are kept in --work, so that a second run goes on where the first stopped. The figures are
written to benchmarks/results/.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from engines import TimingProtocol, get_backend, measure_interleaved
from latency import (
    CHAIN,
    Evaluation,
    LatencyTable,
    ProfileConfig,
    Workload,
    WorkloadModel,
    evaluate,
    fit,
    fit_closure,
    graph_macs,
    isolated_sum_ms,
    profile,
    score,
)
from searchspaces import Graph, format_size, make_space, parse_size

RESULTS = Path(__file__).parent / "results"
HELD_OUT_SEED = 1
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is profiled, on what."""

    space: str
    head: str
    size: str
    engine: str
    detectors: int
    held_out: int
    seconds: float
    replicates: int
    work: Path

    @property
    def options(self) -> dict[str, Any]:
        return {"head": self.head, "input_hw": parse_size(self.size), "num_classes": 80}


def main(
    space: str = "detnas-small",
    heads: Annotated[str, typer.Option(help="Comma-separated.")] = "retinanet,fpn",
    size: Annotated[str, typer.Option("--input")] = "320x320",
    engine: str = "onnxruntime",
    detectors: Annotated[int, typer.Option(help="Calibration detectors per head.")] = 10,
    held_out: Annotated[int, typer.Option(help="Held-out detectors per head.")] = 8,
    seconds: Annotated[float, typer.Option(help="At most this long per measurement.")] = 2.0,
    replicates: Annotated[int, typer.Option(help="Repetitions with new engines.")] = 2,
    work: Path = Path("benchmarks/work"),
) -> None:
    rows, compared, device = [], [], {}
    pooled: list[Pooled] = []
    for head in heads.split(","):
        setting = Setting(
            space, head, size, engine, detectors, held_out, seconds, replicates, work
        )
        begun = time.monotonic()
        table = _profile(setting, "profile", modules=True, isolated=True, seed=0)
        profile_s = time.monotonic() - begun
        unseen = _profile(setting, "held-out", modules=False, seed=HELD_OUT_SEED)
        result = evaluate(fit(table), unseen)
        device = table.device.to_dict()
        found = _pooled(table, unseen, result)
        rows += _rows(head, found, result.interval_coverage)
        rows += _rows(f"{head} backbone", _backbones(setting, table, unseen))
        pooled.append(found)
        compared += [{"head": head, **asdict(item)} for item in result.detectors]
        print(
            f"{head}: profiled in {profile_s:.0f} s (0 s where an earlier run's table was there)"
        )
    if len(pooled) > 1:
        rows += _rows("all heads", _together(pooled))
    _print(rows)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"predict-{space}-{size}-{engine}.json"
    record = {
        "command": "python benchmarks/predict_detectors.py " + " ".join(sys.argv[1:]),
        "device": device,
        "size": format_size(parse_size(size)),
        "scores": rows,
        "detectors": compared,
    }
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {path}")


def _profile(
    setting: Setting, name: str, *, modules: bool, seed: int, isolated: bool = False
) -> LatencyTable:
    path = setting.work / f"{setting.space}-{setting.head}-{setting.size}-{name}.jsonl"
    config = ProfileConfig(
        protocol=TimingProtocol(max_seconds=setting.seconds),
        detectors=setting.detectors if modules else setting.held_out,
        modules=modules,
        isolated=isolated,
        replicates=setting.replicates,
        seed=seed,
    )
    return profile(
        make_space(setting.space, **setting.options),
        get_backend(setting.engine),
        config,
        path,
        space_options=setting.options,
        resume=True,
        progress=_progress(f"{setting.head} {name}"),
    )


@dataclass(frozen=True, slots=True)
class Pooled:
    """Measured and predicted milliseconds of held-out graphs, and what MACs are fitted on."""

    measured: Floats
    ours: Floats
    isolated: Floats
    macs: Floats
    known_macs: Floats
    known_ms: Floats


def _pooled(table: LatencyTable, unseen: LatencyTable, result: Evaluation) -> Pooled:
    known = {workload.key for workload, _ in table.detectors()}
    both = [workload.label for workload, _ in unseen.detectors() if workload.key in known]
    if both:
        raise SystemExit(f"held-out detectors were calibrated on: {both}")
    graphs = [workload.graph for workload, _ in unseen.detectors()]
    return Pooled(
        np.array([measurement.median_ms for _, measurement in unseen.detectors()]),
        np.array([item.predicted_ms for item in result.detectors]),
        isolated_sum_ms(table, graphs),
        _macs(graphs),
        _macs([workload.graph for workload, _ in table.detectors()]),
        np.array([measurement.median_ms for _, measurement in table.detectors()]),
    )


def _backbones(setting: Setting, table: LatencyTable, unseen: LatencyTable) -> Pooled:
    """Build the backbones of all detectors and time them side by side."""
    costs = fit(table).costs
    known = [_backbone(workload.graph) for workload, _ in table.detectors()]
    others = [_backbone(workload.graph) for workload, _ in unseen.detectors()]
    backend = get_backend(setting.engine)
    with ExitStack() as stack:
        engines = [
            stack.enter_context(backend.build(WorkloadModel(Workload(CHAIN, "backbone", graph))))
            for graph in (*known, *others)
        ]
        protocol = TimingProtocol(max_seconds=setting.seconds)
        times = measure_interleaved(engines, protocol)
    medians = np.array([measurement.median_ms for measurement in times])
    sums = np.array(
        [
            sum(costs[spec].ms * n for spec, n in graph.counts().items())
            for graph in (*known, *others)
        ]
    )
    closure = fit_closure(sums[: len(known)], medians[: len(known)])
    return Pooled(
        medians[len(known) :],
        closure.apply(sums[len(known) :]),
        isolated_sum_ms(table, others),
        _macs(others),
        _macs(known),
        medians[: len(known)],
    )


def _together(parts: list[Pooled]) -> Pooled:
    names = [field.name for field in fields(Pooled)]
    return Pooled(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _backbone(graph: Graph) -> Graph:
    return graph.subgraph([node.name for node in graph.nodes if node.part == "backbone"])


def _macs(graphs: list[Graph]) -> Floats:
    return np.array([graph_macs(graph) for graph in graphs], dtype=np.float64)


def _rows(what: str, found: Pooled, coverage: float | None = None) -> list[dict[str, Any]]:
    ratio = found.known_macs / found.known_ms
    factor = ratio.sum() / (ratio**2).sum()  # least relative squares
    predictions = {
        "in context + closure": found.ours,
        "sum of isolated modules": found.isolated,
        "proportional to MACs": factor * found.macs,
    }
    rows = [
        {"what": what, "prediction": name, **asdict(score(predicted, found.measured))}
        for name, predicted in predictions.items()
    ]
    if coverage is not None:
        rows[0]["interval_coverage"] = coverage
    return rows


def _progress(name: str) -> Any:
    last = [0.0]

    def show(message: str, done: float, total: float) -> None:
        if time.monotonic() - last[0] > 15:
            last[0] = time.monotonic()
            print(f"  {name}: {done:.0f}/{total:.0f} {message}", flush=True)

    return show


def _print(rows: list[dict[str, Any]]) -> None:
    print(f"{'what':20} {'prediction':24} {'n':>3} {'MAPE %':>7} {'<=5 %':>6} {'<=10 %':>6} tau")
    for row in rows:
        print(
            f"{row['what']:20} {row['prediction']:24} {row['n']:3d} {row['mape']:7.2f} "
            f"{row['within_5pct']:6.2f} {row['within_10pct']:6.2f} {row['kendall_tau']:.2f}"
        )


if __name__ == "__main__":
    typer.run(main)
