"""Predicted against measured latency of whole detectors that no fit has seen.

For each head: profile a space on this machine's CPU, fit, measure other random detectors, and
compare three predictions of them in the same run: in-context modules with closure (detfit's), the
sum of modules timed alone, and a fit proportional to multiply-adds.

    python benchmarks/predict_detectors.py    # detnas-small at 320x320: about 30 minutes
    python benchmarks/predict_detectors.py --space detnas-nano --input 160x160

Tables are kept in --work, so that a second run goes on where the first stopped. The figures are
written to benchmarks/results/.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from engines import TimingProtocol, get_backend
from latency import (
    Evaluation,
    LatencyTable,
    ProfileConfig,
    evaluate,
    fit,
    isolated_sum_ms,
    macs_proportional_ms,
    profile,
    score,
)
from searchspaces import format_size, make_space, parse_size

RESULTS = Path(__file__).parent / "results"
HELD_OUT_SEED = 1


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
    work: Path

    @property
    def options(self) -> dict[str, Any]:
        return {"head": self.head, "input_hw": parse_size(self.size), "num_classes": 80}


def main(
    space: str = "detnas-small",
    heads: Annotated[str, typer.Option(help="Comma-separated.")] = "retinanet,fpn",
    size: Annotated[str, typer.Option("--input")] = "320x320",
    engine: str = "onnxruntime",
    detectors: Annotated[int, typer.Option(help="Calibration detectors per head.")] = 12,
    held_out: Annotated[int, typer.Option(help="Held-out detectors per head.")] = 12,
    seconds: Annotated[float, typer.Option(help="At most this long per measurement.")] = 2.0,
    work: Path = Path("benchmarks/work"),
) -> None:
    rows, compared, device = [], [], {}
    for head in heads.split(","):
        setting = Setting(space, head, size, engine, detectors, held_out, seconds, work)
        begun = time.monotonic()
        table = _profile(setting, "profile", modules=True, isolated=True, seed=0)
        profile_s = time.monotonic() - begun
        unseen = _profile(setting, "held-out", modules=False, seed=HELD_OUT_SEED)
        result = evaluate(fit(table), unseen)
        device = table.device.to_dict()
        rows += _rows(head, table, unseen, result)
        compared += [{"head": head, **asdict(item)} for item in result.detectors]
        print(
            f"{head}: profiled in {profile_s:.0f} s (0 s where an earlier run's table was there)"
        )
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


def _rows(
    head: str, table: LatencyTable, unseen: LatencyTable, result: Evaluation
) -> list[dict[str, Any]]:
    known = {workload.key for workload, _ in table.detectors()}
    both = [workload.label for workload, _ in unseen.detectors() if workload.key in known]
    if both:
        raise SystemExit(f"held-out detectors were calibrated on: {both}")
    graphs = [workload.graph for workload, _ in unseen.detectors()]
    measured = np.array([measurement.median_ms for _, measurement in unseen.detectors()])
    ours = {**asdict(result.scores), "interval_coverage": result.interval_coverage}
    return [
        {"head": head, "prediction": "in context + closure", **ours},
        {
            "head": head,
            "prediction": "sum of isolated modules",
            **asdict(score(isolated_sum_ms(table, graphs), measured)),
        },
        {
            "head": head,
            "prediction": "proportional to MACs",
            **asdict(score(macs_proportional_ms(table, graphs), measured)),
        },
    ]


def _progress(name: str) -> Any:
    last = [0.0]

    def show(message: str, done: float, total: float) -> None:
        if time.monotonic() - last[0] > 15:
            last[0] = time.monotonic()
            print(f"  {name}: {done:.0f}/{total:.0f} {message}", flush=True)

    return show


def _print(rows: list[dict[str, Any]]) -> None:
    print(f"{'head':10} {'prediction':24} {'n':>3} {'MAPE %':>7} {'<=5 %':>6} {'<=10 %':>6} tau")
    for row in rows:
        print(
            f"{row['head']:10} {row['prediction']:24} {row['n']:3d} {row['mape']:7.2f} "
            f"{row['within_5pct']:6.2f} {row['within_10pct']:6.2f} {row['kendall_tau']:.2f}"
        )


if __name__ == "__main__":
    typer.run(main)
