"""Parity: whether torch and engine detect the same things, compared as matched sets.

Positions mean nothing: where two scores are equal to the last digit, the order of detections is
an accident of the kernel (research on torchvision graphs: 43 % of boxes agree by position, 98 %
by match).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from detection import MatchOptions, MetricError, match_all

from ..errors import ParityError

if TYPE_CHECKING:
    from detection import ImageDetections, MatchGroup, Orphan

PARITY_IOU = 0.99
"""IoU from which two boxes of one class are the same detection."""

SCORE_FLOOR = 0.05
"""Detections below need no partner but may be one: so low, none is ever shown to anybody."""

REPORTED_ORPHANS = 5


@dataclass(frozen=True, slots=True)
class ParityGroup:
    """Count the detections of a part: of a class or of a size, of both sides together.

    Attributes:
        name: The class's name, or ``small``, ``medium`` or ``large`` objects.
        needed: Detections that need a partner.
        matched: How many of them have one.
    """

    name: str
    needed: int
    matched: int


@dataclass(frozen=True, slots=True)
class ParityReport:
    """Count how far the detections of torch and engine agree.

    Attributes:
        images: Images compared.
        torch_detections: Detections of torch that need a partner.
        engine_detections: Detections of the engine that need one.
        torch_matched: How many of torch's have one.
        engine_matched: How many of the engine's have one.
        excused: Detections without a partner that may just have fallen off the other side's full
            list of detections.
        max_score_difference: Largest difference of the scores of a pair.
        min_iou: Smallest IoU of a pair.
        iou: IoU that a pair needs.
        score_floor: Score from which a detection needs a partner.
        orphans: The highest-scoring detections without a partner, in words.
        mask_iou: Mean IoU of the masks of a pair; ``None`` without masks.
        mean_iou: Mean IoU of the boxes of a pair; ``None`` where it was not recorded.
        mean_score_difference: Mean difference of the scores of a pair; likewise.
        groups: The same counts by class and by size.
        torch_total: Detections of torch of any score; ``None`` where they were not counted.
        engine_total: Likewise of the engine.
    """

    images: int
    torch_detections: int
    engine_detections: int
    torch_matched: int
    engine_matched: int
    excused: int
    max_score_difference: float
    min_iou: float
    iou: float
    score_floor: float
    orphans: tuple[str, ...] = ()
    mask_iou: float | None = None
    mean_iou: float | None = None
    mean_score_difference: float | None = None
    groups: tuple[ParityGroup, ...] = ()
    torch_total: int | None = None
    engine_total: int | None = None

    @property
    def matched_fraction(self) -> float:
        """Return the matched fraction of the side that is worse off; 1 without detections."""
        sides = (
            (self.torch_matched, self.torch_detections),
            (self.engine_matched, self.engine_detections),
        )
        return min((matched / needed for matched, needed in sides if needed), default=1.0)

    @property
    def f1(self) -> float:
        """Return matched over needed of both sides together; 1 without detections."""
        needed = self.torch_detections + self.engine_detections
        return (self.torch_matched + self.engine_matched) / needed if needed else 1.0


def compare_detections(
    torch_detections: Sequence[ImageDetections],
    engine_detections: Sequence[ImageDetections],
    *,
    iou: float = PARITY_IOU,
    score_floor: float = SCORE_FLOOR,
    top_d: int | None = None,
    labels: Sequence[str] = (),
) -> ParityReport:
    """Match the detections of torch and engine, image by image, by class and IoU.

    Args:
        torch_detections: One entry per image, boxes in original pixels.
        engine_detections: The same images, in any order.
        iou: IoU that a pair needs.
        score_floor: Score from which a detection needs a partner.
        top_d: Length at which both sides cut their lists; what lies at the cut is excused.
        labels: Class names by category id, for the words about orphans.

    Raises:
        ParityError: The two sides are not of the same images, or an option is out of range.
    """
    try:
        options = MatchOptions(iou=iou, score_floor=score_floor, top_d=top_d)
        report = match_all(torch_detections, engine_detections, options)
    except MetricError as error:
        raise ParityError(str(error)) from error
    return ParityReport(
        images=report.n_images,
        torch_detections=report.n_a,
        engine_detections=report.n_b,
        torch_matched=report.matched_a,
        engine_matched=report.matched_b,
        excused=report.excused,
        max_score_difference=report.max_score_diff,
        min_iou=report.min_iou,
        iou=iou,
        score_floor=score_floor,
        orphans=tuple(_in_words(orphan, labels) for orphan in report.orphans[:REPORTED_ORPHANS]),
        mask_iou=report.mean_mask_iou if report.mask_ious else None,
        mean_iou=report.mean_iou if report.n_pairs else None,
        mean_score_difference=report.mean_score_diff if report.n_pairs else None,
        groups=tuple(_named(group, labels) for group in report.groups),
        torch_total=sum(map(len, torch_detections)),
        engine_total=sum(map(len, engine_detections)),
    )


def _named(group: MatchGroup, labels: Sequence[str]) -> ParityGroup:
    if group.category_id is None:
        return ParityGroup(f"{group.size} objects", group.needed, group.matched)
    return ParityGroup(_class_name(group.category_id, labels), group.needed, group.matched)


def _in_words(orphan: Orphan, labels: Sequence[str]) -> str:
    side = "torch" if orphan.side == "a" else "engine"
    name = _class_name(orphan.category_id, labels)
    return f"image {orphan.image_id}: only {side} finds {name} with score {orphan.score:.3f}"


def _class_name(category_id: int, labels: Sequence[str]) -> str:
    known = 0 <= category_id < len(labels)
    return labels[category_id] if known else f"class {category_id}"
