"""CR-NAS from end to end on generated pictures: every stage code, then the dilations of the best.

A narrow supernet of ResNet-50-like detectors (16 blocks) is trained on generated shapes. All 153
eligible stage codes are evaluated with its weights, so that the best of them is known under this
evaluator; on that code the dilations of the 16 blocks are decided by the greedy beam (K = 3), 138
evaluations of partial and, at last, whole codes. Everything is done by `strategy="crnas"`.

    python benchmarks/crnas_generated.py                                # one CPU thread
    python benchmarks/crnas_generated.py --steps 200 --work W --result R.json   # a look

The run is kept in --work: stopped at any moment, the same command goes on. Figures are written to
benchmarks/results/crnas-generated.json. They are accuracies of a small supernet's paths, not of
trained networks; the order of close codes is not to be trusted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from detection import ShapesRecipe, TrainConfig, write_shapes
from search import (
    Objective,
    SearchResult,
    SearchSettings,
    SupernetStage,
    is_partial,
    optimality_of,
    results_by_budget,
    run_search,
)
from searchspaces import Architecture, CrNasSpace, DetectorSpec, Fpn, RetinaNetHead, octave_scales

HERE = Path(__file__).parent
RESULT, WORK = HERE / "results" / "crnas-generated.json", HERE / "work" / "crnas-generated"
BASELINES = {"ResNet-50": "3-4-6-3", "CR-ResNet50": "1-3-5-7"}
PYRAMID, TOWER = 32, 2  # channels around the backbone, convolutions of a tower
SEED = 0


@dataclass(frozen=True)
class NarrowCrNas(CrNasSpace):
    """ResNet-50-like backbones in a RetinaNet that is narrow, too."""

    def detector(self, arch: Architecture) -> DetectorSpec:
        neck = Fpn(PYRAMID, first=1, extra="conv", extra_levels=2, norm="bn")
        head = RetinaNetHead(PYRAMID, TOWER, anchor_scales=octave_scales(2.0), pre_nms=300)
        return replace(super().detector(arch), neck=neck, rpn=None, head=head)


def search(
    options: dict[str, Any], images: int, steps: int, work: Path, threads: int
) -> SearchResult:
    """Train the supernet and search, or go on with both."""
    import torch

    torch.set_num_threads(threads)
    height, width = options["input_hw"]
    recipe = ShapesRecipe(
        num_train=images, num_val=8, image_hw=(height, width), size_px=(14, 0.6 * height)
    )
    data = write_shapes(work / f"shapes-{height}-{images}", recipe)
    settings = SearchSettings(
        strategy="crnas", search_images=images // 5, recalibration_images=32, seed=SEED
    )
    training = TrainConfig(
        steps=steps,
        batch_size=16,
        optimizer="adamw",
        lr=2e-3,
        warmup_steps=min(100, steps // 10),
        checkpoint_every=100,
        seed=SEED,
    )
    space = NarrowCrNas(**options)
    stage = SupernetStage(space, options, data, settings, training)
    folder = work / "run"
    return run_search(
        space,
        settings.strategy,
        stage,
        (Objective("ap", "max", "AP"),),
        evals=10_000,  # the strategy ends before
        out_dir=folder,
        seed=SEED,
        resume=True,
        space_options={k: v for k, v in options.items() if k != "series"},
        context={"data": stage.identity, "supernet": training.decisive},
        prepare=lambda: stage.prepare(folder, _say),
        progress=_say,
    )


def summary(result: SearchResult, space: CrNasSpace) -> dict[str, Any]:
    """Return what the run found, with the baselines' places among all codes."""
    optimality = optimality_of(result)
    assert optimality is not None
    stages = [e for e in result.history[: optimality.eligible] if e.status == "ok"]
    ranked = sorted(stages, key=lambda e: -e.values[0])
    places = {e.code.partition("/")[0]: (place, e) for place, e in enumerate(ranked, start=1)}
    beam = result.history[optimality.eligible :]
    budgets = results_by_budget(result)
    macs = {
        code: space.detector(space.decode(code)).macs()["total"]
        for code in (ranked[0].code, budgets[0].best)
        if code is not None
    }
    return {
        "statement": optimality.statement,
        "stage codes": [{"code": code, "ap": e.values[0]} for code, (_, e) in places.items()],
        "baselines": {
            name: {"code": code, "place": places[code][0], "ap": places[code][1].values[0]}
            for name, code in BASELINES.items()
            if code in places
        },
        "quartiles of ap": np.quantile([e.values[0] for e in stages], (0.25, 0.5, 0.75)).tolist(),
        "partial evaluations": len(beam),
        "of them whole": sum(not is_partial(e.architecture) for e in beam),
        "dilations": [{"code": e.code, "ap": e.values[0]} for e in beam if e.status == "ok"],
        "best": {"arch": budgets[0].best, "ap": budgets[0].best_value},
        "macs": macs,
        "failed": [f"{e.code}: {e.error}" for e in result.failures],
        "complete": result.complete,
        "seconds of evaluations": {
            "stage level": sum(e.seconds or 0.0 for e in stages),
            "dilation level": sum(e.seconds or 0.0 for e in beam),
        },
    }


def main(
    steps: Annotated[int, typer.Option(min=10, help="Of the supernet, batch 16.")] = 1000,
    images: Annotated[int, typer.Option(min=40, help="Generated; a fifth of them scores.")] = 320,
    size: Annotated[int, typer.Option(min=64, help="Side of the input in pixels.")] = 96,
    base_channels: Annotated[int, typer.Option(min=4, help="Of the first stage.")] = 8,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    work: Path = WORK,
    result: Path = RESULT,
) -> None:
    options = {
        "series": "resnet50",
        "head": "retinanet",
        "input_hw": (size, size),
        "num_classes": 3,
        "base_channels": base_channels,
    }
    begin = time.monotonic()
    found = search(options, images, steps, work, threads)
    record = {
        "command": "python benchmarks/crnas_generated.py " + " ".join(sys.argv[1:]),
        "supernet": {**options, "steps": steps, "images": images, "branches": False},
        "threads": threads,
        "cores": os.cpu_count(),
        "seconds of this call": time.monotonic() - begin,
        **summary(found, NarrowCrNas(**options)),
    }
    result.write_text(json.dumps(record, indent=1) + "\n")
    print(record["statement"])
    for name, row in record["baselines"].items():
        print(f"{name} {row['code']}: place {row['place']}, AP {row['ap']:.2f}")
    print(
        f"after {record['partial evaluations']} evaluations of dilations: "
        f"{record['best']['arch']} (AP {record['best']['ap']:.2f})"
    )
    print(f"written to {result}")


def _say(message: str, done: float, total: float) -> None:
    if "loss" not in message or done % 50 == 0:
        print(f"{int(done)}: {message}", flush=True)


if __name__ == "__main__":
    typer.run(main)
