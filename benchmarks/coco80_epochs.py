"""Two epochs of a published detector on COCO photographs: that the loss falls, and what it takes.

E0 (SM-NAS) is trained from nothing on 80 photographs of train2017, at its own input of 512x512,
and scored on 80 of val2017 after each epoch. After so little training its AP means nothing; what
is recorded is the loss per ten steps, and how long steps, scoring and reading take.

    python benchmarks/coco80_epochs.py                        # about ten minutes on a slow core
    python benchmarks/coco80_epochs.py --input 256x256 --data COCO

The photographs are those of DETFIT_TEST_DATA (../shared/data), folder coco80, unless --data names
others. Figures are written to benchmarks/results/coco80-epochs.json; the exit code is 1 if the
loss did not fall.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import torch
import typer

from detection import (
    Preprocess,
    TrainConfig,
    TrainedDetector,
    make_loader,
    open_split,
    score_weights,
    train_detector,
)
from searchspaces import parse_arch, parse_size

RESULT = Path(__file__).parent / "results" / "coco80-epochs.json"
DATA = Path(os.environ.get("DETFIT_TEST_DATA", "../shared/data")) / "coco80"


def main(
    arch: str = "zoo:E0",
    data: Annotated[Path, typer.Option(help="In COCO's layout.")] = DATA,
    size: Annotated[str, typer.Option("--input", help="WIDTHxHEIGHT.")] = "512x512",
    epochs: int = 2,
    batch_size: int = 2,
    lr: Annotated[float, typer.Option("--lr", help="Of AdamW.")] = 2e-4,
    threads: int = 1,
    result: Path = RESULT,
) -> None:
    torch.set_num_threads(threads)
    config = TrainConfig(
        epochs=epochs,
        batch_size=batch_size,
        optimizer="adamw",
        lr=lr,
        warmup_steps=10,
        log_every=10,
        evaluate_every=1,
    )
    input_hw = parse_size(size)
    with TemporaryDirectory() as folder:
        trained = learnt(arch, data, input_hw, config, Path(folder) / "weights.safetensors")
        record = {
            "command": "python benchmarks/coco80_epochs.py " + " ".join(sys.argv[1:]),
            "machine": platform.platform(),
            "versions": {name: metadata.version(name) for name in ("torch", "torchvision")},
            "threads": threads,
            "arch": arch,
            "input": size,
            "epochs": epochs,
            "batch_size": batch_size,
            **course(trained),
            "evaluation": evaluated(trained.weights, data, input_hw),
        }
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))
    if not record["falls"]:
        raise SystemExit("the loss did not fall")


def learnt(
    arch: str, data: Path, input_hw: tuple[int, int], config: TrainConfig, weights: Path
) -> TrainedDetector:
    options: dict[str, Any] = {"input_hw": input_hw}
    space, architecture = parse_arch(arch, **options)
    return train_detector(
        space,
        architecture,
        data,
        config,
        weights,
        space_options=options,
        progress=heard,
    )


def course(trained: TrainedDetector) -> dict[str, Any]:
    """Return the loss per row, whether it falls, and the scores on the way."""
    history = trained.training.history
    return {
        "steps": trained.training.steps,
        "seconds_with_scoring": trained.training.seconds,
        "loss": {row.step: row.total for row in history},
        "losses_at_the_end": dict(history[-1].losses),
        "falls": history[-1].total < history[0].total,
        "scores": {row.step: dict(row.scores) for row in history if row.scores},
    }


def evaluated(weights: Path, data: Path, input_hw: tuple[int, int]) -> dict[str, Any]:
    """Score once more by the clock, and read the same images alone."""
    began = time.monotonic()
    score = score_weights(weights, data, "val")
    seconds = time.monotonic() - began
    images = open_split(data, "val", Preprocess(input_hw))
    began = time.monotonic()
    count = sum(len(batch) for batch, _ in make_loader(images, 8))
    return {
        "images": count,
        "seconds": seconds,
        "of_which_reading": time.monotonic() - began,
        "ap": score.report.to_dict()["ap"],
        "ap50": score.report.to_dict()["ap50"],
        "detections": score.report.n_detections,
    }


def heard(message: str, done: float, total: float) -> None:
    print(f"{time.strftime('%H:%M:%S')} {message} {done:.0f}/{total:.0f}", flush=True)


if __name__ == "__main__":
    typer.run(main)
