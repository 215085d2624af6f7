"""The accuracy of trained weights on a split of a data folder, by COCO's or VOC's metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchspaces import MASKS, SearchSpaceError, parse_arch

from ..data.layout import open_split
from ..data.preprocess import Preprocess
from ..errors import BuildError, DatasetError, MetricError
from .class_ap import coco_rows, voc_rows
from .coco_ap import CocoReport
from .detections import ImageDetections
from .score import EVALUATION_BATCH, detect_with, score_detections
from .voc_ap import VocReport, evaluate_voc

if TYPE_CHECKING:
    from ..data.annotations import CocoAnnotations
    from ..data.coco import CocoDataset
    from ..detector import Detector
    from ..weights import WeightsInfo

Report = CocoReport | VocReport

METRICS: dict[str, Callable[[CocoAnnotations, list[ImageDetections]], Report]] = {
    "coco": score_detections,
    "voc": evaluate_voc,
}
"""Name -> function of ground truth and detections that gives the report."""


@dataclass(frozen=True, slots=True)
class WeightsScore:
    """Hold the accuracy of one detector on one split.

    Attributes:
        weights: The weights file.
        architecture: Of the detector, ``space:code``.
        split: Name of the split.
        metric: A key of `METRICS`.
        report: By that metric.
    """

    weights: Path
    architecture: str
    split: str
    metric: str
    report: Report

    def rows(self) -> list[dict[str, Any]]:
        """Return a table of all classes together and each alone, in percent."""
        if isinstance(self.report, VocReport):
            return voc_rows(self.report)
        return coco_rows(self.report)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "weights": str(self.weights),
            "architecture": self.architecture,
            "split": self.split,
            "metric": self.metric,
            **self.report.to_dict(),
        }


def score_weights(
    weights: str | Path,
    folder: str | Path,
    split: str = "val",
    *,
    metric: str = "coco",
    batch_size: int = EVALUATION_BATCH,
    device: str = "cpu",
    workers: int = 0,
    progress: Callable[[str, float, float], None] | None = None,
) -> WeightsScore:
    """Build the detector that weights belong to, and score it on a split.

    Args:
        weights: Of one trained detector.
        folder: Data of any layout.
        split: As for `find_split`.
        metric: A key of `METRICS`; masks are scored by ``coco`` only.
        batch_size: Images at once; the result does not depend on it.
        device: For example ``cpu`` or ``cuda:0``.
        workers: Processes that read images.
        progress: Called as ``progress(message, done, total)`` in images.

    Raises:
        MetricError: The metric is unknown.
        CheckpointError: The weights are missing or damaged.
        BuildError: They are a supernet's, or of a space that is unknown here.
        DatasetError: The data is not there or damaged, or has other classes.
    """
    from ..weights import read_weights_info

    if metric not in METRICS:
        raise MetricError(f"unknown metric {metric!r}; known: {', '.join(METRICS)}")
    info = read_weights_info(weights)
    detector = detector_of(Path(weights), info)
    masks = metric == "coco" and MASKS in detector.spec.output_names
    preprocess = Preprocess(detector.spec.input_hw)
    dataset = open_split(folder, split, preprocess, masks=masks).plain()
    require_same_classes(dataset, info)
    found = detect_with(
        detector.to(device),
        dataset,
        batch_size=batch_size,
        device=device,
        workers=workers,
        progress=progress,
    )
    report = METRICS[metric](dataset.annotations, found)
    return WeightsScore(Path(weights), f"{info.space}:{info.architecture}", split, metric, report)


def detector_of(weights: Path, info: WeightsInfo) -> Detector:
    """Build the detector that weights belong to, and load them.

    Raises:
        BuildError: They are a supernet's, or of a space that is unknown here.
        CheckpointError: They are missing or damaged, or do not fit.
    """
    from ..detector import Detector
    from ..weights import load_weights

    if info.architecture is None:
        raise BuildError(
            f"{weights}: the weights of a whole supernet of {info.space}; give those of one "
            "trained detector"
        )
    try:
        space, arch = parse_arch(f"{info.space}:{info.architecture}", **info.space_options)
    except SearchSpaceError as error:
        raise BuildError(f"{weights}: cannot build its detector: {error}") from error
    detector = Detector(space.detector(arch))
    load_weights(weights, detector)
    return detector


def require_same_classes(dataset: CocoDataset, info: WeightsInfo) -> None:
    """Refuse data whose labels mean other classes than the weights have learnt.

    Raises:
        DatasetError: They do.
    """
    names = dataset.annotations.class_names
    if len(names) == info.num_classes and info.label_names in ((), names):
        return
    learnt = info.label_names or (f"{info.num_classes} classes",)
    raise DatasetError(
        f"{dataset.annotations.path} has the {len(names)} classes {', '.join(names[:5])}"
        f"{', ...' if len(names) > 5 else ''}, but the weights learnt {', '.join(learnt[:5])}"
        f"{', ...' if len(learnt) > 5 else ''}"
    )
