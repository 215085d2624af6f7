"""Group normalisation with standardised weights beside batch normalisation, from scratch.

SM-NAS (Yao et al., AAAI 2020), table 3: without ImageNet's weights and with few images a batch,
GN + WS trains to a higher AP than BN (30.7 against 24.8), most of all at the higher learning rate
that it stands (36.4). The same detector is trained from nothing with both: first at every rate of
--rates with a seed that is not used again, then at the best rate of each norm with several seeds.
At last the trained GN + WS detector is converted to BN and its statistics recomputed, which says
what the conversion alone costs before any further training.

    python benchmarks/norm_ablation.py                   # generated images, an hour on a slow core
    python benchmarks/norm_ablation.py --data coco --input 800x600 \\
        --arch smnas:basicblock_48_11-2-2-2@128 --structure resnet18/P2-P5@128/rpn/2fc/512x512

Weights are kept in --work, in a folder for each set of settings: a run that was stopped goes on.
Figures are written to benchmarks/results/norm-ablation.json.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import time
from dataclasses import dataclass, replace
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
from searchspaces import Architecture, SearchSpace, parse_arch, parse_size

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
CHOOSING_SEED = 100

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """What all trainings have in common."""

    arch: str
    structure: str | None
    size: str
    folder: Path
    batch_size: int
    work: Path

    def options(self, norm: str) -> dict[str, Any]:
        classes = open_split(self.folder, "train", Preprocess((32, 32))).annotations.class_names
        options = {
            "input_hw": parse_size(self.size),
            "num_classes": len(classes),
            "norm": norm,
            "proposals": PROPOSALS,
        }
        return options | ({"structure": self.structure} if self.structure else {})

    def place(self) -> Path:
        told = (self.arch, self.structure, self.size, self.batch_size, PROPOSALS)
        name = hashlib.sha256(repr((*told, str(self.folder))).encode()).hexdigest()[:12]
        return self.work / name


def main(
    arch: str = "detnas-nano:11-11-1111-11",
    structure: Annotated[str | None, typer.Option(help="Of a code of smnas.")] = None,
    data: Annotated[Path | None, typer.Option(help="In COCO's layout; generated if none.")] = None,
    size: Annotated[str, typer.Option("--input")] = "128x128",
    batch_size: int = 2,
    steps: int = 3000,
    rates: Annotated[str, typer.Option(help="Of SGD with momentum.")] = "0.01,0.05",
    choosing_steps: Annotated[int, typer.Option(help="Of the trainings at every rate.")] = 1000,
    seeds: int = 3,
    work: Path = Path("benchmarks/work/norm"),
    result: Path = RESULT,
) -> None:
    torch.set_num_threads(1)
    folder = data or write_shapes(work / "shapes", HARD)
    setting = Setting(arch, structure, size, folder, batch_size, work)
    tried = [
        told(trained(setting, norm, float(rate), choosing_steps, CHOOSING_SEED))
        for norm in NORMS
        for rate in rates.split(",")
    ]
    best = {norm: best_rate(tried, norm) for norm in NORMS}
    rows = [
        told(trained(setting, norm, best[norm], steps, seed))
        for seed in range(seeds)
        for norm in NORMS
    ]
    for row in rows:
        if row["norm"] != "bn" and "failed" not in row:
            row["ap_after_conversion"] = converted(setting, row)
    record = {
        "command": "python benchmarks/norm_ablation.py " + " ".join(sys.argv[1:]),
        "machine": platform.platform(),
        "versions": {name: metadata.version(name) for name in ("torch", "torchvision", "numpy")},
        "arch": arch,
        "structure": structure,
        "input": size,
        "batch_size": batch_size,
        "steps": steps,
        "choosing_steps": choosing_steps,
        "data": "generated" if data is None else data.name,
        "rates_tried": tried,
        "rate": best,
        "rows": rows,
        "summary": summary(rows),
    }
    show(record["summary"])
    result.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {result}")


def trained(setting: Setting, norm: str, rate: float, steps: int, seed: int) -> Row:
    """Train one detector, or find it trained; return its accuracy in points."""
    row: Row = {"norm": norm, "rate": rate, "steps": steps, "seed": seed}
    weights, options = weights_of(setting, row), setting.options(norm)
    space, architecture = parse_arch(setting.arch, **options)
    config = TrainConfig(
        steps=steps,
        batch_size=setting.batch_size,
        lr=rate,
        warmup_steps=max(1, steps // 15),
        seed=seed,
    )
    begun = time.monotonic()
    try:
        if not weights.exists():
            train_detector(
                space,
                architecture,
                setting.folder,
                config,
                weights,
                space_options=options,
                resume=True,
                progress=heard,
            )
            print(f"  {time.monotonic() - begun:.0f} s", flush=True)
    except TrainingError as error:  # diverged: it detects nothing
        return {**row, "ap": 0.0, "ap50": 0.0, "failed": str(error)}
    notes = read_weights_info(weights).notes
    return {**row, "ap": 100 * notes["ap"], "ap50": 100 * notes["ap50"]}


def weights_of(setting: Setting, row: Row) -> Path:
    place = setting.place()
    place.mkdir(parents=True, exist_ok=True)
    return place / f"{row['norm']}-{row['rate']:g}-{row['steps']}-{row['seed']}.safetensors"


def best_rate(rows: list[Row], norm: str) -> float:
    return float(max((r for r in rows if r["norm"] == norm), key=lambda r: r["ap"])["rate"])


def converted(setting: Setting, row: Row) -> float:
    """Return the AP with batch normalisation in place, before any further training.

    The pyramid, which has no normalisation beside a backbone with BN in the spaces of SM-NAS, gets
    BN here too: with its statistics folded in, that is the pyramid without.
    """
    space: SearchSpace
    architecture: Architecture
    space, architecture = parse_arch(setting.arch, **setting.options(row["norm"]))
    detector = Detector(space.detector(architecture))
    load_weights(weights_of(setting, row), detector)
    spec = detector.spec
    parts = {name: getattr(spec, name) for name in ("backbone", "neck", "head")}
    changed = {name: replace(part, norm="bn") for name, part in parts.items() if is_grouped(part)}
    other = convert_norm(detector, replace(spec, **changed))
    preprocess = Preprocess(spec.input_hw)
    split = find_split(setting.folder, "train").name
    images = open_split(setting.folder, split, preprocess).first(RECALIBRATED_ON)
    batches = [
        torch.stack([images[index][0] for index in range(start, min(start + 10, len(images)))])
        for start in range(0, len(images), 10)
    ]
    recalibrate_bn(other, batches)
    return 100 * score_detector(other.eval(), open_split(setting.folder, "val", preprocess)).ap


def is_grouped(part: Any) -> bool:
    return getattr(part, "norm", "none") == "gn_ws"


def summary(rows: list[Row]) -> dict[str, Any]:
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


def told(row: Row) -> Row:
    print(json.dumps(row), flush=True)
    return row


def heard(message: str, done: float, total: float) -> None:
    if done % 250 == 0:
        print(f"  {message} {done:.0f}/{total:.0f}", flush=True)


def show(fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    typer.run(main)
