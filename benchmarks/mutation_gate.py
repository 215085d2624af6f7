"""Does the gate catch what goes wrong in deployment, and let pass what does not?

Two small detectors, one-stage and two-stage, are trained on generated images and exported, the
first in fp16 and int8 too. Every fault of tests/export/mutations is planted into those that it
fits, the bundle is written anew with matching hashes, and `verify` judges it. Then good bundles
are verified again and again, on both CPU engines, each time on other images: any verdict but PASS
is a false alarm. A verdict that says how many more images would decide gets them, as its reader
would do. Quantised bundles are counted apart: they do lose AP.

    python -m benchmarks.mutation_gate                 # about an hour on one core
    python -m benchmarks.mutation_gate --minutes 20    # begin, or go on, for so long
    python -m benchmarks.mutation_gate --only nms      # the faults with "nms" in their names

Detectors, bundles, images and finished verdicts are kept in --work; delete its folder `verdicts`
after a change of the gate. The figures of all that is finished, and how much is not, go to
benchmarks/results/mutation-gate.json. The exit code is 1 where a target is missed, or not reached
yet.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import torch
import typer

from export import Drop, Outcome, VerifyReport, images_to_decide, verify_bundle
from searchspaces import write_atomically
from tests.export.mutations.catalogue import CATALOGUE
from tests.export.mutations.mutation import ANY, INT8, Mutation, Specimen
from tests.export.mutations.planting import failed_rungs, try_mutation
from tests.export.mutations.specimens import make_specimen

HERE = Path(__file__).parent
WORK, RESULTS = HERE / "work" / "mutations", HERE / "results"
ENGINES = ("onnxruntime", "openvino")
CLEAN = tuple((kind, engine) for engine in ENGINES for kind in ANY if kind != INT8)
CLEAN_INT8 = tuple((INT8, engine) for engine in ENGINES)
TARGET_SCORE, TARGET_FAULTS, TARGET_RUNS = 0.95, 40, 200
AP_LIMIT = 0.5
CLEAN_IMAGES = (15, 60)
"""Fewest and most images of a clean run."""

MAX_FOLLOWED = 2
"""How often an undecided run is repeated on as many more images as its verdict asks for."""

PASS = str(Outcome.PASS)
Row = dict[str, Any]
Rows = np.ndarray[Any, np.dtype[np.int64]]
Good = dict[tuple[str, str], Specimen]


@dataclass(frozen=True)
class Job:
    """Hold a verification and the file that keeps what it found."""

    file: Path
    find: Callable[[], Row]

    def row(self) -> Row | None:
        """Return what was found; ``None`` where it was not run."""
        return json.loads(self.file.read_text()) if self.file.exists() else None

    def finish(self) -> None:
        """Run it unless it was."""
        if not self.file.exists():
            write_atomically(self.file, json.dumps(self.find()).encode())


def main(
    only: Annotated[str, typer.Option(help="Plant faults whose names hold this.")] = "",
    images: Annotated[int, typer.Option(help="Verify planted faults on so many.")] = 60,
    clean: Annotated[int, typer.Option(help="Verifications of good bundles.")] = TARGET_RUNS,
    minutes: Annotated[float, typer.Option(help="Begin nothing after so many.")] = float("inf"),
    work: Path = WORK,
    output: Path = RESULTS / "mutation-gate.json",
) -> None:
    torch.set_num_threads(1)
    ends = time.monotonic() + 60 * minutes
    good = {(kind, engine): specimen(work, kind, engine) for kind in ANY for engine in ENGINES}
    (work / "verdicts").mkdir(exist_ok=True)
    groups = (
        fault_jobs(good, only, images, work),
        clean_jobs(good, CLEAN, clean, work),
        clean_jobs(good, CLEAN_INT8, clean // 5, work),
    )
    for job in in_turns(groups):
        if time.monotonic() < ends:
            job.finish()
    result = summary(*(found(jobs) for jobs in groups), images)
    result["specimens"] = {
        f"{kind}, {engine}": str(one.bundle.manifest.verdict.outcome)
        for (kind, engine), one in good.items()
    }
    result["not_run"] = sum(job.row() is None for jobs in groups for job in jobs)
    report(result)
    result["machine"] = {"cores": os.cpu_count(), "cpu": platform.processor()}
    packages = ("onnx", "onnxruntime", "openvino", "torch")
    result["software"] = {name: metadata.version(name) for name in packages}
    if not only:
        write_atomically(output, (json.dumps(result, indent=2) + "\n").encode())
    raise typer.Exit(0 if reached(result) else 1)


def fault_jobs(good: Good, only: str, images: int, work: Path) -> list[Job]:
    return [
        Job(
            work / "verdicts" / f"{mutation.name}-{kind.replace(' ', '-')}-{images}.json",
            partial(plant, mutation, good[kind, "onnxruntime"], images),
        )
        for mutation in CATALOGUE
        for kind in mutation.kinds
        if only in mutation.name
    ]


def clean_jobs(good: Good, kinds: Sequence[tuple[str, str]], count: int, work: Path) -> list[Job]:
    jobs = []
    for number in range(count):
        kind, engine = kinds[number % len(kinds)]
        name = f"clean-{number:03d}-{kind.replace(' ', '-')}-{engine}.json"
        run = partial(clean_run, good[kind, engine], number, work)
        jobs.append(Job(work / "verdicts" / name, run))
    return jobs


def in_turns(groups: Sequence[Sequence[Job]]) -> list[Job]:
    """Return all jobs in an order in which every group is half done when half is done."""
    placed = [
        ((place + 0.5) / len(jobs), number, job)
        for number, jobs in enumerate(groups)
        for place, job in enumerate(jobs)
    ]
    return [job for *_, job in sorted(placed, key=lambda item: item[:2])]


def found(jobs: Sequence[Job]) -> list[Row]:
    return [row for job in jobs if (row := job.row()) is not None]


def specimen(work: Path, kind: str, engine: str) -> Specimen:
    def show(message: str, done: float, total: float) -> None:
        if done % 50 == 0:
            print(f"  {kind}: {message} {done:g}/{total:g}", flush=True)

    return make_specimen(work, kind, engine, progress=show)


def plant(mutation: Mutation, good: Specimen, images: int) -> Row:
    with TemporaryDirectory() as folder:
        trial = try_mutation(mutation, good, Path(folder) / "bundle", images)
    mark = " " if trial.caught else "!"
    drop = "" if trial.drop is None else f"{trial.drop:+.1f} AP"
    print(
        f"{mark} {mutation.name:36} {good.kind:14} {trial.outcome:13} "
        f"{','.join(trial.rungs):34} {drop}",
        flush=True,
    )
    return trial.to_dict()


def clean_run(one: Specimen, number: int, work: Path) -> Row:
    """Verify a good bundle on images drawn anew, on more where the verdict asks for more."""
    rng = np.random.default_rng(number)
    pool = len(json.loads(annotations(one.data).read_text())["images"])
    count = int(rng.integers(*CLEAN_IMAGES, endpoint=True))
    rows = rng.choice(pool, count, replace=False)
    started = time.perf_counter()
    report = verify_part(one, rows, work)
    asked: list[int] = []
    while len(asked) < MAX_FOLLOWED and (more := images_asked_for(one, report)):
        asked.append(more)
        rest = np.setdiff1d(np.arange(pool), rows)
        rows = np.append(rows, rng.choice(rest, min(more, len(rest)), replace=False))
        report = verify_part(one, rows, work)
    run = {
        "seed": number,
        "detector": one.kind,
        "engine": one.bundle.engine.name,
        "images": len(rows),
        "asked_for": asked,
        "outcome": str(report.verdict.outcome),
        "alarms": list(failed_rungs(report)),
        "reason": report.verdict.reasons[0],
        **margins(report),
        "seconds": time.perf_counter() - started,
    }
    if run["outcome"] != PASS:
        print(f"! clean run {number}, {one.kind}: {run['reason']}", flush=True)
    elif number % 20 == 19:
        print(f"  clean run {number}", flush=True)
    return run


def verify_part(one: Specimen, rows: Rows, work: Path) -> VerifyReport:
    with TemporaryDirectory(dir=work) as name:
        write_part(one.data, Path(name), np.sort(rows).tolist())
        return verify_bundle(one.bundle, name, latency=False)


def images_asked_for(one: Specimen, report: VerifyReport) -> int:
    """Return how many more images the verdict says would decide; 0 for one that is decided."""
    ap = report.accuracy.row("AP")
    if report.verdict.outcome is not Outcome.INCONCLUSIVE or ap.drop_ci is None:
        return 0
    limit = one.bundle.manifest.limits.max_ap_drop
    return images_to_decide(Drop(ap.drop, ap.drop_ci), limit, report.images) or 0


def margins(report: VerifyReport) -> Row:
    """Return how far a good bundle is from every limit."""
    tensors, parity = report.tensors, report.parity
    worst = None if tensors is None else tensors.worst
    probe = None if tensors is None else tensors.worst_probe
    return {
        "worst_tensor": None if worst is None else worst.relative,
        "least_cosine": None if tensors is None else min(row.cosine for row in tensors.rows),
        "worst_probe": None if probe is None else probe.agreement,
        "matched": parity.matched_fraction,
        "mean_iou": parity.mean_iou,
        "mean_score_difference": parity.mean_score_difference,
        "score_difference": parity.max_score_difference,
        "ap_drop": report.accuracy.row("AP").drop,
    }


def annotations(data: Path) -> Path:
    return data / "annotations" / "instances_val.json"


def write_part(data: Path, folder: Path, rows: list[int]) -> None:
    """Write a data folder of some of the images."""
    document = json.loads(annotations(data).read_text())
    document["images"] = [document["images"][row] for row in rows]
    ids = {image["id"] for image in document["images"]}
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] in ids]
    annotations(folder).parent.mkdir()
    annotations(folder).write_text(json.dumps(document))
    (folder / "val").mkdir()
    for image in document["images"]:
        shutil.copyfile(data / "val" / image["file_name"], folder / "val" / image["file_name"])


def summary(faults: list[Row], runs: list[Row], quantised: list[Row], images: int) -> Row:
    by_name: dict[str, list[Row]] = {}
    for row in faults:
        by_name.setdefault(row["name"], []).append(row)
    caught = sum(all(map(is_caught, group)) for group in by_name.values())
    lowest = Counter(row["caught_by"][0] for row in faults if row["caught_by"])
    return {
        "targets": {"score": TARGET_SCORE, "faults": TARGET_FAULTS, "clean_runs": TARGET_RUNS},
        "images": images,
        "faults": len(by_name),
        "caught": caught,
        "score": caught / len(by_name) if by_name else None,
        "trials": len(faults),
        "trials_caught": sum(map(is_caught, faults)),
        "as_expected": sum(row["expected"] in row["caught_by"] for row in faults),
        "by_ap_alone": sum(r["ap_drop"] is None or r["ap_drop"] > AP_LIMIT for r in faults),
        "lowest_rung": dict(lowest.most_common()),
        "escaped": [f"{r['name']} ({r['detector']})" for r in faults if not is_caught(r)],
        "clean_runs": len(runs),
        "undecided_at_first": sum(bool(run.get("asked_for")) for run in runs),
        "false_alarms": sum(run["outcome"] != PASS for run in runs),
        "int8_runs": len(quantised),
        "int8_failed": sum(run["outcome"] == str(Outcome.FAIL) for run in quantised),
        "int8_undecided": sum(run["outcome"] == str(Outcome.INCONCLUSIVE) for run in quantised),
        "faults_planted": faults,
        "clean": runs,
        "int8": quantised,
    }


def is_caught(row: Row) -> bool:
    return bool(row["outcome"] != PASS)


def reached(result: Row) -> bool:
    return (
        result["faults"] >= TARGET_FAULTS
        and result["score"] >= TARGET_SCORE
        and result["clean_runs"] >= TARGET_RUNS
        and not result["false_alarms"]
    )


def report(result: Row) -> None:
    print(
        f"{result['caught']} of {result['faults']} faults caught, "
        f"{result['trials_caught']} of {result['trials']} plantings"
    )
    print(f"  by the rung that was expected to: {result['as_expected']}")
    for rung, count in result["lowest_rung"].items():
        print(f"  lowest rung {rung:10} {count:4}")
    print(f"  a limit of {AP_LIMIT:g} on the loss of AP alone: {result['by_ap_alone']}")
    print(f"escaped: {', '.join(result['escaped']) or 'none'}; not run yet: {result['not_run']}")
    print(
        f"{result['false_alarms']} false alarms in {result['clean_runs']} clean runs; "
        f"{result['undecided_at_first']} of them asked for more images and got them"
    )
    print(
        f"int8, whose loss is real: {result['int8_failed']} failed, {result['int8_undecided']} "
        f"undecided for want of images, of {result['int8_runs']} clean runs"
    )
    for name, outcome in result["specimens"].items():
        if outcome != PASS:
            print(f"  not good when it was made: {name} ({outcome})")


if __name__ == "__main__":
    typer.run(main)
