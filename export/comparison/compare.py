"""Run torch and engine over a data set; compare what they find, and with the annotations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from detection import CocoReport, ImageDetections, score_detections

from ..bundle.postprocess import Detections
from ..errors import VerificationError
from ..gate.parity import PARITY_IOU, ParityReport, compare_detections
from ..records.accuracy import Accuracy
from .data import EvaluationData, Progress
from .scoring import accuracy_of, drops_between, of_categories, scorable, shared_classes

if TYPE_CHECKING:
    from PIL import Image

    from ..running.session import Session


class Finder(Protocol):
    """What is compared: a `Session`, or the `Reference`."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the class names by label."""

    @property
    def max_detections(self) -> int | None:
        """Return the length at which lists of detections end, once one was made."""

    def detect_batch(self, images: Sequence[Image.Image]) -> list[Detections]:
        """Detect objects in images, boxes in their own pixels."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold what torch and engine found on the same images.

    Attributes:
        parity: Matched detections.
        accuracy: COCO numbers of both.
        torch_coco: COCO's report of torch; ``None`` where no class is shared.
        engine_coco: Likewise of the engine.
        torch_detections: Torch's detections per image, boxes in original pixels.
        engine_detections: The engine's.
    """

    parity: ParityReport
    accuracy: Accuracy
    torch_coco: CocoReport | None
    engine_coco: CocoReport | None
    torch_detections: tuple[Detections, ...]
    engine_detections: tuple[Detections, ...]


def compare(
    torch: Finder,
    engine: Session[Any],
    data: EvaluationData,
    progress: Progress | None = None,
    *,
    iou: float = PARITY_IOU,
) -> Comparison:
    """Run torch and engine over the same images and compare.

    Each side has its own labels; detections are of the same class if the names are.

    Args:
        torch: The torch model.
        engine: The engine.
        data: The images.
        progress: Called as ``progress(message, done, total)`` in images.
        iou: IoU from which two boxes are the same detection.

    Raises:
        VerificationError: There are no images.
        DetectError: One side gives something else than detections.
        DatasetError: An image is damaged.
    """
    if not len(data):
        raise VerificationError(f"{data.name}: no image to verify on")
    found_torch, found_engine = _detect_all(torch, engine, data, progress)
    found = tuple(found_torch), tuple(found_engine)
    parity = parity_between((torch, found_torch), (engine, found_engine), data, iou=iou)
    classes = shared_classes(torch.labels, data.annotations)
    if not classes:
        note = "the data and the detector share no class by name"
        accuracy = Accuracy(data.name, len(data), note=note)
        return Comparison(parity, accuracy, None, None, *found)
    truth, by_torch = scorable(found_torch, data.annotations, torch.labels)
    by_engine = of_categories(found_engine, truth, engine.labels)
    torch_coco, engine_coco = (score_detections(truth, one) for one in (by_torch, by_engine))
    if progress is not None:
        progress("resampling the images", len(data), len(data))
    drops = drops_between(truth, by_torch, by_engine)
    accuracy = accuracy_of(data, classes, torch_coco, engine_coco, drops)
    return Comparison(parity, accuracy, torch_coco, engine_coco, *found)


def parity_between(
    torch: tuple[Finder, Sequence[Detections]],
    engine: tuple[Finder, Sequence[Detections]],
    data: EvaluationData,
    *,
    iou: float,
) -> ParityReport:
    """Match what torch and engine found in the same images.

    Args:
        torch: The torch model, and its detections per image.
        engine: The engine, and its detections.
        data: The images.
        iou: IoU from which two boxes are the same detection.
    """
    (one, found_torch), (other, found_engine) = torch, engine
    ids = [image.id for image in data.annotations.images]
    names = (*one.labels, *(name for name in other.labels if name not in one.labels))
    lengths = [side.max_detections for side in (one, other) if side.max_detections]
    return compare_detections(
        [_by_label(i, found) for i, found in zip(ids, found_torch, strict=True)],
        [
            _by_label(i, found, [names.index(name) for name in other.labels])
            for i, found in zip(ids, found_engine, strict=True)
        ],
        iou=iou,
        top_d=max(lengths, default=None),  # a list that is cut shorter is a fault
        labels=names,
    )


def _detect_all(
    torch: Finder, engine: Session[Any], data: EvaluationData, progress: Progress | None
) -> tuple[list[Detections], list[Detections]]:
    images = data.annotations.images
    sides: tuple[list[Detections], list[Detections]] = ([], [])
    for start in range(0, len(images), engine.batch):
        batch = [data.dataset.load(info) for info in images[start : start + engine.batch]]
        for side, found in zip((torch, engine), sides, strict=True):
            found.extend(side.detect_batch(batch))
        if progress is not None:
            progress("comparing torch and engine", len(sides[0]), len(images))
    return sides


def _by_label(
    image_id: int, found: Detections, renumbered: Sequence[int] | None = None
) -> ImageDetections:
    labels = found.labels if renumbered is None else np.asarray(renumbered)[found.labels]
    return ImageDetections(image_id, found.boxes, found.scores, labels, found.masks)
