"""Predicted against measured milliseconds of single modules that no fit has seen.

The modules are convolutions measured with TensorRT on a V100 (batch 1): the op profiler library of
alibaba/lightweight-neural-architecture-search. A random fifth is held out; the rest is learned by
detfit's estimator, by a plain ExtraTrees regression, and by a rate per multiply-add of its family.

Then the modules are measured in the order in which detfit would ask for them, and in random order:
what is the error after n of them?

    python benchmarks/predict_modules.py                      # about 6 minutes for each seed
    python benchmarks/predict_modules.py --precisions fp32 --curve 250,1000 --seeds 0,1,2

The figures are written to benchmarks/results/.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from sklearn.ensemble import ExtraTreesRegressor

from latency import (
    LatencyTable,
    choose_next,
    evaluate,
    fit,
    fit_estimator,
    import_table,
    make_origin,
    score,
    split_table,
)
from searchspaces import ModuleSpec, cost_of, outputs_of

RESULTS = Path(__file__).parent / "results"
DATA = Path(os.environ.get("DETFIT_TEST_DATA", "../shared/data")) / "v100-trt-conv"
TARGETS = {"fp32": (3.0, 0.94), "fp16": (4.5, 0.90), "int8": (3.2, 0.93)}
Floats = npt.NDArray[np.float64]
Times = Mapping[ModuleSpec, float]
Row = dict[str, Any]


def main(
    data: Annotated[Path, typer.Option(help="Folder of conv.PRECISION.txt.gz.")] = DATA,
    precisions: str = "fp32,fp16,int8",
    seeds: Annotated[str, typer.Option(help="One random split each.")] = "0",
    curve: Annotated[str, typer.Option(help="Sizes of the learning curve (fp32).")] = (
        "250,500,750,1000"
    ),
) -> None:
    rows: list[Row] = []
    points: list[Row] = []
    for precision in precisions.split(","):
        with TemporaryDirectory() as folder:
            origin = make_origin("tinynas-conv", "V100", precision=precision, batch=1)
            source = data / f"conv.{precision}.txt.gz"
            table = import_table(source, Path(folder) / "V.jsonl", "tinynas-conv", origin)
        for seed in map(int, seeds.split(",")):
            train, held = split_table(table, 0.2, np.random.default_rng(seed))
            rows += list(_compared(precision, seed, train, held))
            if precision == "fp32":
                points += list(_learned(seed, train, held, list(map(int, curve.split(",")))))
    RESULTS.mkdir(exist_ok=True)
    record = {
        "command": "python benchmarks/predict_modules.py " + " ".join(sys.argv[1:]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("numpy", "scipy", "scikit-learn")},
        },
        "data": "alibaba/lightweight-neural-architecture-search op profiler (Apache-2.0): 70 % of "
        "its rows; TensorRT on a V100, batch 1; a random fifth held out",
        "targets": {key: {"mape": m, "within_10pct": w} for key, (m, w) in TARGETS.items()},
        "scores": rows,
        "curve": points,
    }
    path = RESULTS / "predict-modules-v100.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {path}")


def _compared(precision: str, seed: int, train: LatencyTable, held: LatencyTable) -> Iterator[Row]:
    begun, spent = time.monotonic(), time.process_time()
    predictor = fit(train)
    fit_s, fit_cpu_s = time.monotonic() - begun, time.process_time() - spent
    result = evaluate(predictor, held)
    known, asked = _times(train), _times(held)
    measured = np.array(list(asked.values()))
    ours = np.array([item.predicted_ms for item in result.detectors])
    found = {"detfit": ours}
    for name, predict in (("plain ExtraTrees", _plain_trees), ("MACs-proportional", _macs)):
        found[name] = predict(known, list(asked))
    for name, predicted in found.items():
        row = _row({"precision": precision, "seed": seed, "prediction": name}, predicted, measured)
        if name == "detfit":
            row |= {"interval_coverage": result.interval_coverage}
            row |= {"fit_s": round(fit_s, 1), "fit_cpu_s": round(fit_cpu_s, 1)}
            row["target"] = TARGETS.get(precision)
        print(_line(row), flush=True)
        yield row


def _learned(
    seed: int, train: LatencyTable, held: LatencyTable, sizes: Sequence[int]
) -> Iterator[Row]:
    """Measure more and more modules, in both orders."""
    known, asked = _times(train), _times(held)
    measured, rng = np.array(list(asked.values())), np.random.default_rng(seed)
    random = [list(known)[i] for i in rng.permutation(len(known))]
    chosen: dict[ModuleSpec, float] = {}
    for size in sizes:
        while len(chosen) < size:
            more = choose_next(list(known), chosen, min(125, size - len(chosen)), rng)
            chosen |= {spec: known[spec] for spec in more}
        drawn = {spec: known[spec] for spec in random[:size]}
        for name, times, predict in (
            ("chosen, detfit", chosen, _ours),
            ("random, detfit", drawn, _ours),
            ("random, plain ExtraTrees", drawn, _plain_trees),
        ):
            found = predict(times, list(asked))
            row = _row({"measured": size, "seed": seed, "prediction": name}, found, measured)
            print(_line(row), flush=True)
            yield row


def _ours(known: Times, asked: Sequence[ModuleSpec]) -> Floats:
    return fit_estimator(known, np.random.default_rng(0)).estimate(asked).ms


def _plain_trees(known: Times, asked: Sequence[ModuleSpec]) -> Floats:
    """Fit what one would try first: sizes and counts, 100 extremely random trees, log(ms)."""
    model = ExtraTreesRegressor(100, random_state=0)
    model.fit(_simple(list(known)), np.log(list(known.values())))
    return np.asarray(np.exp(model.predict(_simple(asked))))


def _simple(specs: Sequence[ModuleSpec]) -> Floats:
    return np.array([_simple_row(spec) for spec in specs], np.float64)


def _simple_row(spec: ModuleSpec) -> list[float]:
    names = ("in_channels", "out_channels", "kernel", "stride", "groups", "fused_add")
    cost, out = cost_of(spec), outputs_of(spec)[0]
    sizes = [spec.inputs[0].shape[2], cost.macs, spec.inputs[0].numel, out.numel, cost.params]
    return [*map(float, map(spec.get_int, names)), *np.log(sizes)]


def _macs(known: Times, asked: Sequence[ModuleSpec]) -> Floats:
    """Take the median rate per multiply-add of dense and of depthwise convolutions."""
    rates: dict[bool, list[float]] = {}
    for spec, ms in known.items():
        rates.setdefault(spec.get_int("groups") > 1, []).append(ms / cost_of(spec).macs)
    medians = {grouped: float(np.median(values)) for grouped, values in rates.items()}
    return np.array([medians[s.get_int("groups") > 1] * cost_of(s).macs for s in asked])


def _times(table: LatencyTable) -> dict[ModuleSpec, float]:
    return {spec: measurement.median_ms for spec, measurement in table.entries.items()}


def _row(labels: Row, predicted: Floats, measured: Floats) -> Row:
    scores = score(predicted, measured)
    shares = {"within_5pct": scores.within_5pct, "within_10pct": scores.within_10pct}
    return {**labels, "n": scores.n, "mape": scores.mape, **shares, "tau": scores.kendall_tau}


def _line(row: Row) -> str:
    head = f"{row.get('precision', row.get('measured'))!s:>5} seed {row['seed']}"
    rest = f"MAPE {row['mape']:6.2f} %   within 10 % {100 * row['within_10pct']:5.1f} %"
    if "fit_s" in row:
        rest += f"   in 90 % interval {100 * row['interval_coverage']:.1f} %"
        rest += f"   fit {row['fit_s']} s ({row['fit_cpu_s']} s of a core)"
    return f"{head}  {row['prediction']:<26} {rest}"


if __name__ == "__main__":
    typer.run(main)
