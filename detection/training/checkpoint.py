"""State of a training run on disk, whole or absent.

A checkpoint is a folder ``step-00001000`` with ``weights.safetensors`` and ``state.pt``
(optimiser, scaler, average, step, settings, history, best step; plain data only). It is written
under another name and renamed, so that a folder of that name is complete. Random numbers are
functions of seed and step, so none are stored.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from searchspaces import write_atomically, writing

from ..errors import CheckpointError
from ..weights import load_state, load_tensors, weights_bytes
from .averaging import WeightAverage
from .config import TrainConfig
from .report import BestStep, TrainRow

SCHEMA, SCHEMA_VERSION = "detfit-training", 3
WEIGHTS_NAME, STATE_NAME = "weights.safetensors", "state.pt"
KEPT = 2  # the last one and the one before, in case a disk loses the last
YOUNGER = ("data", "options", "target")
"""What earlier releases did not tell of every run: compared only where a checkpoint does."""
PARTIAL = ".partial-"
FOLDER = re.compile(r"step-(\d{8})")


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What a run is known by: only the same one goes on from its checkpoints.

    Attributes:
        config: Its settings.
        images: How many it trains on.
        others: Whatever else decides its steps, as plain values by name; those inside of a
            mapping are compared one by one.
    """

    config: TrainConfig
    images: int
    others: Mapping[str, Any] = field(default_factory=dict)

    def differences(self, content: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what keeps this run from going on with a checkpoint's content."""
        problems = list(self.config.differences(content["config"]))
        then, now = content.get("others", {}), plain(self.others)
        now = {name: value for name, value in now.items() if name in then or name not in YOUNGER}
        then = {"images": content["images"], **_flat(then)}
        now = {"images": self.images, **_flat(now)}
        return (
            *problems,
            *(
                f"{name}: {then.get(name)!r} then, {now.get(name)!r} now"
                for name in sorted(then.keys() | now.keys())
                if then.get(name) != now.get(name)
            ),
        )


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as they come back from a file: tuples as lists."""
    read: dict[str, Any] = json.loads(json.dumps(dict(values)))
    return read


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by name, those inside of a mapping by ``name.inner``."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found


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
        best: The step that scored best, where its checkpoint is to be kept.
        sums: Losses added up since the last row.
        counted: Steps since the last row.
        skipped: Half-precision steps in a row, up to the last, that had no finite gradient.
    """

    root: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: WeightAverage | None = None
    step: int = 0
    history: list[TrainRow] = field(default_factory=list)
    best: BestStep | None = None
    sums: dict[str, float] = field(default_factory=dict)
    counted: int = 0
    skipped: int = 0


def save_checkpoint(folder: Path, state: TrainState, run: RunIdentity) -> Path:
    """Write a checkpoint, drop all but the last two and the best, and return its folder.

    Of a step that has one already, whose weights are the same, only the rest is written.

    Raises:
        CheckpointError: The disk is full, or does not take it; checkpoints from before are kept.
    """
    target = checkpoint_of(folder, state.step)
    partial = folder / f"{PARTIAL}{target.name}"
    try:
        with writing(target, CheckpointError, lambda: kept_in(folder)):
            _write(target, partial, state, run)
    except CheckpointError:
        shutil.rmtree(partial, ignore_errors=True)  # gives its space back; the error is told
        raise
    best = None if state.best is None else checkpoint_of(folder, state.best.step)
    _remove([path for path in list_checkpoints(folder)[:-KEPT] if path != best])
    return target


def _write(target: Path, partial: Path, state: TrainState, run: RunIdentity) -> None:
    content = _state_bytes(state, run)
    if target.is_dir():
        write_atomically(target / STATE_NAME, content)
        return
    _remove([partial])
    partial.mkdir(parents=True)
    write_atomically(partial / WEIGHTS_NAME, weights_bytes(state.root))
    write_atomically(partial / STATE_NAME, content)
    os.replace(partial, target)


def load_checkpoint(path: Path, state: TrainState, run: RunIdentity) -> None:
    """Continue from a checkpoint: fill the state.

    Raises:
        CheckpointError: The checkpoint is damaged, of another schema, or belongs to a run of
            other settings, data or architecture; or that of the best step is not there.
    """
    content = load_state(path / STATE_NAME)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise CheckpointError(f"{path}: no training state")
    if content.get("version") != SCHEMA_VERSION:
        raise CheckpointError(
            f"{path}: version {content.get('version')} of {SCHEMA} is unknown; this release "
            f"reads {SCHEMA_VERSION}"
        )
    _refuse_other(path, run.differences(content))
    _load_weights(path, content, state)
    state.optimizer.load_state_dict(content["optimizer"])
    if state.scaler.is_enabled() and content["scaler"]:
        state.scaler.load_state_dict(content["scaler"])
    state.step, state.counted = content["step"], content["counted"]
    state.skipped = content.get("skipped", 0)  # which earlier releases did not count
    state.sums = dict(content["sums"])
    state.history = [TrainRow(**row) for row in content["history"]]
    state.best = _kept_best(path, content) if run.config.keep_best else None


def load_best(folder: Path, state: TrainState) -> None:
    """Take the weights, and their average, of the step that scored best.

    Raises:
        CheckpointError: Its checkpoint is missing or damaged.
    """
    if state.best is not None:
        path = checkpoint_of(folder, state.best.step)
        _load_weights(path, load_state(path / STATE_NAME), state)


def checkpoint_of(folder: Path, step: int) -> Path:
    """Return the folder of the checkpoint of a step."""
    return folder / f"step-{step:08d}"


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints of a run, oldest first."""
    found = [path for path in folder.glob("step-*") if FOLDER.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.name)


def kept_in(folder: Path) -> str:
    """Return in words which checkpoint there is to go on from."""
    found = list_checkpoints(folder)
    return f"{found[-1].name} is kept" if found else "there is no checkpoint from before"


def clear(folder: Path, *, keep: bool = False) -> None:
    """Remove what an interrupted run left unfinished, and its checkpoints unless they are kept."""
    _remove([*([] if keep else list_checkpoints(folder)), *folder.glob(f"{PARTIAL}*")])


def _state_bytes(state: TrainState, run: RunIdentity) -> bytes:
    content = {
        "schema": SCHEMA,
        "version": SCHEMA_VERSION,
        "step": state.step,
        "images": run.images,
        "config": asdict(run.config),
        "others": plain(run.others),
        "history": [asdict(row) for row in state.history],
        "best": None if state.best is None else asdict(state.best),
        "sums": state.sums,
        "counted": state.counted,
        "skipped": state.skipped,
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "average": None if state.average is None else state.average.values,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def _refuse_other(path: Path, problems: Sequence[str]) -> None:
    if problems:
        raise CheckpointError(
            f"{path}: belongs to a run of other settings ({'; '.join(problems)}); use these, "
            "another folder, or resume=False to start anew"
        )


def _load_weights(path: Path, content: dict[str, Any], state: TrainState) -> None:
    load_tensors(path / WEIGHTS_NAME, state.root)
    if state.average is not None:
        state.average.load(content["average"])


def _kept_best(path: Path, content: dict[str, Any]) -> BestStep | None:
    """Return the best step so far, whose checkpoint has to be there still."""
    if content["best"] is None:
        return None
    best = BestStep(**content["best"])
    kept = checkpoint_of(path.parent, best.step)
    if not kept.is_dir():
        raise CheckpointError(
            f"{kept}: the checkpoint that scored best is gone; put it back, or resume without "
            "keep_best"
        )
    return best


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.exists():
            shutil.rmtree(path)
