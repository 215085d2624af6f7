"""Group normalisation, with standardised weights and without, beside batch normalisation.

SM-NAS (Yao et al., AAAI 2020), table 3, FPN with ResNet-50 on COCO: without ImageNet's weights and
with few images a batch, GN + WS trains to a higher AP than BN, most of all at the higher rates
that it stands. Each row of the table is a run of this script, here at its published size:

    BN, pre-trained      36.5  --norms bn --epochs 12 --rates 0.02 --pretrained imagenet
    ... twice as long    37.4  the same run
    BN                   24.8  --norms bn,gn,gn_ws --epochs 12 --rates 0.02
    GN                   29.4  the same run
    GN + WS              30.7  the same run
    ... at a higher rate 36.4  --norms gn_ws --epochs 12 --rates 0.1
    ... a larger batch   37.5  --norms gn_ws --epochs 16 --rates 0.16 --batch-size 32

The lower rate, 0.02 for 16 images, is that of FPN's usual training; the paper names the others.

With several --rates, each norm is first trained at every one of them with a seed that is not used
again, then at its best one with several seeds. At last every detector with GN is converted to BN,
as `detfit convert` does, which says what that costs before any further training; --further-steps
trains it further.

    python benchmarks/norm_ablation.py                   # generated images, an hour on a slow core
    python benchmarks/norm_ablation.py --data coco --input 800x600 --batch-size 16 \\
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
from collections.abc import Sequence
from dataclasses import dataclass
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
    convert_weights,
    load_start,
    load_weights,
    open_split,
    open_training_data,
    read_weights_info,
    train_detector,
    write_shapes,
)
from searchspaces import parse_arch, parse_size

RESULT = Path(__file__).parent / "results" / "norm-ablation.json"
NORMS = ("bn", "gn", "gn_ws")
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
LONGER = 2  # table 3: pre-trained detectors of 12 and of 24 epochs

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

    def steps_of(self, epochs: int) -> int:
        options = self.options("bn")
        images = open_training_data(self.folder, options["input_hw"], options["num_classes"])
        return epochs * (len(images) // self.batch_size)


@dataclass(frozen=True, slots=True)
class Way:
    """How a detector is normalised, and whose backbone or whole weights it starts from, if any."""

    norm: str
    start: str | None = None
    whole: bool = False

    @property
    def label(self) -> str:
        return self.norm if self.start is None else f"{self.norm}_pretrained"


def main(
    arch: str = "detnas-nano:11-11-1111-11",
    structure: Annotated[str | None, typer.Option(help="Of a code of smnas.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Detection data of any layout; generated if none.")
    ] = None,
    size: Annotated[str, typer.Option("--input")] = "128x128",
    norms: Annotated[str, typer.Option(help="Trained from nothing: of bn, gn, gn_ws.")] = (
        "gn_ws,bn"
    ),
    pretrained: Annotated[
        str | None,
        typer.Option(help="imagenet, or weights whose backbone a detector with BN starts from."),
    ] = None,
    batch_size: int = 2,
    steps: int = 3000,
    epochs: Annotated[int | None, typer.Option(help="In place of --steps.")] = None,
    rates: Annotated[str, typer.Option(help="Of SGD with momentum.")] = "0.01,0.05",
    choosing_steps: Annotated[int, typer.Option(help="Of the trainings at every rate.")] = 1000,
    further_steps: Annotated[int, typer.Option(help="Of training after the conversion.")] = 0,
    seeds: int = 3,
    work: Path = Path("benchmarks/work/norm"),
    result: Path = RESULT,
) -> None:
    torch.set_num_threads(1)
    folder = data or write_shapes(work / "shapes", HARD)
    setting = Setting(arch, structure, size, folder, batch_size, work)
    ways = ways_of(norms, pretrained)
    steps = steps if epochs is None else setting.steps_of(epochs)
    tried = [
        told(trained(setting, way, rate, choosing_steps, CHOOSING_SEED))
        for way in ways
        for rate in rates_of(rates)
        if len(rates_of(rates)) > 1
    ]
    best = {way.label: best_rate(tried, way, rates_of(rates)) for way in ways}
    rows = [
        told(trained(setting, way, best[way.label], length, seed))
        for seed in range(seeds)
        for way in ways
        for length in ((steps,) if way.start is None else (steps, LONGER * steps))
    ]
    for row in rows:
        if row["norm"] != "bn" and "failed" not in row:
            output = converted(setting, row)
            row["ap_after_conversion"] = 100 * float(read_weights_info(output).notes["ap"])
            if further_steps:
                way, rate = Way("bn", str(output), whole=True), best.get("bn", row["rate"])
                further = trained(setting, way, rate, further_steps, row["seed"])
                row["ap_after_further_steps"] = further["ap"]
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
        "further_steps": further_steps,
        "data": "generated" if data is None else data.name,
        "rates_tried": tried,
        "rate": best,
        "rows": rows,
        "summary": summary(rows, steps),
    }
    show(record["summary"])
    result.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {result}")


def ways_of(norms: str, pretrained: str | None) -> list[Way]:
    named = norms.split(",")
    unknown = [norm for norm in named if norm not in NORMS]
    if unknown:
        raise typer.BadParameter(f"--norms {','.join(unknown)} is not of {', '.join(NORMS)}")
    own = [Way(norm) for norm in named]
    return own if pretrained is None else [*own, Way("bn", pretrained)]


def rates_of(text: str) -> list[float]:
    return [float(rate) for rate in text.split(",")]


def trained(setting: Setting, way: Way, rate: float, steps: int, seed: int) -> Row:
    """Train one detector, or find it trained; return its accuracy in points."""
    row: Row = {"norm": way.norm, "rate": rate, "steps": steps, "seed": seed}
    row |= {} if way.start is None else {"start": way.start}
    weights, options = weights_of(setting, row), setting.options(way.norm)
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
                start=started(way, setting, seed),
                others=None if way.start is None else {"start": way.start},
                resume=True,
                progress=heard,
            )
            print(f"  {time.monotonic() - begun:.0f} s", flush=True)
    except TrainingError as error:  # diverged: it detects nothing
        return {**row, "ap": 0.0, "ap50": 0.0, "failed": str(error)}
    notes = read_weights_info(weights).notes
    return {**row, "ap": 100 * notes["ap"], "ap50": 100 * notes["ap50"]}


def started(way: Way, setting: Setting, seed: int) -> Detector | None:
    """Return a detector that begins with trained weights, if that is asked for."""
    if way.start is None:
        return None
    space, architecture = parse_arch(setting.arch, **setting.options(way.norm))
    torch.manual_seed(seed)
    detector = Detector(space.detector(architecture))
    if way.whole:
        load_weights(way.start, detector)
    else:
        load_start(detector, way.start)
    return detector


def weights_of(setting: Setting, row: Row) -> Path:
    place = setting.place()
    place.mkdir(parents=True, exist_ok=True)
    start = row.get("start")
    ending = "" if start is None else f"-{hashlib.sha256(start.encode()).hexdigest()[:8]}"
    name = "{norm}-{rate:g}-{steps}-{seed}".format_map(row)
    return place / f"{name}{ending}.safetensors"


def best_rate(rows: Sequence[Row], way: Way, rates: Sequence[float]) -> float:
    mine = [row for row in rows if (row["norm"], row.get("start")) == (way.norm, way.start)]
    return float(max(mine, key=lambda row: row["ap"])["rate"]) if mine else rates[0]


def converted(setting: Setting, row: Row) -> Path:
    """Return weights with batch normalisation in place, before any further training."""
    weights = weights_of(setting, row)
    output = weights.with_name(f"{weights.stem}-as-bn.safetensors")
    if not output.exists():
        convert_weights(weights, setting.folder, output, images=RECALIBRATED_ON)
    return output


def summary(rows: Sequence[Row], steps: int) -> dict[str, Any]:
    """Return means, what each gains over BN from nothing seed by seed, and what conversion leaves.

    Args:
        rows: Of all seeds.
        steps: Of the rows that are compared; longer ones say so.
    """
    ap: dict[str, list[float]] = {}
    after: dict[str, list[float]] = {}
    for row in rows:
        label = Way(row["norm"], row.get("start")).label
        longer = "" if row["steps"] == steps else f"_{row['steps'] // steps}x"
        ap.setdefault(label + longer, []).append(row["ap"])
        if "ap_after_conversion" in row:
            after.setdefault(label, []).append(row["ap_after_conversion"])
    plain = ap.get("bn")
    others = {label: values for label, values in ap.items() if label != "bn"}
    gains = {} if plain is None else {k: np.subtract(v, plain) for k, v in others.items()}
    return {
        **{f"ap_{label}": float(np.mean(values)) for label, values in ap.items()},
        **{f"gain_{label}_by_seed": values.tolist() for label, values in gains.items()},
        **{f"ap_{label}_converted_to_bn": float(np.mean(each)) for label, each in after.items()},
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
