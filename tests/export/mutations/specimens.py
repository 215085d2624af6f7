"""Good bundles of detectors that were trained on generated images, kept from run to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detection import Detector, ShapesRecipe, TrainConfig, train_detector, write_shapes
from engines import TimingProtocol
from export import Delivery, deliver, load_bundle, load_detector
from export.running.network import origin_of
from searchspaces import make_space

from .mutation import HALF, INT8, ONE_STAGE, TWO_STAGE, Specimen

ARCH = "21-20-2112-33"
HEADS = {ONE_STAGE: "retinanet", TWO_STAGE: "fpn", HALF: "retinanet", INT8: "retinanet"}
PRECISIONS = {ONE_STAGE: "fp32", TWO_STAGE: "fp32", HALF: "fp16", INT8: "int8"}
INPUT_HW = (96, 128)
RECIPE = ShapesRecipe(
    num_train=400,
    num_val=400,
    image_hw=(90, 110),
    max_image_hw=(150, 190),
    objects=(1, 4),
    size_px=(20.0, 64.0),
)
"""Images of many sizes, nearly all of which are resized and padded."""

QUICK = TimingProtocol(
    warmup_min_ms=0.0, min_samples=6, max_samples=6, max_seconds=0.2, target_rel_ci=1.0
)
"""Latency is not what is tested here."""

CERTIFIED_ON = 100
"""Images that the good bundles are verified on when they are made."""

MAX_AP_DROP = {"fp32": 0.5, "fp16": 0.5, "int8": 3.0}
"""Points; int8 costs about one here, and twenty images do not tell it from three."""

Progress = Callable[[str, float, float], None]


@dataclass(frozen=True)
class Schooling:
    """Say how long a detector is trained.

    Attributes:
        steps: Until it is what is deployed.
        stale_steps: Until it is what an earlier checkpoint holds.
    """

    steps: int = 600
    stale_steps: int = 500


def train_specimens(
    folder: Path, kind: str, schooling: Schooling, progress: Progress | None = None
) -> tuple[Path, Path]:
    """Train a detector twice, or find it trained; return the weights, and the stale ones."""
    space = make_space("detnas-nano", **options(kind))
    arch = space.decode(ARCH)
    data = write_shapes(folder / "data", RECIPE)
    files = []
    for name, steps in (("fresh", schooling.steps), ("stale", schooling.stale_steps)):
        path = folder / f"{HEADS[kind]}-{name}.safetensors"
        if not path.exists():
            config = TrainConfig(
                steps=steps, batch_size=8, optimizer="adamw", lr=2e-3, warmup_steps=30
            )
            train_detector(
                space,
                arch,
                data,
                config,
                path,
                space_options=options(kind),
                resume=True,
                progress=progress,
            )
        files.append(path)
    return files[0], files[1]


def make_specimen(
    folder: Path,
    kind: str,
    engine: str = "onnxruntime",
    schooling: Schooling | None = None,
    progress: Progress | None = None,
) -> Specimen:
    """Return a good bundle, trained and exported where the folder lacks it."""
    fresh, stale = train_specimens(folder, kind, schooling or Schooling(), progress)
    out = folder / f"{kind.replace(' ', '-')}-{engine}"
    delivery = Delivery(
        target=f"detnas-nano:{ARCH}",
        weights=fresh,
        engine=engine,
        precision=PRECISIONS[kind],
        data_dir=folder / "data",
        limit=CERTIFIED_ON,
        max_ap_drop=MAX_AP_DROP[PRECISIONS[kind]],
        protocol=QUICK,
    )
    if not out.exists():
        deliver(delivery, out)
    bundle = load_bundle(out)
    return Specimen(
        kind,
        bundle,
        load_detector(bundle.manifest.origin, bundle.weights_path),
        _stale_detector(stale),
        folder / "data",
    )


def options(kind: str) -> dict[str, Any]:
    """Return what the space is made with."""
    return {"head": HEADS[kind], "input_hw": INPUT_HW, "num_classes": RECIPE.num_classes}


def _stale_detector(path: Path) -> Detector:
    from detection import read_weights_info

    return load_detector(origin_of(read_weights_info(path)), path)
