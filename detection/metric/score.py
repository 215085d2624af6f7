"""The COCO accuracy of a torch detector on a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..data.annotations import CocoAnnotations
from .coco_ap import CocoReport, evaluate_coco
from .detections import ImageDetections
from .inference import detect_dataset, run_module

if TYPE_CHECKING:
    import torch

    from ..data.coco import CocoDataset

EVALUATION_BATCH = 8  # images at once; the result does not depend on it


def detect_with(
    detector: torch.nn.Module,
    dataset: CocoDataset,
    *,
    batch_size: int = EVALUATION_BATCH,
    device: str = "cpu",
    workers: int = 0,
    progress: Callable[[str, float, float], None] | None = None,
) -> list[ImageDetections]:
    """Detect in every image of a data set; `evaluate_coco` or `evaluate_voc` scores the result.

    Args:
        detector: A :class:`detection.Detector`; its train or eval mode is restored afterwards.
        dataset: Opened without augmentation.
        batch_size: Images at once.
        device: Where the detector's weights are.
        workers: Processes that read images.
        progress: Called as ``progress(message, done, total)`` in images.

    Raises:
        MetricError: The outputs do not fit the data set.
        DatasetError: An image is damaged.
    """
    was_training = detector.training
    detector.eval()
    try:
        return detect_dataset(
            run_module(detector, device),
            dataset,
            batch_size=batch_size,
            workers=workers,
            pin_memory=device.startswith("cuda"),
            progress=progress,
        )
    finally:
        detector.train(was_training)


def score_detector(
    detector: torch.nn.Module,
    dataset: CocoDataset,
    *,
    batch_size: int = EVALUATION_BATCH,
    device: str = "cpu",
    workers: int = 0,
    progress: Callable[[str, float, float], None] | None = None,
) -> CocoReport:
    """Detect in every image of a data set and score the detections.

    Masks are scored too where the detector gives them and the annotations were read with
    outlines: see ``CocoReport.masks``.

    Args:
        detector: A :class:`detection.Detector`; its train or eval mode is restored afterwards.
        dataset: Opened without augmentation.
        batch_size: Images at once.
        device: Where the detector's weights are.
        workers: Processes that read images.
        progress: Called as ``progress(message, done, total)`` in images.

    Raises:
        MetricError: The outputs do not fit the data set.
        DatasetError: An image is damaged.
    """
    found = detect_with(
        detector,
        dataset,
        batch_size=batch_size,
        device=device,
        workers=workers,
        progress=progress,
    )
    return score_detections(dataset.annotations, found)


def score_detections(
    annotations: CocoAnnotations, detections: Sequence[ImageDetections]
) -> CocoReport:
    """Score boxes and, where both sides have them, masks.

    Raises:
        MetricError: As in `evaluate_coco`.
    """
    report = evaluate_coco(annotations, detections)
    have_masks = any(item.masks is not None for item in detections)
    if not (have_masks and annotations.has_masks):
        return report
    return replace(report, masks=evaluate_coco(annotations, detections, iou_type="segm"))
