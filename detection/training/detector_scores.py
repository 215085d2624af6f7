"""The score of a detector that is being trained, on its validation images."""

from __future__ import annotations

from ..data.coco import CocoDataset
from ..detector import Detector
from ..metric.coco_ap import CocoReport
from ..metric.detections import ImageDetections
from ..metric.score import detect_with, score_detections
from ..metric.voc_ap import VocReport, evaluate_voc
from .processes import Processes, current_processes
from .report import TrainReport
from .validation import Progress


class DetectorScores:
    """Score a detector as often as asked; of several processes, each detects in its images.

    Args:
        detector: Is being trained.
        validation: Opened without augmentation.
        device: Where the detector is.
        workers: Processes that read images, for each of those that train.
        voc: Whether to score by PASCAL VOC's metric as well, which its papers quote.

    Attributes:
        report: The last score in full.
        voc: The last score by PASCAL VOC's metric, where that was asked for.
    """

    def __init__(
        self,
        detector: Detector,
        validation: CocoDataset,
        device: str = "cpu",
        workers: int = 0,
        *,
        voc: bool = False,
    ) -> None:
        self.report: CocoReport | None = None
        self.voc: VocReport | None = None
        self._detector, self._validation = detector, validation
        self._device, self._workers, self._by_voc = device, workers, voc

    def __call__(self, progress: Progress | None = None) -> dict[str, float]:
        """Return AP, AP50 and AP75, 0..1; where they were scored, those of masks and of VOC, too.

        Raises:
            MetricError: The detector gave a number that is not finite.
            DatasetError: An image is damaged.
        """
        report = self.score(progress)
        scores = {"ap": report.ap, "ap50": report.ap50, "ap75": report.ap75}
        if report.masks is not None:
            scores["mask_ap"] = report.masks.ap
        if self.voc is not None:
            scores |= {"voc_ap50": self.voc.ap50, "voc_ap50_11_points": self.voc.ap50_11_points}
        return scores

    def score(self, progress: Progress | None = None) -> CocoReport:
        """Return the score in full; see :meth:`__call__`."""
        processes, found = current_processes(), list[ImageDetections]()
        mine = self._part(processes)
        if mine is not None:
            found = detect_with(
                self._detector,
                mine,
                device=self._device,
                workers=self._workers,
                progress=progress if processes.writes else None,
            )
        everyone = [item for part in processes.gather(found) for item in part]
        annotations = self._validation.annotations
        place = {image.id: index for index, image in enumerate(annotations.images)}
        everyone.sort(key=lambda item: place[item.image_id])
        self.report = score_detections(annotations, everyone)
        self.voc = evaluate_voc(annotations, everyone) if self._by_voc else None
        return self.report

    def of_run(self, report: TrainReport, progress: Progress | None = None) -> CocoReport:
        """Return the score of the weights that a run has left; the last one where that is it."""
        last = report.best is None or report.best.step == report.steps
        if self.report is not None and last:
            return self.report
        return self.score(progress)

    def _part(self, processes: Processes) -> CocoDataset | None:
        """Return the images that this process detects in; ``None`` for none."""
        if processes.count == 1:
            return self._validation
        ids = [image.id for image in self._validation.annotations.images]
        mine = ids[processes.rank :: processes.count]
        return self._validation.subset(mine) if mine else None
