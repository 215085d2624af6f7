"""A run's supernet on disk: where it is kept, how it is made and read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RunError

if TYPE_CHECKING:
    from detection import Supernet
    from searchspaces import SearchSpace

SUPERNET_FILE, CHECKPOINTS = "supernet.safetensors", "supernet"


def training_kept() -> str:
    """Say what there is to go on from where trained weights cannot be written."""
    return f"its training is kept in {CHECKPOINTS}/"


def load_supernet(run: str | Path, space: SearchSpace) -> Supernet:
    """Return the supernet that a run has trained, or was given.

    Raises:
        CheckpointError: The run holds none, or one of another space.
    """
    from detection import load_weights

    supernet = new_supernet(space, 0)
    load_weights(Path(run) / SUPERNET_FILE, supernet)
    return supernet.eval()


def new_supernet(space: SearchSpace, seed: int) -> Supernet:
    """Draw a supernet's weights without touching torch's own random numbers."""
    import torch

    from detection import Supernet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Supernet(space)


def refuse_stray_supernet(folder: Path) -> None:
    """Refuse a folder without a run that holds a supernet: nobody knows what it was trained on.

    Raises:
        RunError: It does.
    """
    for name in (SUPERNET_FILE, CHECKPOINTS):
        if (folder / name).exists():
            raise RunError(f"{folder} holds {name} but no run; choose another -o")
