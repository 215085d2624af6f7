"""Does the gate catch what goes wrong in deployment, and let pass what does not?

Two small detectors, one-stage and two-stage, are trained on generated images and exported, the
first in fp16 and int8 too. Every fault of tests/export/mutations is planted into those that it
fits, the bundle is written anew with matching hashes, and `verify` judges it. Then good bundles
are verified again and again, on both CPU engines, each time on other images: any verdict but PASS
is a false alarm. Quantised ones are counted apart: they do lose AP, and fifteen images may be too
few to bound it.

    python -m benchmarks.mutation_gate                 # about an hour on one core
    python -m benchmarks.mutation_gate --only nms      # the faults with "nms" in their names

Detectors, bundles and images are kept in benchmarks/work/. The figures are written to
benchmarks/results/.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections import Counter
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import torch
import typer

from export import Outcome, VerifyReport, verify_bundle
from tests.export.mutations.catalogue import CATALOGUE
from tests.export.mutations.mutation import ANY, INT8, Mutation, Specimen
from tests.export.mutations.planting import Trial, failed_rungs, try_mutation
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


def main(
    only: Annotated[str, typer.Option(help="Plant faults whose names hold this.")] = "",
    images: Annotated[int, typer.Option(help="Verify planted faults on so many.")] = 60,
    clean: Annotated[int, typer.Option(help="Verifications of good bundles.")] = TARGET_RUNS,
    work: Path = WORK,
    output: Path = RESULTS / "mutation-gate.json",
) -> None:
    torch.set_num_threads(1)
    good = {(kind, engine): specimen(work, kind, engine) for kind in ANY for engine in ENGINES}
    chosen = [mutation for mutation in CATALOGUE if only in mutation.name]
    trials = [
        shown(mutation, good[kind, "onnxruntime"], images)
        for mutation in chosen
        for kind in mutation.kinds
    ]
    runs = [clean_run(good[CLEAN[n % len(CLEAN)]], n, work) for n in range(clean)]
    quantised = [
        clean_run(good[CLEAN_INT8[n % len(CLEAN_INT8)]], n, work) for n in range(clean // 5)
    ]
    result = summary(trials, runs, quantised, images)
    report(result)
    result["machine"] = {"cores": os.cpu_count(), "cpu": platform.processor()}
    packages = ("onnx", "onnxruntime", "openvino", "torch")
    result["software"] = {name: metadata.version(name) for name in packages}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2) + "\n")


def specimen(work: Path, kind: str, engine: str) -> Specimen:
    def show(message: str, done: float, total: float) -> None:
        if done % 50 == 0:
            print(f"  {kind}: {message} {done:g}/{total:g}", flush=True)

    return make_specimen(work, kind, engine, progress=show)


def shown(mutation: Mutation, good: Specimen, images: int) -> Trial:
    with TemporaryDirectory() as folder:
        trial = try_mutation(mutation, good, Path(folder) / "bundle", images)
    mark = " " if trial.caught else "!"
    drop = "" if trial.drop is None else f"{trial.drop:+.1f} AP"
    print(
        f"{mark} {mutation.name:36} {good.kind:10} {trial.outcome:13} "
        f"{','.join(trial.rungs):34} {drop}",
        flush=True,
    )
    return trial


def clean_run(one: Specimen, number: int, work: Path) -> dict[str, Any]:
    """Verify a good bundle on images drawn anew."""
    rng = np.random.default_rng(number)
    with TemporaryDirectory(dir=work) as name:
        count = write_part(one.data, Path(name), rng)
        started = time.perf_counter()
        found = verify_bundle(one.bundle, name, latency=False)
    run = {
        "seed": number,
        "detector": one.kind,
        "engine": one.bundle.engine.name,
        "images": count,
        "outcome": str(found.verdict.outcome),
        "alarms": list(failed_rungs(found)),
        **margins(found),
        "seconds": time.perf_counter() - started,
    }
    if found.verdict.outcome is not Outcome.PASS:
        print(f"! clean run {number}, {one.kind}: {found.verdict.reasons[0]}", flush=True)
    elif number % 20 == 19:
        print(f"  {number + 1} clean runs", flush=True)
    return run


def margins(found: VerifyReport) -> dict[str, Any]:
    """Return how far a good bundle is from every limit."""
    tensors, parity = found.tensors, found.parity
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
        "ap_drop": found.accuracy.row("AP").drop,
    }


def write_part(data: Path, folder: Path, rng: np.random.Generator) -> int:
    """Write a data folder of some of the images; return of how many."""
    document = json.loads((data / "annotations" / "instances_val.json").read_text())
    count = int(rng.integers(*CLEAN_IMAGES, endpoint=True))
    rows = np.sort(rng.choice(len(document["images"]), count, replace=False)).tolist()
    document["images"] = [document["images"][row] for row in rows]
    ids = {image["id"] for image in document["images"]}
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] in ids]
    (folder / "annotations").mkdir()
    (folder / "annotations" / "instances_val.json").write_text(json.dumps(document))
    (folder / "val").mkdir()
    for image in document["images"]:
        shutil.copyfile(data / "val" / image["file_name"], folder / "val" / image["file_name"])
    return count


def summary(
    trials: list[Trial],
    runs: list[dict[str, Any]],
    quantised: list[dict[str, Any]],
    images: int,
) -> dict[str, Any]:
    by_name: dict[str, list[Trial]] = {}
    for trial in trials:
        by_name.setdefault(trial.mutation.name, []).append(trial)
    caught = sum(all(trial.caught for trial in group) for group in by_name.values())
    lowest = Counter(trial.rungs[0] for trial in trials if trial.rungs)
    return {
        "targets": {"score": TARGET_SCORE, "faults": TARGET_FAULTS, "clean_runs": TARGET_RUNS},
        "images": images,
        "faults": len(by_name),
        "caught": caught,
        "score": caught / len(by_name) if by_name else None,
        "trials": len(trials),
        "trials_caught": sum(trial.caught for trial in trials),
        "as_expected": sum(trial.mutation.rung in trial.rungs for trial in trials),
        "by_ap_alone": sum(t.drop is None or t.drop > AP_LIMIT for t in trials),
        "lowest_rung": dict(lowest.most_common()),
        "escaped": [f"{t.mutation.name} ({t.kind})" for t in trials if not t.caught],
        "clean_runs": len(runs),
        "false_alarms": sum(bool(run["alarms"]) for run in runs),
        "faults_planted": [trial.to_dict() for trial in trials],
        "int8_runs": len(quantised),
        "int8_failed": sum(run["outcome"] == str(Outcome.FAIL) for run in quantised),
        "int8_undecided": sum(run["outcome"] == str(Outcome.INCONCLUSIVE) for run in quantised),
        "clean": runs,
        "int8": quantised,
    }


def report(result: dict[str, Any]) -> None:
    print(
        f"{result['caught']} of {result['faults']} faults caught, "
        f"{result['trials_caught']} of {result['trials']} plantings"
    )
    print(f"  by the rung that was expected to: {result['as_expected']}")
    for rung, count in result["lowest_rung"].items():
        print(f"  lowest rung {rung:10} {count:4}")
    print(f"  a limit of {AP_LIMIT:g} on the loss of AP alone: {result['by_ap_alone']}")
    print(f"escaped: {', '.join(result['escaped']) or 'none'}")
    print(f"{result['false_alarms']} false alarms in {result['clean_runs']} clean runs")
    print(
        f"int8, whose loss is real: {result['int8_failed']} failed, {result['int8_undecided']} "
        f"undecided for want of images, of {result['int8_runs']} clean runs"
    )


if __name__ == "__main__":
    typer.run(main)
