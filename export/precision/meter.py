"""What a lowered engine loses, on the images of the gate and by its rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from detection import AP_NAMES, ImageDetections, ImageMatches, match_images, weighted_ap

from ..bundle.postprocess import Detections
from ..comparison.compare import Finder, parity_between
from ..comparison.data import EvaluationData
from ..comparison.scoring import scorable
from ..errors import PrecisionError
from ..gate.bootstrap import Drop, paired_drops
from ..gate.detections import MAX_SCORE_DIFFERENCE, MIN_MATCHED, judge_parity, parity_limits
from ..gate.outcome import Outcome
from ..gate.parity import ParityReport

if TYPE_CHECKING:
    from PIL import Image

    from ..running.session import Session

KINDS = ("bbox", "segm")
AP = AP_NAMES[0]


@dataclass(frozen=True, slots=True)
class Loss:
    """Say how much AP an engine loses; where there are masks, the worse of boxes and masks.

    Attributes:
        points: AP points of 0..100; negative where the engine is better.
        high: Upper end of the interval of the loss; ``None`` where the points alone exceed the
            limit.
        passed: Whether the gate would pass it.
        matched: Fraction of the detections that match the reference's; ``None`` where they
            were not compared.
    """

    points: float
    high: float | None
    passed: bool
    matched: float | None = None


@dataclass(frozen=True, slots=True)
class Alike:
    """State how alike an engine's detections must be to the reference's: as the gate asks.

    AP alone may rise while a third of the detections are others.

    Attributes:
        precision: Of the engine.
        min_matched: Fraction of detections that the caller needs matched.
        max_score_difference: Of a pair, that the caller allows.
    """

    precision: str
    min_matched: float = MIN_MATCHED
    max_score_difference: float = MAX_SCORE_DIFFERENCE

    @property
    def iou(self) -> float:
        """Return the IoU from which two boxes are the same detection."""
        return parity_limits(self.precision).iou

    def holds(self, parity: ParityReport) -> bool:
        """Return whether the gate would not fail what was compared."""
        check = judge_parity(parity, self.min_matched, self.max_score_difference, self.precision)
        return check.outcome is not Outcome.FAIL


class Replay:
    """Give again what was detected in the same images, in the same order.

    Args:
        found: Detections per image.
        labels: Class names by label.
        max_detections: Length at which lists of detections end.
    """

    def __init__(
        self, found: Sequence[Detections], labels: tuple[str, ...], max_detections: int | None
    ) -> None:
        self.labels = labels
        self.max_detections = max_detections
        self._left = list(found)

    def detect_batch(self, images: Sequence[Image.Image]) -> list[Detections]:
        """Return the detections of the next images."""
        taken, self._left = self._left[: len(images)], self._left[len(images) :]
        return taken


class Recorded:
    """Run a reference over images once, to compare many engines with it.

    Args:
        reference: Torch.
        data: The images.
        batch: Images at a time.

    Attributes:
        data: The images.
        batch: As given.
        found: Detections per image.
        labels: Class names by label.

    Raises:
        DatasetError: An image is damaged.
    """

    def __init__(self, reference: Finder, data: EvaluationData, batch: int = 1) -> None:
        self.data = data
        self.batch = batch
        self.found = detect_all(reference, data, batch)
        self.labels = reference.labels
        self._longest = reference.max_detections

    def replay(self) -> Replay:
        """Return what gives these detections once more."""
        return Replay(self.found, self.labels, self._longest)


def detect_all(finder: Finder, data: EvaluationData, batch: int) -> list[Detections]:
    """Return what is found in every image.

    Raises:
        DatasetError: An image is damaged.
        DetectError: An engine gives something else than detections.
    """
    images = data.annotations.images
    found: list[Detections] = []
    for start in range(0, len(images), batch):
        opened = [data.dataset.load(info) for info in images[start : start + batch]]
        found.extend(finder.detect_batch(opened))
    return found


class LossMeter:
    """Measure what engines lose of a reference's AP.

    Args:
        recorded: The reference and the images.
        limit: AP points that the upper end of the interval must not exceed.
        alike: How alike detections must be besides; only AP counts if ``None``.

    Raises:
        PrecisionError: The reference finds nothing worth losing, or there are too few images for
            an interval: no loss could be told.
        VerificationError: Data and detector share no class.
    """

    def __init__(self, recorded: Recorded, limit: float, alike: Alike | None = None) -> None:
        self._recorded = recorded
        self._data = recorded.data
        self._limit = limit
        self._alike = alike
        truth, found = scorable(recorded.found, self._data.annotations, recorded.labels)
        self._truth = truth
        self._torch = self._match(found)
        self._check()

    @property
    def limit(self) -> float:
        """Return the AP points that may be lost."""
        return self._limit

    @property
    def images(self) -> int:
        """Return on how many images losses are measured."""
        return len(self._data)

    def loss(self, engine: Session[Any]) -> Loss:
        """Run an engine over the images and return what it loses.

        Raises:
            DetectError: It gives something else than detections.
            EngineError: It cannot be run.
        """
        detected = detect_all(engine, self._data, self._recorded.batch)
        found = scorable(detected, self._data.annotations, engine.labels)[1]
        mine = self._match(found)
        points = max(
            _points(torch) - _points(mine[kind]) if kind in mine else _points(torch)
            for kind, torch in self._torch.items()
        )
        if points > self._limit or set(mine) != set(self._torch):
            return Loss(points, None, False)
        high = max(self._drop(torch, mine[kind]).ci[1] for kind, torch in self._torch.items())
        if high > self._limit or self._alike is None:
            return Loss(points, high, high <= self._limit)
        sides = (self._recorded.replay(), self._recorded.found), (engine, detected)
        parity = parity_between(*sides, self._data, iou=self._alike.iou)
        return Loss(points, high, self._alike.holds(parity), parity.matched_fraction)

    def _match(self, found: Sequence[ImageDetections]) -> Mapping[str, ImageMatches]:
        masks = self._truth.has_masks and any(item.masks is not None for item in found)
        kinds = KINDS if masks else KINDS[:1]
        return {kind: match_images(self._truth, found, iou_type=kind) for kind in kinds}

    def _drop(self, torch: ImageMatches, engine: ImageMatches) -> Drop:
        return paired_drops(torch, engine)[AP]

    def _check(self) -> None:
        ap = _points(self._torch[KINDS[0]])
        if self.images < 2:
            raise PrecisionError("one image tells no interval; verify on at least two")
        if not ap > self._limit:
            raise PrecisionError(
                f"torch has {ap:.2f} AP on {self._data.name}, no more than the {self._limit:g} "
                "points that may be lost: no loss could be told; train the detector first, or "
                "verify on images of its classes"
            )


def _points(matches: ImageMatches) -> float:
    return 100 * float(weighted_ap(matches, np.ones((1, len(matches)), np.int64))[0, 0])
