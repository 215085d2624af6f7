"""Score architectures by how well a supernet's paths classify images (DetNAS' baseline ClsNAS).

As in the detection search, statistics of every path are recomputed before it is scored, here
those of the backbone alone: nothing else of the detector takes part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
from torch import Tensor, nn

from detection import BackboneClassifier, Detector, recalibrate_bn, top1

from .base import Budget
from .supernet import RECALIBRATION_BATCH

if TYPE_CHECKING:
    from detection import ClassificationDataset, Supernet
    from searchspaces import Architecture


class ClassificationEvaluator:
    """Evaluate paths of a supernet that was trained to classify.

    Args:
        supernet: Trained backbones of every path; moved to the device.
        linear: The linear layer that all paths share; likewise.
        recalibration: Training images, opened without augmentation; all are used.
        validation: Images to score on, not used in training.
        device: Where paths are recalibrated and run, for example ``cpu`` or ``cuda:0``.
        workers: Processes that read the images to score on.
    """

    def __init__(
        self,
        supernet: Supernet,
        linear: nn.Linear,
        recalibration: ClassificationDataset,
        validation: ClassificationDataset,
        *,
        device: str = "cpu",
        workers: int = 0,
    ) -> None:
        self._supernet, self._linear = supernet.to(device), linear.to(device).eval()
        self._recalibration, self._validation = recalibration, validation
        self._device, self._workers = device, workers

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> Mapping[str, float]:
        """Return ``top1`` of the path on the scale 0..100; the budget has no meaning here."""
        path = self._supernet.extract(architecture)
        classifier = BackboneClassifier(path, self._linear)
        backbone = cast(Detector, _Backbone(classifier))  # has all that is asked of it
        recalibrate_bn(backbone, self._batches())
        path.eval()
        share = top1(classifier, self._validation, device=self._device, workers=self._workers)
        return {"top1": 100 * share}

    def _batches(self) -> Iterator[Tensor]:
        """Read the images in batches of equal sizes, give or take one."""
        import torch

        count = len(self._recalibration)
        for part in np.array_split(np.arange(count), math.ceil(count / RECALIBRATION_BATCH)):
            images = [self._recalibration[index][0] for index in part.tolist()]
            yield torch.stack(images).to(self._device)


class _Backbone(nn.Module):
    """The part of a detector that classifies, as :func:`detection.recalibrate_bn` takes it."""

    def __init__(self, classifier: BackboneClassifier) -> None:
        super().__init__()
        detector = classifier.detector
        names = [node.name for node in detector.graph.nodes if node.part == "backbone"]
        self.nodes = nn.ModuleDict({name: detector.nodes[name] for name in names})
        self._classify = classifier.logits

    def update_statistics(self, images: Tensor) -> None:
        """Run the backbone."""
        self._classify(images)
