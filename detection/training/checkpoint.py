"""State of a training run on disk, whole or absent.

A checkpoint is a folder ``step-00001000`` with ``weights.safetensors`` and ``state.pt``
(optimiser, scaler, average, step, settings, history; plain data only). It is written under
another name and renamed, so that a folder of that name is complete. Random numbers are functions
of seed and step, so none are stored.
"""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from searchspaces import write_atomically

from ..errors import CheckpointError
from ..weights import load_state, load_tensors, weights_bytes
from .averaging import WeightAverage
from .config import TrainConfig
from .report import TrainRow

SCHEMA, SCHEMA_VERSION = "detfit-training", 2
WEIGHTS_NAME, STATE_NAME = "weights.safetensors", "state.pt"
KEPT = 2  # the last one and the one before, in case a disk loses the last
PARTIAL = ".partial-"
FOLDER = re.compile(r"step-(\d{8})")


@dataclass
class TrainState:
    """What changes from step to step.

    Attributes:
        root: Holds the weights.
        optimizer: Of the weights.
        scaler: Of half-precision gradients; it does nothing where they are not used.
        average: Of the weights, where one is wanted.
        step: Steps done.
        history: Rows so far.
        sums: Losses added up since the last row.
        counted: Steps since the last row.
    """

    root: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: WeightAverage | None = None
    step: int = 0
    history: list[TrainRow] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    counted: int = 0


def save_checkpoint(folder: Path, state: TrainState, config: TrainConfig, images: int) -> Path:
    """Write a checkpoint, drop all but the last two, and return its folder."""
    content = {
        "schema": SCHEMA,
        "version": SCHEMA_VERSION,
        "step": state.step,
        "images": images,
        "config": asdict(config),
        "history": [asdict(row) for row in state.history],
        "sums": state.sums,
        "counted": state.counted,
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "average": None if state.average is None else state.average.values,
    }
    target = folder / f"step-{state.step:08d}"
    partial = folder / f"{PARTIAL}{target.name}"
    _remove([partial, target])
    partial.mkdir(parents=True)
    write_atomically(partial / WEIGHTS_NAME, weights_bytes(state.root))
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(partial / STATE_NAME, buffer.getvalue())
    os.replace(partial, target)
    _remove(list_checkpoints(folder)[:-KEPT])
    return target


def load_checkpoint(path: Path, state: TrainState, config: TrainConfig, images: int) -> None:
    """Continue from a checkpoint: fill the state.

    Raises:
        CheckpointError: The checkpoint is damaged, of another schema, or belongs to a run of
            other settings, data or architecture.
    """
    content = load_state(path / STATE_NAME)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise CheckpointError(f"{path}: no training state")
    if content.get("version") != SCHEMA_VERSION:
        raise CheckpointError(
            f"{path}: version {content.get('version')} of {SCHEMA} is unknown; this release "
            f"reads {SCHEMA_VERSION}"
        )
    _refuse_other(path, content, config, images)
    load_tensors(path / WEIGHTS_NAME, state.root)
    state.optimizer.load_state_dict(content["optimizer"])
    if state.scaler.is_enabled() and content["scaler"]:
        state.scaler.load_state_dict(content["scaler"])
    if state.average is not None:
        state.average.load(content["average"])
    state.step, state.counted = content["step"], content["counted"]
    state.sums = dict(content["sums"])
    state.history = [TrainRow(**row) for row in content["history"]]


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints of a run, oldest first."""
    found = [path for path in folder.glob("step-*") if FOLDER.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.name)


def clear(folder: Path) -> None:
    """Remove all checkpoints of a run and what an interrupted one left."""
    _remove([*list_checkpoints(folder), *folder.glob(f"{PARTIAL}*")])


def _refuse_other(path: Path, content: dict[str, Any], config: TrainConfig, images: int) -> None:
    problems = list(config.differences(content["config"]))
    if content["images"] != images:
        problems.append(f"images: {content['images']} then, {images} now")
    if problems:
        raise CheckpointError(
            f"{path}: belongs to a run of other settings ({'; '.join(problems)}); use these, "
            "another folder, or resume=False to start anew"
        )


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.exists():
            shutil.rmtree(path)
