"""The files of a training: its weights, and the folder of checkpoints beside them."""

from __future__ import annotations

from pathlib import Path

from ..errors import CheckpointError
from .checkpoint import list_checkpoints

WEIGHTS_SUFFIX, CHECKPOINTS_SUFFIX = ".safetensors", ".training"


def checkpoints_beside(output: Path) -> Path:
    """Return the folder of the checkpoints of a training that is to write a file.

    Raises:
        CheckpointError: The file's name does not say that it holds weights.
    """
    if output.suffix != WEIGHTS_SUFFIX:
        raise CheckpointError(
            f"{output}: weights are written as {WEIGHTS_SUFFIX}; name a file that ends so, such "
            f"as {output.name}{WEIGHTS_SUFFIX}"
        )
    return output.with_suffix(CHECKPOINTS_SUFFIX)


def refuse_existing(output: Path, checkpoints: Path) -> None:
    """Refuse to write over finished or unfinished work.

    Raises:
        CheckpointError: There is some.
    """
    for path in (output, *list_checkpoints(checkpoints)):
        if path.exists():
            raise CheckpointError(
                f"{path} exists already; go on with it by --resume, or choose another -o"
            )
