"""The data that a search trains and scores every architecture on, each on weights of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from searchspaces import MASKS, sha256_of_file

from ..errors import EvaluatorError
from ..evaluators import Budget, Evaluator
from ..evaluators.base import TRAINING_STEPS
from ..evaluators.scratch import ScratchEvaluator, require_pretrained
from ..progress import Progress
from .supernet import split_for_search

if TYPE_CHECKING:
    from detection import TrainConfig
    from searchspaces import Architecture, SearchSpace

    from ..settings import SearchSettings

SCRATCH = "scratch"
"""Folder of a run that holds the checkpoints of what is being trained."""


class ScratchStage:
    """Evaluate architectures by training each on one part of the training images.

    The other part scores, so that the validation images stay unseen. Making it opens and checks
    the data; nothing is written before :meth:`prepare`.

    Args:
        space: What the architectures are of.
        data_dir: Folder in COCO's layout; its train split is used.
        settings: Of the search.
        training: Of each architecture.
        device: Where is trained and scored.

    Raises:
        DatasetError: The data is not there or damaged, has another number of classes, or fewer
            images than a batch takes.
        RunError: There are too few images to keep some for scoring.
        TrainingError: The device is not here.
        EvaluatorError: There is no such folder of ImageNet's weights.
    """

    graded = TRAINING_STEPS

    def __init__(
        self,
        space: SearchSpace,
        data_dir: Path,
        settings: SearchSettings,
        training: TrainConfig,
        device: str = "cpu",
    ) -> None:
        from detection import open_training_data, require_trainable

        require_pretrained(settings.pretrained)
        spec = space.detector(space.sample(np.random.default_rng(0)))
        masks = MASKS in spec.output_names
        images = open_training_data(
            data_dir, spec.input_hw, spec.num_classes, seed=settings.seed, masks=masks
        )
        ids = tuple(image.id for image in images.annotations.images)
        kept, scoring = split_for_search(ids, settings)
        self._training, self._scoring = images.subset(kept), images.plain().subset(scoring)
        require_trainable(self._training, training, device)
        self._space, self._config, self._device = space, training, device
        self._pretrained = settings.pretrained
        self._images = len(ids)
        self._evaluator: Evaluator | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Return what tells the data from other data, wherever its folder lies."""
        digest = sha256_of_file(self._training.annotations.path)
        return {"annotations_sha256": digest, "images": self._images}

    def prepare(self, folder: Path, progress: Progress | None = None) -> None:
        """Make the evaluator, whose checkpoints go into a run's folder."""
        self._evaluator = ScratchEvaluator(
            self._space,
            self._training,
            self._scoring,
            self._config,
            folder / SCRATCH,
            self._pretrained,
            device=self._device,
            progress=progress,
        )

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> Mapping[str, float]:
        """Train and score; see :class:`search.evaluators.scratch.ScratchEvaluator`.

        Raises:
            EvaluatorError: Nothing was prepared.
        """
        if self._evaluator is None:
            raise EvaluatorError("it is not said yet where checkpoints go; call prepare() first")
        return self._evaluator.evaluate(architecture, budget)
