"""Simulated V100 times against the published ones of SM-NAS, and what was fitted on what.

    python benchmarks/simulate_v100.py                         # whole detectors: seconds
    python benchmarks/simulate_v100.py --rows V100_TRT_CONV   # single layers, too
    python benchmarks/simulate_v100.py --rows ... --fit        # efficiencies anew: minutes

Nothing here is measured by us. Two things are fitted:

* how well kernels use the device, on single convolutions that TensorRT ran on a V100
  (``--rows``; latency/simulated/efficiency.py);
* one number, what eager PyTorch costs beside the kernels' work, per kernel, on the five published
  times themselves (devices/v100.json, launch_us.pytorch). The table therefore also gives, for
  each of the five, the prediction with the number fitted on the other four, and with NVIDIA's
  own figure of a V100's launch latency, to which nothing was fitted.

The order of the models depends little on it. Figures go to benchmarks/results/simulate-v100.json.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from scipy.optimize import minimize
from scipy.stats import kendalltau

from latency import DeviceFigure, SimulatedPredictor, graph_macs, make_simulated
from searchspaces import DetectorSpec, ModuleSpec, TensorSpec, parse_arch, write_atomically

RESULTS = Path(__file__).parent / "results" / "simulate-v100.json"
PUBLISHED = {  # SM-NAS (Yao et al., AAAI 2020): one V100, PyTorch, fp32
    "FPN-R50 800x600": ("smnas-structural:resnet50/P1-P5@256/rpn/2fc/800x600", 43.6),
    "Cascade-R50 800x600": ("smnas-structural:resnet50/P1-P5@256/rpn/cascade3/800x600", 54.9),
    "RetinaNet-R101 1333x800": (
        "smnas-structural:resnet101/P2-P6@256/none/retinanet/1333x800",
        91.7,
    ),
    "E2": ("zoo:E2", 39.5),
    "E5": ("zoo:E5", 108.1),
}
NOT_QUOTED = ("E0", "E1", "E3", "E4")
LAUNCH_LATENCY_US = 20.0
"""NVIDIA, "Understanding the Visualization of Overhead and Latency in NVIDIA Nsight Systems":
an element-wise operation of PyTorch on a V100."""

OVERHEADS_US = np.arange(0.0, 150.5, 0.5)
FITTED_ROWS, TESTED_ROWS = 1500, 4000
Floats = npt.NDArray[np.float64]


def main(
    rows: Annotated[Path | None, typer.Option(help="Folder of conv.*.txt.gz.")] = None,
    fit: Annotated[bool, typer.Option(help="Fit the efficiencies on the rows, too.")] = False,
    output: Path = RESULTS,
) -> None:
    record: dict[str, Any] = {"simulated": True, "measured_by_us": False}
    if output.exists():  # what was fitted on the rows stays where they are not given
        record |= json.loads(output.read_text())
    record["published"] = compare()
    if rows is not None:
        record["convolutions"] = [
            check_rows(rows, precision, fit=fit) for precision in ("fp32", "fp16", "int8")
        ]
    output.parent.mkdir(exist_ok=True)
    write_atomically(output, (json.dumps(record, indent=1) + "\n").encode())
    print(f"written to {output}")


def compare() -> dict[str, Any]:
    """Compare with the published times; predict the others."""
    shipped = make_simulated("V100", "fp32", "pytorch")
    detectors = {name: detector_of(arch) for name, (arch, _) in PUBLISHED.items()}
    published = np.array([ms for _, ms in PUBLISHED.values()])
    work, kernels = split_times(shipped, list(detectors.values()))
    ours = shipped.predict_ms(list(detectors.values()))
    left_out = [
        work[i] + kernels[i] * fit_overhead(*(np.delete(x, i) for x in (work, kernels, published)))
        for i in range(len(published))
    ]
    unfitted = work + kernels * LAUNCH_LATENCY_US / 1e3
    macs = np.array([graph_macs(d.graph()) for d in detectors.values()], dtype=np.float64)
    columns = {
        "simulated": ours,
        "left out": np.array(left_out),
        "20 us, unfitted": unfitted,
        "MACs, scaled": macs * np.exp(np.mean(np.log(published / macs))),
    }
    print_times(detectors, published, columns)
    scores = {name: scored(values, published) for name, values in columns.items()}
    for name, score in scores.items():
        print(f"{name:18s} tau {score['kendall_tau']:.2f}  MAPE {score['mape']:.1f} %")
    overhead_us = 1e3 * fit_overhead(work, kernels, published)
    print(f"fitted overhead {overhead_us:.1f} us a kernel; shipped {launch_us(shipped):.1f}")
    return {
        "overhead_us": overhead_us,
        "models": [
            {
                "model": name,
                "arch": PUBLISHED[name][0],
                "published_ms": published[i],
                **{column: values[i] for column, values in columns.items()},
            }
            for i, name in enumerate(PUBLISHED)
        ],
        "scores": scores,
        "not_quoted": predict_others(shipped),
    }


def detector_of(arch: str) -> DetectorSpec:
    space, found = parse_arch(arch)
    return space.detector(found)


def launch_us(predictor: SimulatedPredictor) -> float:
    return predictor.device.launch_us[predictor.engine].value


def split_times(
    predictor: SimulatedPredictor, detectors: Sequence[DetectorSpec]
) -> tuple[Floats, Floats]:
    """Return the milliseconds of the kernels' work, and how many kernels there are."""
    launches = predictor.device.launch_us
    engine, given = predictor.engine, launch_us(predictor)
    doubled = {**launches, engine: DeviceFigure(2 * given, "to count kernels")}
    twice = replace(predictor, device=replace(predictor.device, launch_us=doubled))
    once_ms, twice_ms = predictor.predict_ms(detectors), twice.predict_ms(detectors)
    return 2 * once_ms - twice_ms, (twice_ms - once_ms) / given * 1e3


def fit_overhead(work_ms: Floats, kernels: Floats, published_ms: Floats) -> float:
    """Return the milliseconds a kernel that make the mean absolute log error least."""
    predicted = work_ms + kernels * OVERHEADS_US[:, None] / 1e3
    errors = np.abs(np.log(predicted / published_ms)).mean(1)
    return float(OVERHEADS_US[errors.argmin()]) / 1e3


def scored(ours: Floats, published: Floats) -> dict[str, float]:
    return {
        "kendall_tau": float(kendalltau(ours, published).statistic),
        "mape": 100 * float(np.mean(np.abs(ours / published - 1))),
    }


def print_times(
    names: dict[str, DetectorSpec], published: Floats, columns: dict[str, Floats]
) -> None:
    print(f"{'model':24s} {'published':>10s}" + "".join(f"{name:>17s}" for name in columns))
    for i, name in enumerate(names):
        cells = "".join(f"{values[i]:17.1f}" for values in columns.values())
        print(f"{name:24s} {published[i]:10.1f}{cells}")


def predict_others(eager: SimulatedPredictor) -> list[dict[str, Any]]:
    """Predict the models whose times our sources do not quote, and all as TensorRT would be."""
    engines = {"pytorch fp32": eager}
    for precision in ("fp32", "fp16", "int8"):
        engines[f"tensorrt {precision}"] = make_simulated("V100", precision, "tensorrt")
    print(f"\n{'simulated':24s}" + "".join(f"{name:>15s}" for name in engines))
    rows = []
    archs = {name: f"zoo:{name}" for name in NOT_QUOTED}
    archs |= {name: arch for name, (arch, _) in PUBLISHED.items()}
    for name, arch in archs.items():
        detector = detector_of(arch)
        times = {key: float(p.predict_ms([detector])[0]) for key, p in engines.items()}
        latency = eager.predict(detector)
        print(f"{name:24s}" + "".join(f"{ms:15.1f}" for ms in times.values()))
        interval = {"lo_ms": latency.lo_ms, "hi_ms": latency.hi_ms}
        rows.append({"model": name, "arch": arch, **times, **interval})
    return rows


@dataclass(frozen=True, slots=True)
class Row:
    """One convolution and its measured milliseconds."""

    kind: str
    numbers: tuple[int, ...]
    ms: float

    @property
    def kernel(self) -> int:
        return self.numbers[4]

    def spec(self) -> ModuleSpec:
        c_in, height, width, c_out, kernel, stride, fused = self.numbers
        hw = (math.ceil(height / stride), math.ceil(width / stride))
        inputs = [TensorSpec((1, c_in, height, width))]
        return ModuleSpec.of(
            "conv",
            [*inputs, TensorSpec((1, c_out, *hw))] if fused else inputs,
            in_channels=c_in,
            out_channels=c_out,
            kernel=kernel,
            stride=stride,
            groups=c_in if self.kind == "Depthwise" else 1,
            dilation=1,
            fused_add=fused,
        )


def check_rows(folder: Path, precision: str, *, fit: bool) -> dict[str, Any]:
    """Score single convolutions: those like the fitted ones, and kernels that were not fitted."""
    fitted, groups = read_rows(folder / f"conv.{precision}.txt.gz", np.random.default_rng(0))
    # The rows of a precision were measured in it alone.
    shipped = replace(make_simulated("V100", precision, "tensorrt"), mixed=False)
    scores = {name: spread(log_errors(rows, shipped)) for name, rows in groups.items()}
    for name, score in scores.items():
        print(f"TensorRT {precision} {name}: {score}")
    if not fit:
        return {"precision": precision, "scores": scores}
    found = fit_efficiency(fitted, shipped, FITTED)
    found |= fit_efficiency(groups["depthwise"], shipped, FITTED_DEPTHWISE)
    print(f"TensorRT {precision} fitted: {found}")
    return {"precision": precision, "scores": scores, "fitted": found}


def read_rows(path: Path, rng: np.random.Generator) -> tuple[list[Row], dict[str, list[Row]]]:
    """Return batch-1 rows to fit on, and groups to score: depthwise ones are few, so both."""
    rows = list(parsed(path))
    depthwise = [row for row in rows if row.kind == "Depthwise"]
    small = [row for row in rows if row.kind != "Depthwise" and row.kernel <= 3]
    large = [row for row in rows if row.kind != "Depthwise" and row.kernel > 3]
    order = rng.permutation(len(small))
    groups = {
        "1x1, 3x3": [small[i] for i in order[FITTED_ROWS : FITTED_ROWS + TESTED_ROWS]],
        "5x5, 7x7": [large[i] for i in rng.permutation(len(large))[:TESTED_ROWS]],
        "depthwise": depthwise,
    }
    return [small[i] for i in order[:FITTED_ROWS]], groups


def parsed(path: Path) -> Iterator[Row]:
    pattern = re.compile(r"\{(\w+),1,([\d,]+)\} (\S+)")
    with gzip.open(path, "rt") as lines:
        for line in lines:
            match = pattern.match(line)
            if match is not None and float(match[3]) > 0:
                yield Row(match[1], tuple(map(int, match[2].split(","))), float(match[3]))


def log_errors(rows: Sequence[Row], predictor: SimulatedPredictor) -> Floats:
    predicted = [predictor.module_ms(row.spec()) for row in rows]
    return np.asarray(np.log(np.array(predicted) / np.array([row.ms for row in rows])))


def spread(errors: Floats) -> dict[str, float]:
    low, high = np.exp(-np.quantile(errors, [0.95, 0.05]))
    return {
        "n": len(errors),
        "mean_abs_log_error": round(float(np.mean(np.abs(errors))), 3),
        "median_bias": round(float(np.exp(np.median(errors)) - 1), 3),
        "measured_over_predicted_p05": round(float(low), 2),
        "measured_over_predicted_p95": round(float(high), 2),
    }


FITTED = ("product", "tile_exponent", "cycles_per_depth", "bandwidth")
FITTED_DEPTHWISE = ("depthwise", "depthwise_bandwidth")
UNBOUNDED = ("tile_exponent", "cycles_per_depth")  # the others are shares
BAD = 1e3


def fit_efficiency(
    rows: Sequence[Row], shipped: SimulatedPredictor, names: Sequence[str]
) -> dict[str, float]:
    """Fit an efficiency from where it stands; shows what would be written to efficiency.py."""
    given, precision = shipped.efficiencies, shipped.precision
    specs, measured = [row.spec() for row in rows], np.array([row.ms for row in rows])

    def loss(values: Floats) -> float:
        changed = dict(zip(names, map(float, values), strict=True))
        shares = [value for name, value in changed.items() if name not in UNBOUNDED]
        if np.any(values <= 0) or max(shares) > 1:
            return BAD
        found = {**given, precision: replace(given[precision], **changed)}  # type: ignore[arg-type]
        tried = replace(shipped, efficiencies=found)
        predicted = np.array([tried.module_ms(spec) for spec in specs])
        return float(np.mean(np.abs(np.log(predicted / measured))))

    start = np.array([getattr(given[precision], name) for name in names])
    options = {"maxiter": 150, "xatol": 1e-3, "fatol": 1e-4}
    best = minimize(loss, start, method="Nelder-Mead", options=options).x
    return {name: round(float(value), 3) for name, value in zip(names, best, strict=True)}


if __name__ == "__main__":
    typer.run(main)
