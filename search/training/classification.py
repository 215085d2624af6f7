"""The supernet of a search on classification: its images, its training, and its scores.

DetNAS (Chen et al., NeurIPS 2019) compares its search with one that pre-trains a supernet in the
same way but scores the paths by how well they classify (ClsNAS).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EvaluatorError
from ..evaluators import Budget, Evaluator
from ..progress import Progress
from .images import split_for_search
from .procedure import fitted, told_changes, whole_settings
from .supernet_files import (
    CHECKPOINTS,
    SUPERNET_FILE,
    load_supernet,
    new_supernet,
    training_kept,
)

if TYPE_CHECKING:
    from torch import nn

    from detection import ClassifiedImages, Supernet, TrainConfig, TrainSettings
    from searchspaces import Architecture, SearchSpace

    from ..settings import SearchSettings

CLASSIFIER_FILE = "classifier.safetensors"
CLASSIFICATION_HW = (224, 224)  # DetNAS' pre-training
LABEL_SMOOTHING = 0.1  # of DetNAS' released training


class ClassificationStage:
    """Evaluate architectures by a run's classifying supernet, which :meth:`prepare` trains.

    One part of the training images trains, the other one scores, so that the validation images
    stay unseen. Making it opens the data; nothing is written before :meth:`prepare`.

    Args:
        space: What the supernet holds the paths of.
        options: What the space was made with, recorded with the weights.
        data_dir: Folder with ``train/CLASS/`` folders of images.
        settings: Of the search.
        training: Of the supernet.
        device: Where the supernet is trained and evaluated.

    Raises:
        DatasetError: The data is not there, or there are fewer images than a batch takes.
        RunError: There are too few images to keep some for scoring.
        TrainingError: The device is not here.
    """

    def __init__(
        self,
        space: SearchSpace,
        options: Mapping[str, Any],
        data_dir: Path,
        settings: SearchSettings,
        training: TrainConfig | TrainSettings,
        device: str = "cpu",
    ) -> None:
        from detection import (
            ClassificationDataset,
            Preprocess,
            find_classified,
        )

        images, preprocess = find_classified(data_dir, "train"), Preprocess(CLASSIFICATION_HW)
        kept, scoring = split_for_search(tuple(range(len(images.files))), settings)
        spread = np.linspace(0, len(kept) - 1, min(settings.recalibration_images, len(kept)))
        recalibration = [kept[place] for place in spread.astype(int).tolist()]
        self._training = ClassificationDataset(
            _only(images, kept), preprocess, train=True, seed=settings.seed
        )
        self._recalibration = ClassificationDataset(_only(images, recalibration), preprocess)
        self._scoring = ClassificationDataset(_only(images, scoring), preprocess)
        whole = fitted(_without_boxes(whole_settings(training)), self._training, device)
        self._images, self._space, self._options = images, space, dict(options)
        self._config, self._device = whole.config, device
        self._notes = told_changes(whole)
        self._evaluator: Evaluator | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Return what tells the data from other data, wherever its folder lies."""
        names = json.dumps(self._images.files).encode()
        digest = hashlib.sha256(names).hexdigest()
        return {"files_sha256": digest, "images": len(self._images.files)}

    @property
    def notes(self) -> dict[str, str]:
        """Return what the run says of its training."""
        return self._notes

    def prepare(self, folder: Path, progress: Progress | None = None) -> None:
        """Train the supernet of the run in a folder, or read it where that was done.

        Raises:
            DatasetError: An image is damaged.
            TrainingError: The loss became infinite or NaN, or the backbone cannot classify.
            CheckpointError: A file of the training is damaged.
        """
        from detection import load_weights

        from ..evaluators.classification import ClassificationEvaluator

        if not (folder / SUPERNET_FILE).exists():  # written last
            self._train(folder, progress)
        supernet = load_supernet(folder, self._space)
        linear = self._linear(supernet)
        load_weights(folder / CLASSIFIER_FILE, linear)
        self._evaluator = ClassificationEvaluator(
            supernet,
            linear,
            self._recalibration,
            self._scoring,
            device=self._device,
            workers=self._config.workers,
        )

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> Mapping[str, float]:
        """Score a path; see :mod:`search.evaluators.classification`.

        Raises:
            EvaluatorError: Nothing was prepared.
        """
        if self._evaluator is None:
            raise EvaluatorError("the supernet is not there yet; call prepare() first")
        return self._evaluator.evaluate(architecture, budget)

    def _train(self, folder: Path, progress: Progress | None) -> None:
        from torch import nn

        from detection import (
            LabelledImages,
            WeightsInfo,
            classifier_for_step,
            save_weights,
            train,
            uniform_paths,
        )

        supernet = new_supernet(self._space, self._config.seed)
        linear = self._linear(supernet)
        paths = uniform_paths(supernet, self._config.seed)
        train(
            classifier_for_step(paths, linear, LABEL_SMOOTHING),
            nn.ModuleDict({"network": supernet, "classifier": linear}),
            LabelledImages(self._training),
            self._config,
            folder / CHECKPOINTS,
            resume=True,
            device=self._device,
            progress=progress,
        )
        info = WeightsInfo(
            space=self._space.name,
            num_classes=len(self._images.class_names),
            space_options=self._options,
            label_names=self._images.class_names,
            notes={"config": asdict(self._config), "images": len(self._training)},
        )
        save_weights(folder / CLASSIFIER_FILE, linear, info, training_kept)
        classes = self._space.detector(self._space.sample(np.random.default_rng(0))).num_classes
        own = replace(info, num_classes=classes, label_names=())
        save_weights(folder / SUPERNET_FILE, supernet, own, training_kept)

    def _linear(self, supernet: Supernet) -> nn.Linear:
        """Draw the classifier without touching torch's own random numbers."""
        import torch

        from detection import make_linear

        path = supernet.detector(self._space.sample(np.random.default_rng(0)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._config.seed)
            return make_linear(path, len(self._images.class_names))


def _without_boxes(settings: TrainSettings) -> TrainSettings:
    """Refuse settings of images with boxes, which no classifier would heed.

    Raises:
        EvaluatorError: There are some.
    """
    from detection import ImageSettings

    if settings.images != ImageSettings() or settings.split_asked:
        raise EvaluatorError(
            "the classification evaluator learns folders of classes: split, score_split, flip "
            "and scale have no effect; leave them out"
        )
    if settings.config.group_by_aspect:
        raise EvaluatorError(
            "the classification evaluator crops every image to one shape: group_by_aspect has no "
            "groups to make; leave it out"
        )
    return settings


def _only(images: ClassifiedImages, places: list[int]) -> ClassifiedImages:
    return replace(images, files=tuple(images.files[place] for place in places))
