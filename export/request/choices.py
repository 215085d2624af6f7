"""What a caller chooses about precision; loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines import CALIBRATION_METHODS

from ..errors import PrecisionError

METHOD = "percentile"
"""How int8 chooses where a tensor is cut off unless the caller says otherwise."""

IMAGES = 64
"""Calibration images. NVIDIA calls 500 enough for classifiers (TensorRT developer guide, "INT8
calibration"); a histogram over the cells of 64 images of a detector has seen as many patches."""

MAX_EVALUATIONS = 100
"""Engines that a search builds and compares before it stops at a set that suffices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionChoices:
    """State how a lower precision is made.

    Attributes:
        calibration_dir: Data folder with the images that int8 is calibrated on; the one that is
            verified on if ``None``.
        calibration_split: Of it; ``None`` takes its ``train``, else the split that is verified.
        calibration_images: How many are drawn; all of them where there are fewer.
        calibration_method: One of ``engines.CALIBRATION_METHODS``.
        seed: Draws the images.
        search: Whether nodes are looked for that have to stay in fp32 where the loss is too large.
        max_evaluations: Engines that the search may build and compare.

    Raises:
        PrecisionError: A number is below 1, or the method is unknown.
    """

    calibration_dir: Path | None = None
    calibration_split: str | None = None
    calibration_images: int = IMAGES
    calibration_method: str = METHOD
    seed: int = 0
    search: bool = True
    max_evaluations: int = MAX_EVALUATIONS

    def __post_init__(self) -> None:
        for name in ("calibration_images", "max_evaluations"):
            if getattr(self, name) < 1:
                raise PrecisionError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.calibration_method not in CALIBRATION_METHODS:
            raise PrecisionError(
                f"calibration_method must be one of {', '.join(CALIBRATION_METHODS)}, "
                f"got {self.calibration_method!r}"
            )
