"""How well a supernet ranks architectures: Kendall's tau against their own training.

A supernet of `detnas-nano` is trained on generated images (five classes, scales 1:8, objects that
hide each other), scores random paths on images kept aside, and some of them are trained by
themselves on the same images. Beside tau with its 95 % interval stand the order of the entropy
score without training, and how the supernet's scores move between 50, 200 and 2,000
recalibration images.

    python benchmarks/supernet_ranking.py        # about an hour on a core

Everything is kept in --work, in a folder for each length of the trainings: a run that was stopped
goes on. Figures are written to benchmarks/results/supernet-ranking.json.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer

from detection import ShapesRecipe, TrainConfig, write_shapes
from search import (
    ANCHORS_FILE,
    Objective,
    ProxyEvaluator,
    RankAgreement,
    SearchResult,
    SearchSettings,
    SupernetStage,
    counted_objective,
    rank_agreement,
    run_search,
    train_anchors,
)
from searchspaces import make_space

RESULT = Path(__file__).parent / "results" / "supernet-ranking.json"
SPACE = "detnas-nano"
OPTIONS: dict[str, Any] = {"head": "fpn", "input_hw": (128, 128), "num_classes": 5}
RECIPE = ShapesRecipe(
    num_train=2600,
    num_val=100,
    image_hw=(128, 128),
    num_classes=5,
    objects=(1, 6),
    size_px=(14.0, 112.0),
    max_occlusion=0.4,
    rotation_deg=45.0,
)
RECALIBRATION = (50, 200, 2000)


def main(
    supernet_steps: int = 6000,
    anchor_steps: int = 1500,
    anchors: int = 8,
    paths: int = 30,
    work: Path = Path("benchmarks/work/ranking"),
    output: Path = RESULT,
) -> None:
    torch.set_num_threads(1)
    data = write_shapes(work / "shapes", RECIPE)
    space = make_space(SPACE, **OPTIONS)
    settings = SearchSettings(strategy="random", search_images=300, recalibration_images=200)
    stage = SupernetStage(space, OPTIONS, data, settings, learning(supernet_steps))
    folder = work / f"run-{OPTIONS['head']}-{supernet_steps}-{anchor_steps}"
    begun = time.monotonic()
    result = run_search(
        space,
        "random",
        stage,
        (counted_objective("macs", space), Objective("ap", "max", "AP")),
        evals=paths,
        out_dir=folder,
        resume=True,
        space_options=OPTIONS,
        context={"data": stage.identity, "search_images": settings.search_images},
        prepare=lambda: stage.prepare(folder, heard),
        progress=heard,
    )
    found = train_anchors(result, data, learning(anchor_steps), anchors, progress=heard)
    trained = json.loads((folder / ANCHORS_FILE).read_text())["scores"]
    record = {
        "command": "python benchmarks/supernet_ranking.py " + " ".join(sys.argv[1:]),
        "machine": platform.platform(),
        "versions": {name: metadata.version(name) for name in ("torch", "torchvision", "numpy")},
        "supernet_steps": supernet_steps,
        "anchor_steps": anchor_steps,
        "seconds": time.monotonic() - begun,
        "supernet": plain(found),
        "entropy_score": plain(entropy_agreement(result, trained)),
        "anchors": scores(result, trained),
        "recalibration": recalibrated(folder, data, settings, trained),
    }
    print(json.dumps({k: record[k] for k in ("supernet", "entropy_score")}, indent=1))
    output.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {output}")


def learning(steps: int) -> TrainConfig:
    return TrainConfig(
        steps=steps, batch_size=4, lr=0.05, warmup_steps=max(1, steps // 15), log_every=50
    )


def scores(result: SearchResult, trained: dict[str, float]) -> list[dict[str, Any]]:
    known = {e.code: e.values[1] for e in result.history}
    return [
        {"arch": code, "ap_supernet": known[code], "ap_trained": ap}
        for code, ap in trained.items()
    ]


def entropy_agreement(result: SearchResult, trained: dict[str, float]) -> RankAgreement | None:
    space = make_space(SPACE, **OPTIONS)
    proxy = ProxyEvaluator(space)
    told = [proxy.evaluate(space.decode(code))["entropy"] for code in trained]
    return rank_agreement("entropy", told, list(trained.values()))


def recalibrated(
    folder: Path,
    data: Path,
    settings: SearchSettings,
    trained: dict[str, float],
) -> list[dict[str, Any]]:
    """Score the anchors again with fewer and more images for their statistics."""

    space, rows = make_space(SPACE, **OPTIONS), []
    for images in RECALIBRATION:
        changed = replace(settings, recalibration_images=images)
        again = SupernetStage(space, OPTIONS, data, changed, learning(1))
        again.prepare(folder)
        told = [again.evaluate(space.decode(code))["ap"] for code in trained]
        agreement = rank_agreement("ap", told, list(trained.values()))
        rows.append(
            {
                "images": images,
                "mean_ap": float(np.mean(told)),
                "kendall_tau": None if agreement is None else agreement.kendall_tau,
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def plain(found: RankAgreement | None) -> dict[str, Any] | None:
    return None if found is None else found.to_dict()


def heard(message: str, done: float, total: float) -> None:
    if done % 250 == 0:
        print(f"{time.strftime('%H:%M:%S')} {message} {done:.0f}/{total:.0f}", flush=True)


if __name__ == "__main__":
    typer.run(main)
