"""Predicted against measured latency of whole detectors that no fit has seen.

Spaces of all three papers, one- and two-stage, at two input sizes, are profiled for some minutes
each (chosen by the active profiler), all tables are fitted together, and other random detectors,
measured in the same way, are predicted. Beside it, on the same detectors:

* a line through multiply-adds, fitted to the same calibration detectors;
* the sum of modules timed alone (of one held-out detector of each space, at the smaller size);
* the same predictor without the measurements of the space that is predicted (leave one space out),
  with none of them and with its chains but none of its whole detectors.

    python benchmarks/predict_detectors.py --engine onnxruntime   # about 50 minutes
    python benchmarks/predict_detectors.py --engine openvino

Everything is measured in passes over all parts, so that minutes in which the machine is disturbed
fall on a share of every part and not on all of one. Tables are kept in --work, so that a run that
was stopped goes on; while others use the machine, it waits (--patience). Times are brought to one
speed of the machine by the sentinel; errors against the times as they were measured stand beside.
The figures are written to benchmarks/results/.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from benchmarks.patience import USUAL_MINUTES, Minutes, Patience, patience_for
from engines import TimingProtocol, get_backend
from latency import (
    DETECTOR,
    MODULE,
    Agenda,
    DetectorError,
    FixedAgenda,
    LatencyTable,
    Predictor,
    ProfileConfig,
    Workload,
    evaluate,
    fit,
    graph_macs,
    isolated_sum_ms,
    profile,
    read_table,
    score,
)
from searchspaces import chain, make_space, parse_size

RESULTS = Path(__file__).parent / "results"
SEED = 4004
"""Of the held-out detectors; those of 1001, 2002 and 3003 were looked at while the method was
worked on, those of 4004 were not."""

SIZES = ("160x224", "256x320")
TWO_STAGE = {"proposals": 50}
SPACES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("detnas-small", {"head": "retinanet"}),
    ("detnas-small", {"head": "fpn", **TWO_STAGE}),
    ("crnas-resnet50", TWO_STAGE),
    ("crnas-mobilenetv2", TWO_STAGE),
    ("smnas-structural", TWO_STAGE),
    ("smnas-modular", TWO_STAGE),
)
LONGER = {"smnas-structural": 4.0, "smnas-modular": 4.5}
"""Times as many minutes: 43 necks, 7 backbones and 24 heads have hardly a module in common; and
detectors of smnas-modular are larger and have thousands of modules to choose from."""

PASSES, EACH_PASS = 2, 2  # over all parts; replicates of held-out detectors in each

PAUSE_S, START_S = 60.0, 10.0
"""Longer than any visit; and about what the first visit and what came before it took."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """One space at one size: what is profiled and what is held out."""

    space: str
    options: tuple[tuple[str, Any], ...]
    size: str

    @property
    def name(self) -> str:
        head = dict(self.options).get("head")
        return "-".join(filter(None, (self.space, head, self.size)))

    @property
    def made_with(self) -> dict[str, Any]:
        return {**dict(self.options), "input_hw": parse_size(self.size), "num_classes": 80}


@dataclass(frozen=True, slots=True)
class Setting:
    """How much is measured, and where tables are kept."""

    engine: str
    minutes: float
    held_out: int
    seed: int
    work: Path
    exploratory: bool
    patience: Patience

    @property
    def protocol(self) -> TimingProtocol:
        return TimingProtocol(
            warmup_min_ms=60.0, warmup_max_ms=1500.0, min_samples=10, max_seconds=1.0
        )


def main(
    engine: str = "onnxruntime",
    minutes: Annotated[float, typer.Option(help="Of profiling per space and size.")] = 1.6,
    held_out: Annotated[int, typer.Option(help="Detectors per space and size.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the held-out detectors.")] = SEED,
    work: Path = Path("benchmarks/work/detectors"),
    alone: Annotated[bool, typer.Option(help="Also time modules alone, as a baseline.")] = True,
    exploratory: Annotated[bool, typer.Option(help="Go on on a busy machine.")] = False,
    patience: Minutes = USUAL_MINUTES,
) -> None:
    waiting = patience_for(engine, patience, exploratory=exploratory)
    setting = Setting(engine, minutes, held_out, seed, work, exploratory, waiting)
    parts = [
        Part(name, tuple(options.items()), size) for size in SIZES for name, options in SPACES
    ]
    for turn in range(PASSES):
        tables = {part: profiled(setting, part, turn) for part in parts}
    profile_s = sum(map(seconds_of, tables.values()))
    for turn in range(PASSES):
        unseen = {part: kept_aside(setting, part, turn) for part in parts}
    singles = {
        part: timed_alone(setting, part) for part in parts if alone and part.size == SIZES[0]
    }
    predictor = fit(joined(tables.values()))
    rows = [
        *compared("all", predictor, tables, unseen),
        *(
            row
            for part in parts
            for row in compared(part.name, predictor, tables, {part: unseen[part]})[:1]
        ),
        *(isolated(predictor, singles, unseen) if singles else []),
        *without_each_space(tables, unseen),
    ]
    show(rows)
    record = {
        "command": "python benchmarks/predict_detectors.py " + " ".join(sys.argv[1:]),
        "device": tables[parts[0]].device.to_dict(),
        "software": dict(tables[parts[0]].manifest.software),
        "held_out_seed": seed,
        "profile_seconds": profile_s,
        "measurements": {part.name: len(tables[part].rows) for part in parts},
        "spread": asdict(predictor.joint.spread) if predictor.joint else None,
        "scores": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"predict-detectors-{engine}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"profiled in {profile_s:.0f} s; written to {path}")


def seconds_of(table: LatencyTable) -> float:
    """Return how long a profile took by its rows, pauses between sessions left out."""
    begun = sorted(
        datetime.fromisoformat(row.measurement.started_at).timestamp()
        for row in table.rows
        if row.measurement
    )
    steps = np.diff(begun)
    return float(steps[steps < PAUSE_S].sum()) + PASSES * START_S


def profiled(setting: Setting, part: Part, turn: int) -> LatencyTable:
    minutes = setting.minutes * LONGER.get(part.space, 1.0) / PASSES
    return _measure(setting, part, "profile", turn, minutes=minutes, detectors=24, replicates=2)


def kept_aside(setting: Setting, part: Part, turn: int) -> LatencyTable:
    return _measure(
        setting,
        part,
        "held-out",
        turn,
        modules=False,
        detectors=setting.held_out,
        replicates=EACH_PASS * (turn + 1),
        seed=setting.seed,
    )


def timed_alone(setting: Setting, part: Part) -> LatencyTable:
    """Time every module of a held-out detector alone: what the simplest predictor sums."""
    unseen = kept_aside(setting, part, PASSES - 1)
    held = [workload.graph for workload, _ in unseen.detectors()][:1]
    specs = dict.fromkeys(spec for graph in held for spec in graph.counts())
    modules = [Workload(MODULE, spec.kind, chain([spec])) for spec in specs]
    return _measure(setting, part, "alone", 0, detectors=1, agenda=FixedAgenda(modules, 1, 0))


def _measure(
    setting: Setting,
    part: Part,
    name: str,
    turn: int,
    *,
    agenda: Agenda | None = None,
    **config: Any,
) -> LatencyTable:
    begun = time.monotonic()
    common: dict[str, Any] = {"protocol": setting.protocol, "exploratory": setting.exploratory}
    path = setting.work / f"{setting.engine}-{part.name}-{name}.jsonl"
    finished = path.with_suffix(f".pass-{turn}")
    if finished.exists():
        return read_table(path)
    table = setting.patience.run(
        lambda: profile(
            make_space(part.space, **part.made_with),
            get_backend(setting.engine),
            ProfileConfig(input_sets=2, **common, **config),
            path,
            space_options=part.made_with,
            agenda=agenda,
            resume=True,
        )
    )
    finished.touch()
    refused = sum(row.refused is not None for row in table.rows)
    print(
        f"{part.name} {name}, pass {turn + 1}: {len(table.rows)} rows, {refused} refused, "
        f"{len(table.failures)} failed, {time.monotonic() - begun:.0f} s",
        flush=True,
    )
    return table


Tables = Mapping[Part, LatencyTable]


def joined(tables: Iterable[LatencyTable]) -> LatencyTable:
    first, *others = tables
    for table in others:
        first = first.merge(table)
    return first


def compared(
    what: str, predictor: Predictor, tables: Tables, unseen: Tables
) -> list[dict[str, Any]]:
    """Compare the predictor, and a line through multiply-adds, on held-out detectors."""
    held = joined(unseen.values())
    found = evaluate(predictor, held)
    if found.left_out:
        raise SystemExit(f"{found.left_out} held-out detectors of {what} were fitted on")
    measured = np.array([item.measured_ms for item in found.detectors])
    known = joined(tables.values())
    ms = np.array([known.normalised_ms(work.key) for work, _ in known.detectors()])
    line = _line(_macs(known), ms, _macs(held))
    scores = {
        "joint costs": {
            **asdict(found.scores),
            "mape_as_measured": found.as_measured.mape,
            "interval_coverage": found.interval_coverage,
        },
        "line through MACs": asdict(score(line, measured)),
    }
    return [{"what": what, "prediction": name, **each} for name, each in scores.items()]


def _macs(table: LatencyTable) -> Floats:
    return np.array([graph_macs(work.graph) for work, _ in table.detectors()], np.float64)


def _line(macs: Floats, ms: Floats, asked: Floats) -> Floats:
    """Fit ``a macs + b`` to relative errors."""
    design = np.stack([macs / ms, 1.0 / ms], axis=1)
    slope, start = np.linalg.lstsq(design, np.ones(len(ms)), rcond=None)[0]
    return np.asarray(slope * asked + start)


def isolated(predictor: Predictor, alone: Tables, unseen: Tables) -> list[dict[str, Any]]:
    """Compare the predictor and the sum of modules timed alone on the same detectors."""
    sums, ours, measured = [], [], []
    for part, table in alone.items():
        graphs = [workload.graph for workload, _ in unseen[part].detectors()][:1]
        held = evaluate(predictor, unseen[part]).detectors[:1]
        sums += isolated_sum_ms(table, graphs).tolist()
        ours += [item.predicted_ms for item in held]
        measured += [item.measured_ms for item in held]
    true = np.array(measured)
    return [
        {"what": "one of each", "prediction": name, **asdict(score(np.array(ms), true))}
        for name, ms in (("joint costs", ours), ("sum of modules alone", sums))
    ]


def without_each_space(tables: Tables, unseen: Tables) -> list[dict[str, Any]]:
    """Predict each space from the others, and from the others and its own chains."""
    rows = []
    for left_out in ("measurements", "whole detectors"):
        found: list[DetectorError] = []
        for name in dict.fromkeys(name for name, _ in SPACES):
            known = [
                _chains_of(table) if part.space == name else table
                for part, table in tables.items()
                if part.space != name or left_out != "measurements"
            ]
            held = joined(table for part, table in unseen.items() if part.space == name)
            result = evaluate(fit(joined(known)), held).detectors
            rows.append(_scored(f"{name} without its {left_out}", result))
            found += result
        rows.append(_scored(f"each without its {left_out}", found))
    return rows


def _scored(what: str, found: Sequence[DetectorError]) -> dict[str, Any]:
    predicted, measured = (
        np.array([getattr(item, name) for item in found])
        for name in ("predicted_ms", "measured_ms")
    )
    inside = [item.visits_inside for item in found]
    return {
        "what": what,
        "prediction": "joint costs",
        **asdict(score(predicted, measured)),
        "interval_coverage": float(np.mean(inside)),
    }


def _chains_of(table: LatencyTable) -> LatencyTable:
    rows = tuple(row for row in table.rows if row.workload.role != DETECTOR)
    return replace(table, rows=rows)


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    print(f"{'what':44} {'prediction':21} {'n':>3} {'MAPE %':>7} {'<=5 %':>6} {'tau':>6} inside")
    for row in rows:
        inside = row.get("interval_coverage")
        print(
            f"{row['what']:44} {row['prediction']:21} {row['n']:3d} {row['mape']:7.2f} "
            f"{row['within_5pct']:6.2f} {row['kendall_tau']:6.3f} "
            f"{'' if inside is None else f'{inside:.2f}'}"
        )


if __name__ == "__main__":
    typer.run(main)
