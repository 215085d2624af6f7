"""Score architectures by training each of them, on weights of its own.

SM-NAS (Yao et al., AAAI 2020), sec. 3: in the first stage every structure is trained for five
epochs on ImageNet's weights, in the second every backbone for nine epochs from nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EvaluatorError
from ..progress import Progress
from .base import TRAINING_STEPS, Budget

if TYPE_CHECKING:
    from detection import CocoDataset, Detector, TrainAugment, TrainConfig
    from searchspaces import Architecture, DetectorSpec, SearchSpace

_DIGITS = 16  # of an architecture's digest, and of what else decides, in the name of its folder


class ScratchEvaluator:
    """Train every architecture for some epochs and score it.

    All begin with weights drawn from the same seed and see the same images in the same order. What
    is being trained keeps checkpoints, from which a killed evaluation goes on; they are removed
    once it is scored.

    Args:
        space: What the architectures are of; they may differ in the size of their input.
        training: Images to train on, opened for training.
        scoring: Images to score on, opened without augmentation.
        config: Settings of each training.
        folder: Where checkpoints go.
        pretrained: Folder with torchvision's ImageNet weights for the backbones; ``None`` trains
            from nothing. Small batches then want detectors with ``norm=gn_ws``.
        augment: How training images are varied, whatever the size of an input; as usual if left
            out.
        device: Where is trained and scored.
        others: Whatever else decides the trainings, as plain values by name: those of other ones,
            or of other settings, are then kept apart in the folder, each to go on by itself.
            Without it the folder is for trainings that are alike.
        progress: Called as ``progress(message, done, total)`` in steps of each training.

    Raises:
        EvaluatorError: There is no such folder of weights.
    """

    graded = TRAINING_STEPS

    def __init__(
        self,
        space: SearchSpace,
        training: CocoDataset,
        scoring: CocoDataset,
        config: TrainConfig,
        folder: str | Path,
        pretrained: Path | None = None,
        *,
        augment: TrainAugment | None = None,
        device: str = "cpu",
        others: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> None:
        require_pretrained(pretrained)
        self._space, self._training, self._scoring = space, training, scoring
        self._config, self._folder, self._pretrained = config, Path(folder), pretrained
        self._augment, self._device, self._progress = augment, device, progress
        self._others = others

    def __getstate__(self) -> dict[str, Any]:
        """Leave the progress with the process that shows it."""
        return self.__dict__ | {"_progress": None}

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> Mapping[str, float]:
        """Return ``ap``, ``ap50`` and ``ap75`` of the trained detector on the scale 0..100.

        Args:
            architecture: Of the space.
            budget: ``epochs`` replaces the length of the training, of which ``share`` takes a
                part: a whole training of its own, with warm-up and decay in proportion; ``images``
                bounds those that are scored on.

        Raises:
            CheckpointError: The weights of the backbone are not there, or do not fit it.
            DatasetError: An image is damaged.
            TrainingError: The loss became infinite or NaN.
        """
        from detection import Preprocess, one_detector, score_detector, train

        spec = self._space.detector(architecture)
        preprocess = Preprocess(spec.input_hw)
        config = self._length(budget)
        folder = self._folder / self._name(architecture, budget)
        detector = self._fresh(spec)
        train(
            one_detector(detector),
            detector,
            self._training.resized(preprocess, self._augmented(spec.input_hw)),
            config,
            folder,
            resume=True,
            device=self._device,
            others=self._others,
            progress=self._progress,
        )
        images = None if budget is None else budget.images
        scoring = self._scoring if images is None else self._scoring.first(images)
        report = score_detector(
            detector,
            scoring.resized(preprocess),
            device=self._device,
            workers=self._config.workers,
        )
        shutil.rmtree(folder)
        return {"ap": 100 * report.ap, "ap50": 100 * report.ap50, "ap75": 100 * report.ap75}

    def _name(self, architecture: Architecture, budget: Budget | None) -> str:
        """Return the folder of a training; one of another length, or of others, begins anew."""
        name = architecture.digest[:_DIGITS]
        if budget is not None and budget.share is not None:
            name = f"{name}-{budget.share:g}"
        if self._others is None:
            return name
        decisive = json.dumps([self._config.decisive, dict(self._others)], sort_keys=True)
        return f"{name}-{hashlib.sha256(decisive.encode()).hexdigest()[:_DIGITS]}"

    def _augmented(self, input_hw: tuple[int, int]) -> TrainAugment:
        from detection import TrainAugment

        if self._augment is None:
            return TrainAugment(input_hw)
        return replace(self._augment, input_hw=input_hw)

    def _length(self, budget: Budget | None) -> TrainConfig:
        config = self._config
        if budget is not None and budget.epochs is not None:
            config = replace(config, steps=None, epochs=budget.epochs)
        if budget is None or budget.share is None:
            return config
        whole = config.total_steps(len(self._training) // config.batch_size)
        return replace(
            config,
            steps=budget.part_of(whole),
            epochs=None,
            warmup_steps=round(budget.share * config.warmup_steps),
        )

    def _fresh(self, spec: DetectorSpec) -> Detector:
        """Draw a detector's weights without touching torch's own random numbers."""
        import torch

        from detection import Detector, imagenet_network, load_imagenet_backbone

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._config.seed)
            detector = Detector(spec)
        if self._pretrained is not None:
            load_imagenet_backbone(detector, imagenet_network(detector.graph), self._pretrained)
        return detector


def require_pretrained(folder: Path | None) -> None:
    """Refuse a folder of ImageNet's weights that is not there.

    Raises:
        EvaluatorError: It is not.
    """
    if folder is not None and not folder.is_dir():
        raise EvaluatorError(
            f"{folder}: no such folder; name one that holds torchvision's ImageNet weights, such "
            "as resnet50-11ad3fa6.pth, or leave it out to train from nothing"
        )
