"""Predicted against measured milliseconds of single modules that no fit has seen.

The modules are convolutions measured with TensorRT on a V100: the op profiler library of
alibaba/lightweight-neural-architecture-search. A random fifth is held out; the rest is learned by
detfit's estimator, by a plain ExtraTrees regression, and by a rate per multiply-add of its family.
The parts are:

* batch-1: modules of batch 1 alone; of these in fp32, measured in the order in which detfit would
  ask for them, and in random order: what is the error after n of them (--curve)?
* prior: after n of them in random order, with a simulated V100 as a first guess and without;
* all-batches: every row of the published file, by the commands that a user would type: import,
  split, fit, evaluate. How long does the fit take, files included, and what is the error of each
  batch size?

    python benchmarks/predict_modules.py                      # about 20 minutes for each seed
    python benchmarks/predict_modules.py --parts all-batches --precisions fp16
    python benchmarks/predict_modules.py --precisions fp32 --curve 250,1000 --seeds 0,1,2

The figures are written to benchmarks/results/, one file for each part.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    Prior,
    choose_next,
    evaluate,
    fit,
    fit_estimator,
    import_table,
    make_origin,
    read_table,
    score,
    split_table,
)
from searchspaces import ModuleSpec, cost_of, outputs_of

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
DATA = Path(os.environ.get("DETFIT_TEST_DATA", "../shared/data")) / "v100-trt-conv"
TARGETS = {"fp32": (3.0, 0.94), "fp16": (4.5, 0.90), "int8": (3.2, 0.93)}  # of batch 1
PRIORS = (None, "V100:tensorrt", "T4:tensorrt")
PRIOR_SIZES = (100, 300, 1000)
Floats = npt.NDArray[np.float64]
Times = Mapping[ModuleSpec, float]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Say what is compared.

    Attributes:
        data: Folder of conv.PRECISION.txt.gz.
        precisions: Of the tables.
        seeds: One random split each.
        sizes: Of the learning curve.
    """

    data: Path
    precisions: Sequence[str]
    seeds: Sequence[int]
    sizes: Sequence[int]

    def parts(self, precisions: Sequence[str]) -> Iterator[tuple[Row, LatencyTable, LatencyTable]]:
        """Yield labels, what is learned from and what is held out, of batch 1."""
        for precision in precisions:
            with TemporaryDirectory() as folder:
                origin = make_origin("tinynas-conv", "V100", precision=precision, batch=1)
                path = Path(folder) / "V.jsonl"
                table = import_table(self.source(precision), path, "tinynas-conv", origin)
            for seed in self.seeds:
                labels = {"precision": precision, "seed": seed}
                yield labels, *split_table(table, 0.2, np.random.default_rng(seed))

    def source(self, precision: str) -> Path:
        """Return the published file of a precision."""
        return self.data / f"conv.{precision}.txt.gz"


def main(
    data: Annotated[Path, typer.Option(help="Folder of conv.PRECISION.txt.gz.")] = DATA,
    parts: Annotated[str, typer.Option(help="See above.")] = "batch-1,prior,all-batches",
    precisions: str = "fp32,fp16,int8",
    seeds: Annotated[str, typer.Option(help="One random split each.")] = "0",
    curve: Annotated[str, typer.Option(help="Sizes of the learning curve (fp32).")] = (
        "250,500,750,1000"
    ),
) -> None:
    drawn, sizes = (list(map(int, text.split(","))) for text in (seeds, curve))
    chosen = Chosen(data, precisions.split(","), drawn, sizes)
    names = parts.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        raise typer.BadParameter(f"{', '.join(unknown)}: parts are {', '.join(PARTS)}")
    for name in names:
        _write(name, PARTS[name](chosen))


def _write(part: str, rows: Mapping[str, Sequence[Row]]) -> None:
    record = {
        "command": "python benchmarks/predict_modules.py " + " ".join(sys.argv[1:]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("numpy", "scipy", "scikit-learn")},
        },
        "data": "alibaba/lightweight-neural-architecture-search op profiler (Apache-2.0): 70 % of "
        "its rows; TensorRT on a V100; a random fifth held out",
        "targets": {key: {"mape": m, "within_10pct": w} for key, (m, w) in TARGETS.items()},
        "part": part,
        **rows,
    }
    RESULTS.mkdir(exist_ok=True)
    suffix = "" if part == "batch-1" else f"-{part}"
    path = RESULTS / f"predict-modules-v100{suffix}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {path}")


# --- batch 1, and after n measurements


def batch_1(chosen: Chosen) -> dict[str, list[Row]]:
    """Compare with what one would try first; measure more and more modules (fp32)."""
    rows: list[Row] = []
    points: list[Row] = []
    for labels, train, held in chosen.parts(chosen.precisions):
        rows += list(_compared(labels, train, held))
        if labels["precision"] == "fp32":
            points += list(_learned(labels["seed"], train, held, chosen.sizes))
    return {"scores": rows, "curve": points}


def _compared(labels: Row, train: LatencyTable, held: LatencyTable) -> Iterator[Row]:
    begun = time.monotonic()
    predictor = fit(train)
    fit_s = time.monotonic() - begun
    result = evaluate(predictor, held)
    known, asked = _times(train), _times(held)
    measured = np.array(list(asked.values()))
    ours = np.array([item.predicted_ms for item in result.detectors])
    found = {"detfit": ours}
    for name, predict in (("plain ExtraTrees", _plain_trees), ("MACs-proportional", _macs)):
        found[name] = predict(known, list(asked))
    for name, predicted in found.items():
        row = _row({**labels, "prediction": name}, predicted, measured)
        if name == "detfit":
            row |= {"interval_coverage": result.interval_coverage}
            row["fit_s"] = round(fit_s, 1)
            row["target"] = TARGETS.get(labels["precision"])
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


# --- a simulated device as a first guess


def prior(chosen: Chosen) -> dict[str, list[Row]]:
    """Begin with simulated devices, or with nothing, at few random rows.

    The simulated V100's efficiencies were fitted on some of these very rows, and the T4 has the
    same: a device that nobody measured would gain less.
    """
    rows: list[Row] = []
    for labels, train, held in chosen.parts([p for p in chosen.precisions if p == "fp32"]):
        known, asked = _times(train), _times(held)
        measured, rng = np.array(list(asked.values())), np.random.default_rng(labels["seed"])
        random = [list(known)[i] for i in rng.permutation(len(known))]
        for size in PRIOR_SIZES:
            drawn = {spec: known[spec] for spec in random[:size]}
            for name in PRIORS:
                first = None if name is None else Prior(name, labels["precision"])
                found = _ours(drawn, list(asked), first)
                label = f"from {name}" if name else "from nothing"
                row = {"measured": size, "seed": labels["seed"], "prediction": label}
                rows.append(_row(row, found, measured))
                print(_line(rows[-1]), flush=True)
    return {"curve": rows}


# --- the whole file, by commands


def all_batches(chosen: Chosen) -> dict[str, list[Row]]:
    """Import, split, fit and evaluate as a user would, all batch sizes at once."""
    rows: list[Row] = []
    for precision in chosen.precisions:
        for seed in chosen.seeds:
            with TemporaryDirectory() as folder:
                labels = {"precision": precision, "seed": seed}
                rows += list(_by_commands(labels, chosen.source(precision), Path(folder)))
    return {"scores": rows}


def _by_commands(labels: Row, source: Path, folder: Path) -> Iterator[Row]:
    names = ("V.jsonl", "train.jsonl", "held.jsonl", "V.json")
    table, train, held, fitted = (folder / name for name in names)
    imported = ("--format", "tinynas-conv", "--device", "V100", "--precision", labels["precision"])
    _detfit("table", "import", *imported, source, "-o", table)
    _detfit("table", "split", table, "--seed", labels["seed"], "-o", train, held)
    begun, spent = time.monotonic(), _children_s()
    _detfit("fit", train, "-o", fitted)
    timed = {"fit_s": time.monotonic() - begun, "fit_cpu_s": _children_s() - spent}
    fields = json.loads(_detfit("evaluate", fitted, held, "--json"))
    for batch, part in (("all", fields), *fields["by_batch"].items()):
        scores = {name: part[name] for name in ("n", "mape", "within_5pct", "within_10pct")}
        row = {**labels, "batch": batch, "prediction": "detfit", **scores}
        row |= {"tau": part["kendall_tau"], "interval_coverage": part["interval_coverage"]}
        if batch == "all":
            row |= {name: round(seconds, 1) for name, seconds in timed.items()}
        print(_line(row), flush=True)
        yield row
    yield from _trees_by_batch(labels, _times(read_table(train)), _times(read_table(held)))


def _trees_by_batch(labels: Row, known: Times, asked: Times) -> Iterator[Row]:
    found = dict(zip(asked, _plain_trees(known, list(asked)), strict=True))
    for batch in ("all", *sorted({spec.batch for spec in asked})):
        specs = [spec for spec in asked if batch in ("all", spec.batch)]
        predicted, measured = (np.array([of[s] for s in specs]) for of in (found, asked))
        name = {"batch": str(batch), "prediction": "plain ExtraTrees"}
        row = _row({**labels, **name}, predicted, measured)
        print(_line(row), flush=True)
        yield row


def _detfit(*words: object) -> str:
    """Run a command and return what it prints."""
    command = [sys.executable, str(ROOT / "detfit.py"), *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _children_s() -> float:
    """Return the seconds of a core that all commands so far took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


PARTS: dict[str, Callable[[Chosen], dict[str, list[Row]]]] = {
    "batch-1": batch_1,
    "prior": prior,
    "all-batches": all_batches,
}


def _ours(known: Times, asked: Sequence[ModuleSpec], first: Prior | None = None) -> Floats:
    return fit_estimator(known, np.random.default_rng(0), first).estimate(asked).ms


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
    if "batch" in row:
        head += f" batch {row['batch']:>3}"
    rest = f"MAPE {row['mape']:6.2f} %   within 10 % {100 * row['within_10pct']:5.1f} %"
    if "interval_coverage" in row:
        rest += f"   in 90 % interval {100 * row['interval_coverage']:.1f} %"
    if "fit_s" in row:
        rest += f"   fit {row['fit_s']} s"
    return f"{head}  {row['prediction']:<26} {rest}"


if __name__ == "__main__":
    typer.run(main)
