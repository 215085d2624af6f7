"""PASCAL VOC's average precision, in both of its definitions.

Everingham et al. 2010, "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 88, sec. 4.2,
doi:10.1007/s11263-009-0275-4, and the development kits' ``VOCevaldet.m`` and ``VOCap.m``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.annotations import CocoAnnotations
from ..data.coco_json import CocoCategory
from ..errors import MetricError
from .coco_ap import check_scorable
from .detections import ImageDetections
from .voc_matching import SIZES, VocBoxes, VocMatches, match_voc

LEAST_IOU = 0.5  # of a hit; the border counts, as in VOCevaldet.m
RECALL_POINTS = 11  # 0, 0.1, ... 1 until VOC2009

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class VocClassAp:
    """Hold the accuracy of one class; 0..1, more is better, NaN without an object to be found.

    Attributes:
        name: Of the class.
        category_id: Its id.
        ap: Area under the whole precision-recall curve: VOC2010 and later.
        ap_11_points: Mean precision at eleven recalls: VOC2007 to VOC2009.
        objects: To be found: neither difficult nor crowds.
        ignored: Difficult objects and crowds.
        detections: Of the class.
        ap_s: ``ap`` of objects up to 32² px.
        ap_m: ``ap`` of objects between 32² and 96² px.
        ap_l: ``ap`` of objects from 96² px.
    """

    name: str
    category_id: int
    ap: float
    ap_11_points: float
    objects: int
    ignored: int
    detections: int
    ap_s: float = math.nan
    ap_m: float = math.nan
    ap_l: float = math.nan


@dataclass(frozen=True, slots=True)
class VocReport:
    """Hold PASCAL VOC's accuracy of one set of detections.

    Attributes:
        classes: By label.
        least_iou: Of a hit.
        n_images: Images of the annotations, all of which count.
        n_detections: Detections that were scored.
    """

    classes: tuple[VocClassAp, ...]
    least_iou: float
    n_images: int
    n_detections: int

    @property
    def ap50(self) -> float:
        """Return the mean AP of the classes that have objects; NaN if none has."""
        return _mean([item.ap for item in self.classes])

    @property
    def ap50_11_points(self) -> float:
        """Return the same by VOC2007's eleven points, as papers quote it on VOC07 test."""
        return _mean([item.ap_11_points for item in self.classes])

    def ap50_of(self, size: str) -> float:
        """Return the mean AP of the classes that have objects of a size, ``s``, ``m`` or ``l``."""
        return _mean([getattr(item, f"ap_{size}") for item in self.classes])

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; NaN becomes None."""
        whole = {"ap50": self.ap50, "ap50_11_points": self.ap50_11_points}
        by_size = {f"ap50_{size}": self.ap50_of(size) for size in SIZES}
        fields = {**whole, **by_size, **asdict(self)}
        fields["classes"] = [_without_nan(item) for item in fields["classes"]]
        return _without_nan(fields)


def evaluate_voc(
    annotations: CocoAnnotations,
    detections: Sequence[ImageDetections],
    *,
    least_iou: float = LEAST_IOU,
) -> VocReport:
    """Score detections as the VOC challenge does.

    Class by class, the best score first, a detection is compared with the object of its image
    that it overlaps most. It is a hit if the IoU reaches `least_iou` and the object was not hit
    before; it is left out if that object is difficult or a crowd; else it is false. Detections
    with equal scores keep the order in which they come. By size, which VOC does not know, COCO's
    rule is taken: objects of other sizes are left out as well, and so are detections of another
    size that are of no object.

    Args:
        annotations: Ground truth; every image counts, with or without detections.
        detections: At most one entry per image; may be empty.
        least_iou: Above 0, at most 1.

    Raises:
        MetricError: There are no images, a detection is of an unknown image or category or of an
            image that occurred before, or the IoU is out of range.
    """
    if not 0 < least_iou <= 1:
        raise MetricError(f"least_iou must be above 0 and at most 1, got {least_iou}")
    check_scorable(annotations, detections, "bbox")
    objects = VocBoxes.of_objects(annotations)
    found = VocBoxes.of_detections(annotations, detections)
    classes = tuple(
        _class_ap(category, match_voc(objects.of_label(label), found.of_label(label), least_iou))
        for label, category in enumerate(annotations.categories)
    )
    return VocReport(classes, least_iou, len(annotations.images), len(found.image))


def _class_ap(category: CocoCategory, matches: VocMatches) -> VocClassAp:
    hits, wanted = matches.hits()
    by_size = {f"ap_{name}": ap_all_points(*matches.hits(size)) for name, size in SIZES.items()}
    return VocClassAp(
        name=category.name,
        category_id=category.id,
        ap=ap_all_points(hits, wanted),
        ap_11_points=ap_11_points(hits, wanted),
        objects=wanted,
        ignored=int(matches.truth.ignored.sum()),
        detections=len(matches.found.image),
        **by_size,
    )


def ap_all_points(hits: Bools, wanted: int) -> float:
    """Return the area under the precision-recall curve, made monotonous from the right.

    Args:
        hits: Whether each counted detection is a hit, (n,), best score first.
        wanted: Objects to be found.

    Returns:
        0..1, or NaN if nothing is wanted.

    Example:
        >>> round(ap_all_points(np.array([True, False, True]), 2), 4)  # (1 + 2/3) / 2
        0.8333
    """
    if not wanted:
        return math.nan
    precision = _falling_precision(hits)
    return float(precision[hits].sum() / wanted)


def ap_11_points(hits: Bools, wanted: int) -> float:
    """Return the mean over recalls 0, 0.1, ... 1 of the best precision at that recall or above.

    Recalls are compared as fractions: three objects of ten reach 0.3, which the development kit's
    ``0:0.1:1`` in floating point misses.

    Args:
        hits: Whether each counted detection is a hit, (n,), best score first.
        wanted: Objects to be found.

    Returns:
        0..1, or NaN if nothing is wanted.

    Example:
        >>> round(ap_11_points(np.array([True, False, True]), 2), 4)  # (6 * 1 + 5 * 2/3) / 11
        0.8485
    """
    if not wanted:
        return math.nan
    precision = np.append(_falling_precision(hits), 0.0)
    reached = np.cumsum(hits) * (RECALL_POINTS - 1)
    levels = np.arange(RECALL_POINTS) * wanted
    return float(precision[np.searchsorted(reached, levels)].mean())


def _falling_precision(hits: Bools) -> Floats:
    """Return the best precision at each detection's recall or above, (n,)."""
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    falling: Floats = np.maximum.accumulate(precision[::-1])[::-1]
    return falling


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def _without_nan(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in fields.items()
    }
