"""How large the demo is, and the folder that belongs to one such demo."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from detection import ShapesRecipe, TrainConfig

from ..errors import DemoError
from ..files import json_bytes, write_atomically

DEMO_FILE = "demo.json"
SCHEMA, SCHEMA_VERSION = "detfit-demo", 1
DATA, TABLE, PREDICTOR, RUN = "shapes", "table.jsonl", "predictor.json", "run"
WEIGHTS, BUNDLE, REPORT = "winner.safetensors", "bundle", "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """Size the demo; the defaults take a few minutes on two cores.

    Attributes:
        engine: What is profiled and exported.
        space: Search space.
        head: Detector around the backbone.
        recipe: Of the generated pictures.
        detectors: Whole detectors for closure.
        replicates: Repetitions of the profile.
        seconds: At most this long per measurement.
        supernet_steps: Optimiser steps of the supernet.
        evals: Architectures evaluated.
        winner_steps: Optimiser steps of the winner.
        batch_size: Images per optimiser step.
        lr: Learning rate of the supernet and of the winner, which inherits its weights.
        seed: Of everything random.
    """

    engine: str = "onnxruntime"
    space: str = "detnas-nano"
    head: str = "retinanet"
    recipe: ShapesRecipe = field(
        default_factory=lambda: ShapesRecipe(
            num_train=600, num_val=100, image_hw=(160, 160), size_px=(30, 90)
        )
    )
    detectors: int = 20
    replicates: int = 2
    seconds: float = 0.3
    supernet_steps: int = 600
    evals: int = 30
    winner_steps: int = 400
    batch_size: int = 16
    lr: float = 2e-3
    seed: int = 0

    @property
    def options(self) -> dict[str, Any]:
        """Return what the space is made with."""
        return {
            "head": self.head,
            "input_hw": self.recipe.image_hw,
            "num_classes": self.recipe.num_classes,
        }

    def training(self, steps: int, lr: float) -> TrainConfig:
        """Return the settings of a training run."""
        return TrainConfig(
            steps=steps,
            batch_size=self.batch_size,
            optimizer="adamw",
            lr=lr,
            warmup_steps=min(50, steps // 10),
            checkpoint_every=200,
            seed=self.seed,
        )


def claim_folder(folder: Path, settings: DemoSettings) -> None:
    """Make a folder the demo's, or go on with the demo that it holds.

    What the stages do follows from the settings; a demo of others would mix with it.

    Raises:
        DemoError: The folder holds something else, or a demo of other settings; names them.
    """
    wanted = {
        "schema": SCHEMA,
        "version": SCHEMA_VERSION,
        **json.loads(json.dumps(asdict(settings))),  # as it is read back
    }
    if (folder / DEMO_FILE).exists():
        _refuse_other(folder, wanted)
        return
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise DemoError(f"{folder} holds something else than a demo; choose another -o")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"cannot make {folder}: {error.strerror}; choose another -o") from error
    write_atomically(folder / DEMO_FILE, json_bytes(wanted))


def _refuse_other(folder: Path, wanted: dict[str, Any]) -> None:
    path = folder / DEMO_FILE
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DemoError(f"{path} cannot be read: {error}; choose another -o") from error
    if not isinstance(held, dict):
        raise DemoError(f"{path} is no description of a demo; choose another -o")
    different = [
        f"{name} is {held.get(name)!r} there, {wanted.get(name)!r} here"
        for name in dict.fromkeys((*wanted, *held))
        if held.get(name) != wanted.get(name)
    ]
    if different:
        raise DemoError(
            f"{folder} holds a demo of other settings ({'; '.join(different)}); use these, or "
            "choose another -o"
        )
