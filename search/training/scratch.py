"""The data that a search trains and scores every architecture on, each on weights of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EvaluatorError
from ..evaluators import Budget, Evaluator
from ..evaluators.base import TRAINING_STEPS
from ..evaluators.scratch import ScratchEvaluator, require_pretrained
from ..progress import Progress
from .images import open_search_images
from .procedure import fitted, told_changes, whole_settings

if TYPE_CHECKING:
    from detection import TrainConfig, TrainSettings
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
        data_dir: Folder of detection data.
        settings: Of the search.
        training: Of each architecture.
        device: Where is trained and scored.

    Raises:
        DatasetError: The data is not there or damaged, has another number of classes, or fewer
            images than a batch takes.
        RunError: There are too few images to keep some for scoring.
        TrainingError: The device is not here.
        EvaluatorError: There is no such folder of ImageNet's weights, or TensorBoard is asked for.
    """

    graded = TRAINING_STEPS

    def __init__(
        self,
        space: SearchSpace,
        data_dir: Path,
        settings: SearchSettings,
        training: TrainConfig | TrainSettings,
        device: str = "cpu",
    ) -> None:
        from detection import augment_of

        require_pretrained(settings.pretrained)
        whole = whole_settings(training)
        _refuse_tensorboard(whole)
        images = open_search_images(space, data_dir, settings, whole.images)
        whole = fitted(whole, images.training, device)
        self._training, self._scoring = images.training, images.scoring
        self._space, self._config, self._device = space, whole.config, device
        self._pretrained, self._identity = settings.pretrained, images.identity
        self._augment = augment_of(whole.images, images.training.preprocess.input_hw)
        self._notes = told_changes(whole)
        self._evaluator: Evaluator | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Return what tells the data from other data, wherever its folder lies."""
        return self._identity

    @property
    def config(self) -> TrainConfig:
        """Return the settings of every training, as they fit the images."""
        return self._config

    @property
    def notes(self) -> dict[str, str]:
        """Return what the run says of its trainings."""
        return self._notes

    def prepare(
        self,
        folder: Path,
        progress: Progress | None = None,
        others: Mapping[str, Any] | None = None,
    ) -> None:
        """Make the evaluator, whose checkpoints go into a run's folder.

        Args:
            folder: Of the run, which holds its settings.
            progress: As for :class:`ScratchEvaluator`.
            others: Likewise; for trainings whose settings are not those of the run.
        """
        self._evaluator = ScratchEvaluator(
            self._space,
            self._training,
            self._scoring,
            self._config,
            folder / SCRATCH,
            self._pretrained,
            augment=self._augment,
            device=self._device,
            others=others,
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


def _refuse_tensorboard(settings: TrainSettings) -> None:
    """Refuse curves that nobody would see.

    Raises:
        EvaluatorError: They are asked for.
    """
    if settings.config.tensorboard:
        raise EvaluatorError(
            "what an architecture's training has written is removed once it is scored, "
            "TensorBoard's curves with it; leave tensorboard=true out"
        )
