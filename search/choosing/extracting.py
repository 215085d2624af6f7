"""A run's best as a detector of its own, with the weights that the run's supernet lends it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RunError
from ..progress import Progress
from ..running.config import RUN_FILE
from ..training.supernet_files import SUPERNET_FILE
from .finalist import choose_finalist, refuse_budget

if TYPE_CHECKING:
    from detection import ExtractedPath


def extract_finalist(
    target: str,
    data_dir: str | Path,
    output: str | Path,
    *,
    supernet: str | Path | None = None,
    images: int = 500,
    budget_ms: float | None = None,
    device: str = "cpu",
    workers: int = 0,
    progress: Progress | None = None,
) -> ExtractedPath:
    """Write the weights that a supernet lends an architecture, without training it further.

    Args:
        target: The folder of a run, whose best is taken, or ``space:code``.
        data_dir: The data that the supernet was trained on.
        output: The weights file (.safetensors).
        supernet: Weights of the supernet; a run has its own.
        images: That the path's normalisation statistics are computed from.
        budget_ms: For a run: largest predicted latency; the run's own budget if left out.
        device: Where they are computed.
        workers: Processes that read images.
        progress: Called as ``progress(message, done, total)`` in images.

    Raises:
        RunError: The run has no supernet or no result within the budget; or no supernet is named,
            or one of another space; or a budget is given and there is no run.
        DetectionError: Data or weights are missing or damaged.
        ArchitectureError: The space does not hold the code.
    """
    from detection import extract_path, read_weights_info

    folder = Path(target)
    if (folder / RUN_FILE).is_file():
        finalist = choose_finalist(target, budget_ms=budget_ms)
        space, code = finalist.space.name, finalist.space.encode(finalist.architecture)
        weights = Path(supernet) if supernet is not None else folder / SUPERNET_FILE
    else:
        space, _, code = target.partition(":")
        if supernet is None or not code:
            raise RunError(
                f"{target} is no run; name one that trained a supernet, or SPACE:CODE with the "
                "supernet's weights (--weights)"
            )
        refuse_budget(target, budget_ms)
        weights = Path(supernet)
    if not weights.is_file():
        raise RunError(f"{weights}: no such supernet; name its weights by --weights")
    held = read_weights_info(weights).space
    if held != space:
        raise RunError(f"{weights} is a supernet of {held}, {target} is of {space}")
    return extract_path(
        weights,
        code,
        data_dir,
        output,
        images=images,
        device=device,
        workers=workers,
        progress=progress,
    )
