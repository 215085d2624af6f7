"""Score architectures by the weights that a trained supernet lends them.

DetNAS (Chen et al., NeurIPS 2019), sec. 3.4: batch-normalisation statistics of every path are
recomputed from training images before it is evaluated, and never shared between paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .base import Budget

if TYPE_CHECKING:
    from torch import Tensor

    from detection import CocoDataset, Supernet
    from searchspaces import Architecture

RECALIBRATION_IMAGES = 500  # DetNAS, sec. 3.4
RECALIBRATION_BATCH = 16
CACHE_BYTES = 512 * 2**20  # images are kept in memory up to here, else read again for every path


class SupernetEvaluator:
    """Evaluate paths of a trained supernet on validation images.

    The result depends on nothing but the architecture: each evaluation works on its own copy of
    the path, recalibrated on the same images.

    Args:
        supernet: Trained weights of every path.
        recalibration: Training images, opened without augmentation; the first ones are used.
        validation: Images to score on, not used in training.
        recalibration_images: How many images statistics are computed from.
    """

    def __init__(
        self,
        supernet: Supernet,
        recalibration: CocoDataset,
        validation: CocoDataset,
        recalibration_images: int = RECALIBRATION_IMAGES,
    ) -> None:
        self._supernet = supernet
        self._validation = validation
        self._images = _Images(recalibration.first(recalibration_images))

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> Mapping[str, float]:
        """Return ``ap``, ``ap50`` and ``ap75`` of the path on the scale 0..100.

        Args:
            architecture: A path of the supernet.
            budget: ``images`` bounds the validation images; ``epochs`` means nothing here.
        """
        from detection import score_detector, score_path

        limit = budget.images if budget else None
        validation = self._validation if limit is None else self._validation.first(limit)
        report = score_path(
            self._supernet,
            architecture,
            self._images,
            lambda detector: score_detector(detector, validation),
        )
        return {"ap": 100 * report.ap, "ap50": 100 * report.ap50, "ap75": 100 * report.ap75}


class _Images:
    """Iterate over batches of a data set as often as asked, from memory where they fit."""

    def __init__(self, dataset: CocoDataset) -> None:
        self._dataset = dataset
        height, width = dataset.preprocess.input_hw
        self._small = len(dataset) * 3 * height * width * 4 <= CACHE_BYTES
        self._cache: list[Tensor] | None = None

    def __iter__(self) -> Iterator[Tensor]:
        if self._cache is not None:
            return iter(self._cache)
        if not self._small:
            return self._read()
        self._cache = list(self._read())
        return iter(self._cache)

    def _read(self) -> Iterator[Tensor]:
        from detection import make_loader

        for images, _ in make_loader(self._dataset, RECALIBRATION_BATCH):
            yield images
