"""The gate's paired bootstrap against evaluating every resample with pycocotools.

Images, objects and detections are generated: 200 images of 80 classes, 7 objects an image, 100
detections an image by "torch" and as many by an "engine" whose boxes and scores are a little off.

    python benchmarks/paired_bootstrap.py                    # about a minute
    python benchmarks/paired_bootstrap.py --coverage 100     # do the intervals hold: 10 more

Naive is what one would write without it: copy the drawn images, run pycocotools, 1,000 times on
both sides. It is run on a few resamples, which also show that the numbers are the same.

The figures are written to benchmarks/results/.
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from detection import (
    AP_NAMES,
    CocoAnnotations,
    ImageDetections,
    evaluate_coco,
    match_images,
    weighted_ap,
)
from export import paired_drops

RESULTS = Path(__file__).parent / "results"
TARGET_S = 10.0
CLASSES = 80
OBJECTS = 7.0
Sides = tuple[list[ImageDetections], list[ImageDetections]]
Noise = tuple[float, float, float]
NOISES: dict[str, Noise] = {"like fp16": (2e-3, 2e-3, 0.0), "like int8": (0.02, 0.03, 0.01)}
"""Boxes (of their size), scores, and the share of detections that the engine loses."""


def main(
    images: int = 200,
    resamples: int = 1000,
    naive: Annotated[int, typer.Option(help="Resamples for the naive way.")] = 3,
    coverage: Annotated[int, typer.Option(help="Data sets drawn to see intervals hold.")] = 0,
    output: Path = RESULTS / "paired-bootstrap.json",
) -> None:
    rng = np.random.default_rng(0)
    row = speed(rng, images, resamples, naive)
    print(f"{images} images, {row['detections']:,} detections a side, {resamples} resamples")
    print(f"  detfit        {row['ours_s']:8.1f} s (of a processor: {row['ours_cpu_s']:.1f} s)")
    print(f"  pycocotools   {row['naive_s']:8.1f} s (from {naive} resamples)")
    print(f"  faster by     {row['faster']:8.0f} x; largest difference {row['difference']:.1e}")
    result: dict[str, Any] = {"target_s": TARGET_S, "speed": row}
    if coverage:
        result["coverage"] = [covered(rng, name, coverage) for name in NOISES]
        for entry in result["coverage"]:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in entry["held"].items())
            print(
                f"  95 % intervals, engine {entry['engine']}, {entry['images']} images: {shares}"
            )
    result["machine"] = {"cores": os.cpu_count(), "cpu": platform.processor()}
    result["software"] = {name: metadata.version(name) for name in ("numpy", "pycocotools")}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2) + "\n")


def speed(rng: np.random.Generator, images: int, resamples: int, naive: int) -> dict[str, Any]:
    document = objects(rng, images, CLASSES)
    sides = detections(rng, document, NOISES["like int8"], 100)
    annotations = read(document)
    start, cpu = time.perf_counter(), time.process_time()
    matches = [match_images(annotations, side) for side in sides]
    drops = paired_drops(matches[0], matches[1], resamples=resamples)
    done, cpu_s = time.perf_counter(), time.process_time() - cpu
    weights = rng.multinomial(images, np.full(images, 1 / images), size=naive)
    ours = weighted_ap(matches[0], weights) - weighted_ap(matches[1], weights)
    before = time.perf_counter()
    theirs = np.array([by_pycocotools(document, sides, weight) for weight in weights])
    naive_s = (time.perf_counter() - before) / naive * resamples
    return {
        "images": images,
        "resamples": resamples,
        "detections": sum(map(len, sides[0])),
        "ours_s": done - start,
        "ours_cpu_s": cpu_s,
        "naive_s": naive_s,
        "faster": naive_s / (done - start),
        "difference": float(np.nanmax(abs(ours - theirs))),
        "ap_drop": drops["ap"].points,
        "ap_drop_ci": drops["ap"].ci,
    }


def covered(
    rng: np.random.Generator, engine: str, trials: int, images: int = 100
) -> dict[str, Any]:
    """Draw data sets from a large one; count how often the intervals hold its difference."""
    document = objects(rng, 40 * images, 10)
    sides = detections(rng, document, NOISES[engine], 20)
    annotations = read(document)
    once = np.ones((1, len(document["images"])), np.int64)
    whole = [weighted_ap(match_images(annotations, side), once)[0] for side in sides]
    truth = 100 * (whole[0] - whole[1])
    held = dict.fromkeys(AP_NAMES, 0)
    widths = []
    for _ in range(trials):
        rows = np.sort(rng.choice(len(document["images"]), images, replace=False)).tolist()
        part = annotations.subset([document["images"][row]["id"] for row in rows])
        matches = [match_images(part, [side[row] for row in rows]) for side in sides]
        drops = paired_drops(matches[0], matches[1], resamples=400)
        for name, value in zip(AP_NAMES, truth.tolist(), strict=True):
            held[name] += drops[name].ci[0] <= value <= drops[name].ci[1]
        widths.append(drops["ap"].ci[1] - drops["ap"].ci[0])
    return {
        "engine": engine,
        "images": images,
        "trials": trials,
        "held": {name: count / trials for name, count in held.items()},
        "mean_ap_width": float(np.mean(widths)),
    }


def objects(rng: np.random.Generator, images: int, classes: int) -> dict[str, Any]:
    """Make annotations: a few classes are common and many rare, as in COCO."""
    share = 1 / np.arange(1, classes + 1)
    rows: list[dict[str, Any]] = []
    for image in range(1, images + 1):
        for _ in range(rng.poisson(OBJECTS)):
            box = random_box(rng)
            label = int(rng.choice(classes, p=share / share.sum())) + 1
            rows.append({"id": len(rows) + 1, "image_id": image, "category_id": label})
            rows[-1].update(bbox=box.tolist(), area=float(box[2] * box[3]) * 0.6, iscrowd=0)
    return {
        "images": [
            {"id": i + 1, "file_name": f"{i}.jpg", "height": 480, "width": 640}
            for i in range(images)
        ],
        "annotations": rows,
        "categories": [{"id": i + 1, "name": f"class {i}"} for i in range(classes)],
    }


def random_box(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    size = np.minimum(np.exp(rng.uniform(2, 6, 2)), (600, 440))
    return np.concatenate([rng.uniform(0, 1, 2) * ((640, 480) - size), size])


def detections(
    rng: np.random.Generator, document: dict[str, Any], noise: Noise, most: int
) -> Sides:
    """Find most objects with some error, and false ones; then again as an engine would."""
    by_image: dict[int, list[Any]] = {image["id"]: [] for image in document["images"]}
    for row in document["annotations"]:
        by_image[row["image_id"]].append(row)
    sides: Sides = ([], [])
    for image_id, rows in by_image.items():
        seen = [row for row in rows if rng.random() < 0.85]
        false = max(0, most - len(seen))
        xywh = [row["bbox"] + rng.normal(0, 0.07, 4) * (row["bbox"][2:] * 2) for row in seen]
        xywh += [random_box(rng) for _ in range(false)]
        boxes = np.array(xywh)
        boxes[:, 2:] = boxes[:, :2] + np.maximum(boxes[:, 2:], 1)
        scores = np.concatenate([rng.beta(3, 2, len(seen)), rng.beta(1, 6, false)])
        wrong = rng.integers(1, len(document["categories"]) + 1, false)
        labels = np.concatenate([[row["category_id"] for row in seen], wrong]).astype(np.int64)
        sides[0].append(ImageDetections(image_id, boxes, scores, labels))
        sides[1].append(disturbed(rng, sides[0][-1], noise))
    return sides


def disturbed(rng: np.random.Generator, found: ImageDetections, noise: Noise) -> ImageDetections:
    size = np.tile(found.boxes[:, 2:] - found.boxes[:, :2], 2)
    kept = rng.random(len(found)) >= noise[2]
    boxes = found.boxes + rng.normal(0, noise[0], size.shape) * size
    scores = found.scores + rng.normal(0, noise[1], len(found))
    return ImageDetections(found.image_id, boxes[kept], scores[kept], found.category_ids[kept])


def by_pycocotools(
    document: dict[str, Any], sides: Sides, weights: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the differences on a copy of the data set that has the drawn images."""
    drawn = np.repeat(np.arange(len(weights)), weights).tolist()
    by_image: dict[int, list[Any]] = {}
    for row in document["annotations"]:
        by_image.setdefault(row["image_id"], []).append(row)
    images = [{**document["images"][row], "id": i} for i, row in enumerate(drawn, 1)]
    rows = [
        {**row, "image_id": i}
        for i, image in enumerate(drawn, 1)
        for row in by_image.get(document["images"][image]["id"], ())
    ]
    for number, row in enumerate(rows, 1):
        row["id"] = number
    annotations = read({**document, "images": images, "annotations": rows})
    ap = []
    for side in sides:
        found = [replace(side[row], image_id=i) for i, row in enumerate(drawn, 1)]
        report = evaluate_coco(annotations, found, backend="pycocotools")
        ap.append([getattr(report, name) for name in AP_NAMES])
    return np.asarray(np.array(ap[0]) - np.array(ap[1]))


def read(document: dict[str, Any]) -> CocoAnnotations:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "instances.json"
        path.write_text(json.dumps(document))
        return CocoAnnotations.load(path)


if __name__ == "__main__":
    typer.run(main)
