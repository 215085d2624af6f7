"""Score architectures by the weights that a trained supernet lends them.

DetNAS (Chen et al., NeurIPS 2019), sec. 3.4: batch-normalisation statistics of every path are
recomputed from training images before it is evaluated, and never shared between paths. CR-NAS
(Liang et al., ICLR 2020): a code whose later genes are undecided is scored with a
fresh random completion for every mini-batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..spaces.partial import is_partial
from .base import VALIDATION_IMAGES, Budget
from .completing import completions_of

if TYPE_CHECKING:
    from torch import Tensor

    from detection import Batch, CocoDataset, CocoReport, Supernet
    from searchspaces import Architecture

RECALIBRATION_IMAGES = 500  # DetNAS, sec. 3.4
RECALIBRATION_BATCH = 16
COMPLETION_BATCH = 8  # validation images that one completion of a partial code is scored on
CACHE_BYTES = 512 * 2**20  # images are kept in memory up to here, else read again for every path


class SupernetEvaluator:
    """Evaluate paths of a trained supernet on images that it was not trained on.

    The result depends on nothing but the architecture: each evaluation works on its own copy of
    the path, recalibrated on the same images.

    Args:
        supernet: Trained weights of every path; moved to the device.
        recalibration: Training images, opened without augmentation; the first ones are used.
        validation: Images to score on, not used in training.
        recalibration_images: How many images statistics are computed from.
        device: Where paths are recalibrated and run, for example ``cpu`` or ``cuda:0``.
        workers: Processes that read images.
        seed: Of the completions of partial codes.

    Raises:
        DatasetError: ``recalibration_images`` is below 1.
    """

    graded = VALIDATION_IMAGES

    def __init__(
        self,
        supernet: Supernet,
        recalibration: CocoDataset,
        validation: CocoDataset,
        recalibration_images: int = RECALIBRATION_IMAGES,
        *,
        device: str = "cpu",
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        self._supernet = supernet.to(device)
        self._validation = validation
        self._images = _Images(recalibration.first(recalibration_images), device, workers)
        self._device, self._workers, self._seed = device, workers, seed

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> Mapping[str, float]:
        """Return ``ap``, ``ap50`` and ``ap75`` of the path on the scale 0..100.

        Args:
            architecture: A path of the supernet, or a partial code: the detections of its
                completions, each on its own mini-batch, are scored together.
            budget: ``images`` bounds the validation images, of which ``share`` takes a part, the
                first ones; ``epochs`` means nothing here. Statistics are always recomputed from
                all recalibration images.
        """
        limit = budget.images if budget else None
        validation = self._validation if limit is None else self._validation.first(limit)
        if budget is not None and budget.share is not None:
            validation = validation.first(budget.part_of(len(validation)))
        score = self._score_partial if is_partial(architecture) else self._score
        report = score(architecture, validation)
        return {"ap": 100 * report.ap, "ap50": 100 * report.ap50, "ap75": 100 * report.ap75}

    def _score(self, architecture: Architecture, validation: CocoDataset) -> CocoReport:
        from detection import score_detector, score_path

        return score_path(
            self._supernet,
            architecture,
            self._images,
            lambda detector: score_detector(
                detector, validation, device=self._device, workers=self._workers
            ),
        )

    def _score_partial(self, architecture: Architecture, validation: CocoDataset) -> CocoReport:
        from detection import detect_dataset, run_module, score_detections, score_path

        completions = completions_of(self._supernet.space, architecture, self._seed)

        def run(images: npt.NDArray[np.float32]) -> tuple[npt.NDArray[Any], ...]:
            return score_path(
                self._supernet,
                next(completions),
                self._images,
                lambda detector: run_module(detector, self._device)(images),
            )

        found = detect_dataset(run, validation, batch_size=COMPLETION_BATCH, workers=self._workers)
        return score_detections(validation.annotations, found)


class _Images:
    """Iterate over batches of a data set as often as asked, from memory where they fit.

    Batches have equal sizes, give or take one image, because layers normalise by the batch while
    statistics are collected: a last batch of a single image would stand out.
    """

    def __init__(self, dataset: CocoDataset, device: str, workers: int) -> None:
        height, width = dataset.preprocess.input_hw
        self._dataset, self._device, self._workers = dataset, device, workers
        self._small = len(dataset) * 3 * height * width * 4 <= CACHE_BYTES
        self._cache: list[Tensor] | None = None

    def __iter__(self) -> Iterator[Tensor]:
        if self._small and self._cache is None:
            self._cache = list(self._read())
        for images in self._read() if self._cache is None else self._cache:
            yield images.to(self._device)

    def _read(self) -> Iterator[Tensor]:
        import torch
        from torch.utils.data import DataLoader, Dataset

        from detection import collate

        count = len(self._dataset)
        parts = np.array_split(np.arange(count), math.ceil(count / RECALIBRATION_BATCH))
        items: Dataset[Any] = self._dataset  # the loader's type is that of its batches
        loader: DataLoader[Batch] = DataLoader(
            items,
            batch_sampler=[part.tolist() for part in parts],
            num_workers=self._workers,
            collate_fn=collate,
            generator=torch.Generator(),
        )
        for images, _ in loader:
            yield images
