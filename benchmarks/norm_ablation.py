"""Group normalisation with standardised weights beside batch normalisation, from scratch.

SM-NAS (Yao et al., AAAI 2020), table 3: without ImageNet's weights and with few images a batch,
GN + WS trains to a higher AP than BN. The same detector is trained from nothing with both, with
several seeds, on a folder in COCO's layout; on generated images unless another is named. Then the
trained GN + WS detector is converted to BN, backbone and pyramid, and its statistics recomputed,
which says what the conversion alone costs before any further training.

    python benchmarks/norm_ablation.py                             # 35 minutes on a slow core
    python benchmarks/norm_ablation.py --data coco --input 800x600

Weights are kept in --work, in a folder for each set of settings: a run that was stopped goes on.
Figures are written to benchmarks/results/norm-ablation.json.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from detection import (
    Detector,
    Preprocess,
    ShapesRecipe,
    TrainConfig,
    TrainingError,
    convert_norm,
    find_split,
    load_weights,
    open_split,
    read_weights_info,
    recalibrate_bn,
    score_detector,
    train_detector,
    write_shapes,
)
from searchspaces import Architecture, parse_arch, parse_size

RESULT = Path(__file__).parent / "results" / "norm-ablation.json"
NORMS = ("gn_ws", "bn")
HARD = ShapesRecipe(
    num_train=800,
    num_val=200,
    image_hw=(128, 128),
    num_classes=5,
    objects=(1, 6),
    size_px=(14.0, 112.0),
    max_occlusion=0.4,
    rotation_deg=45.0,
)
"""Five classes, scales 1:8, up to 40 % of an object hidden."""

RECALIBRATED_ON = 200
PROPOSALS = 100


def main(
    arch: str = "smnas:basicblock_48_11-2-2-2@128",
    structure: str = "resnet18/P2-P5@128/rpn/2fc/512x512",
    data: Annotated[Path | None, typer.Option(help="In COCO's layout; generated if none.")] = None,
    size: Annotated[str, typer.Option("--input")] = "128x128",
    batch_size: int = 2,
    steps: int = 900,
    lr: Annotated[float, typer.Option("--lr", help="Of SGD with momentum.")] = 0.01,
    seeds: int = 3,
    work: Path = Path("benchmarks/work/norm"),
    result: Path = RESULT,
) -> None:
    torch.set_num_threads(1)
    folder = data or write_shapes(work / "shapes", HARD)
    told = (arch, structure, size, batch_size, steps, lr, PROPOSALS, str(data))
    place = work / hashlib.sha256(repr(told).encode()).hexdigest()[:12]
    place.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(seeds):
        for norm in NORMS:
            config = TrainConfig(
                steps=steps,
                batch_size=batch_size,
                lr=lr,
                warmup_steps=max(1, steps // 15),
                seed=seed,
            )
            rows.append(trained(arch, structure, norm, size, folder, config, place))
            print(json.dumps(rows[-1]), flush=True)
    record = {
        "command": "python benchmarks/norm_ablation.py " + " ".join(sys.argv[1:]),
        "machine": platform.platform(),
        "versions": {name: metadata.version(name) for name in ("torch", "torchvision", "numpy")},
        "arch": arch,
        "structure": structure,
        "input": size,
        "batch_size": batch_size,
        "steps": steps,
        "lr": lr,
        "data": "generated" if data is None else data.name,
        "rows": rows,
        "summary": summary(rows),
    }
    show(record["summary"])
    result.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {result}")


def trained(
    arch: str,
    structure: str,
    norm: str,
    size: str,
    folder: Path,
    config: TrainConfig,
    place: Path,
) -> dict[str, Any]:
    """Train one detector, or find it trained; return its accuracy in points."""
    classes = len(open_split(folder, "train", Preprocess((32, 32))).annotations.class_names)
    options = {
        "structure": structure,
        "input_hw": parse_size(size),
        "num_classes": classes,
        "norm": norm,
        "proposals": PROPOSALS,
    }
    space, architecture = parse_arch(arch, **options)
    weights = place / f"{norm}-{config.seed}.safetensors"
    row: dict[str, Any] = {"norm": norm, "seed": config.seed}
    try:
        if not weights.exists():
            train_detector(
                space,
                architecture,
                folder,
                config,
                weights,
                space_options=options,
                resume=True,
                progress=heard,
            )
    except TrainingError as error:  # diverged: it detects nothing
        return {**row, "ap": 0.0, "ap50": 0.0, "failed": str(error)}
    notes = read_weights_info(weights).notes
    row |= {"ap": 100 * notes["ap"], "ap50": 100 * notes["ap50"]}
    if norm != "bn":
        row["ap_after_conversion"] = converted(space, architecture, weights, folder)
    return row


def converted(space: Any, architecture: Architecture, weights: Path, folder: Path) -> float:
    """Return the AP with batch normalisation in place, before any further training.

    The pyramid, which has no normalisation beside a backbone with BN, gets BN here too: with its
    statistics folded in, that is the pyramid without.
    """
    detector = Detector(space.detector(architecture))
    load_weights(weights, detector)
    spec = detector.spec
    backbone, neck = (replace(part, norm="bn") for part in (spec.backbone, spec.neck))
    spec = replace(spec, backbone=backbone, neck=neck)
    other = convert_norm(detector, spec)
    preprocess = Preprocess(spec.input_hw)
    images = open_split(folder, find_split(folder, "train").name, preprocess).first(
        RECALIBRATED_ON
    )
    batches = [
        torch.stack([images[index][0] for index in range(start, min(start + 10, len(images)))])
        for start in range(0, len(images), 10)
    ]
    recalibrate_bn(other, batches)
    return 100 * score_detector(other.eval(), open_split(folder, "val", preprocess)).ap


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means, and the difference seed by seed."""
    ap = {norm: np.array([r["ap"] for r in rows if r["norm"] == norm]) for norm in NORMS}
    gain = ap["gn_ws"] - ap["bn"]
    after = [r["ap_after_conversion"] for r in rows if "ap_after_conversion" in r]
    return {
        **{f"ap_{norm}": float(values.mean()) for norm, values in ap.items()},
        "gain_by_seed": gain.tolist(),
        "seeds_with_gain": int((gain > 0).sum()),
        "ap_gn_ws_converted_to_bn": float(np.mean(after)) if after else None,
    }


def heard(message: str, done: float, total: float) -> None:
    if done % 250 == 0:
        print(f"  {message} {done:.0f}/{total:.0f}", flush=True)


def show(fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    typer.run(main)
