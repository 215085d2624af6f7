"""Pre-training of backbones on classified images, alone or path by path (DetNAS, sec. 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torch.utils.data import DataLoader, Dataset

from searchspaces import IMAGE

from ..data.classification import ClassificationDataset, collate_classified
from ..data.loader import read_batches
from ..detector import Detector
from ..errors import TrainingError

BACKBONE = "backbone"


class LabelledImages(Dataset[tuple[Tensor, dict[str, int]]]):
    """Give classified images the form that the training loop takes.

    Args:
        dataset: Opened for training.
    """

    def __init__(self, dataset: ClassificationDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def at_epoch(self, epoch: int) -> LabelledImages:
        """Return the same images with the crops of another epoch."""
        return LabelledImages(self.dataset.at_epoch(epoch))

    def __getitem__(self, index: int) -> tuple[Tensor, dict[str, int]]:
        """Return the image ``(3, h, w)``, and its label beside its place in the data set."""
        image, label = self.dataset[index]
        return image, {"label": label, "image_id": index}


class BackboneClassifier:
    """Classify by a detector's backbone: the mean of its last map, then one linear layer.

    It is no module: it borrows both, so that a supernet's paths share one linear layer.

    Args:
        detector: Its backbone is trained, at any input size.
        linear: From the backbone's last channels to classes; see :func:`make_linear`.
        smoothing: How much of a label is spread over all classes (Szegedy et al. 2016, sec. 7).
    """

    def __init__(self, detector: Detector, linear: nn.Linear, smoothing: float = 0.0) -> None:
        self.detector, self.linear, self.smoothing = detector, linear, smoothing
        self._last = last_backbone_node(detector)

    def logits(self, images: Tensor) -> Tensor:
        """Map ``(b, 3, h, w)`` to ``(b, classes)``."""
        (features,) = self.detector.run({IMAGE: images}, (self._last,))
        given: Tensor = self.linear(features.mean((2, 3)))
        return given

    def losses(
        self,
        images: Tensor,
        targets: Sequence[Mapping[str, Any]],
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return the cross entropy; nothing in it is random."""
        labels = torch.tensor([target["label"] for target in targets], device=images.device)
        logits = self.logits(images).float()
        return {"class": F.cross_entropy(logits, labels, label_smoothing=self.smoothing)}

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """Return those of the backbone and of the linear layer."""
        for node in self.detector.graph.nodes:
            if node.part == BACKBONE:
                yield from self.detector.nodes[node.name].parameters(recurse)
        yield from self.linear.parameters(recurse)


def classifier_for_step(
    detector_for_step: Callable[[int], Detector], linear: nn.Linear, smoothing: float
) -> Callable[[int], BackboneClassifier]:
    """Train the backbone of what a step would train."""
    return lambda step: BackboneClassifier(detector_for_step(step), linear, smoothing)


def last_backbone_node(detector: Detector) -> str:
    """Return the node that gives the backbone's last map.

    Raises:
        TrainingError: The last stage runs on boxes, as in a detector without pyramid.
    """
    nodes = [node for node in detector.graph.nodes if node.part == BACKBONE]
    if not nodes or any(
        node.part != BACKBONE and node.spec.kind == nodes[-1].spec.kind
        for node in detector.graph.nodes
    ):
        raise TrainingError(
            "the backbone's last stage runs on boxes and cannot classify images; pre-train the "
            "same backbone in a detector with a pyramid"
        )
    return nodes[-1].name


def make_linear(detector: Detector, classes: int) -> nn.Linear:
    """Return a linear layer that fits the backbone; drawn from torch's global generator."""
    channels = detector.graph.tensors[last_backbone_node(detector)].shape[1]
    return nn.Linear(channels, classes)


@torch.no_grad()
def top1(
    classifier: BackboneClassifier,
    dataset: ClassificationDataset,
    *,
    batch_size: int = 64,
    device: str = "cpu",
    workers: int = 0,
    progress: Callable[[str, float, float], None] | None = None,
) -> float:
    """Return the share of images that are classified right, 0..1.

    Args:
        classifier: In evaluation mode.
        dataset: To measure on.
        batch_size: Images at a time.
        device: Where the classifier is.
        workers: Processes that read images.
        progress: Called as ``progress(message, done, total)`` in images.
    """
    loader = DataLoader(
        dataset,
        batch_size,
        num_workers=workers,
        collate_fn=collate_classified,
        pin_memory=device.startswith("cuda"),
        generator=torch.Generator(),  # leaves torch's own random numbers alone
    )
    right, done = 0, 0
    for images, labels in read_batches(loader):
        right += int((classifier.logits(images.to(device)).argmax(1).cpu() == labels).sum())
        done += len(images)
        if progress is not None:
            progress("classifying", done, len(dataset))
    return right / len(dataset)
