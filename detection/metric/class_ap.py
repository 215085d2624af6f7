"""COCO average precision class by class and size by size, and result tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..data.coco_json import CocoCategory
from ..errors import MetricError
from .voc_matching import SIZES

if TYPE_CHECKING:
    from .coco_ap import CocoReport
    from .voc_ap import VocReport

AP50, AP75 = 0, 5  # positions of IoU 0.5 and 0.75 among COCO's ten
AREAS = ("ap", "ap_s", "ap_m", "ap_l")  # in the order of the metric's area ranges
APS = ("ap", "ap50", "ap75", "ap_s", "ap_m", "ap_l")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClassAp:
    """Hold the accuracy of one class; 0..1, NaN where no object is to be found.

    Attributes:
        name: Of the class.
        category_id: Its id in the annotation file.
        ap: Mean over IoU 0.50:0.05:0.95.
        ap50: At IoU 0.50.
        ap75: At IoU 0.75.
        ap_s: Of objects below 32² px.
        ap_m: Of objects between 32² and 96² px.
        ap_l: Of objects above 96² px.
    """

    name: str
    category_id: int
    ap: float
    ap50: float
    ap75: float
    ap_s: float
    ap_m: float
    ap_l: float

    def to_dict(self) -> Row:
        """Return plain JSON values; NaN becomes None."""
        return {name: null_for_nan(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClassAp:
        """Return what `to_dict` described.

        Raises:
            MetricError: A field is missing, unknown or of the wrong form.
        """
        if not isinstance(data, Mapping) or set(data) != {field.name for field in fields(cls)}:
            raise MetricError(f"not the accuracy of a class: {data!r:.100}")
        values = (math.nan if data[name] is None else float(data[name]) for name in APS)
        return cls(str(data["name"]), int(data["category_id"]), *values)


def class_aps(
    precision: npt.NDArray[np.float64], categories: Sequence[CocoCategory]
) -> tuple[ClassAp, ...]:
    """Return the accuracy of each class.

    Args:
        precision: As pycocotools accumulates it with 100 detections, (10, 101, classes, 4), by
            IoU, recall, class and area; -1 where there is nothing to be found.
        categories: By label.
    """
    rows = []
    for label, category in enumerate(categories):
        mine = precision[:, :, label]
        by_area = {name: _mean(mine[:, :, area]) for area, name in enumerate(AREAS)}
        rows.append(
            ClassAp(
                name=category.name,
                category_id=category.id,
                ap50=_mean(mine[AP50, :, 0]),
                ap75=_mean(mine[AP75, :, 0]),
                **by_area,
            )
        )
    return tuple(rows)


def coco_rows(report: CocoReport) -> list[Row]:
    """Return a result table: all classes together, then each class; AP in percent.

    Where masks were scored, each has a second row, of its masks.
    """
    if report.masks is None:
        return _ap_rows(report, {})
    both = zip(
        _ap_rows(report, {"of": "boxes"}), _ap_rows(report.masks, {"of": "masks"}), strict=True
    )
    return [row for pair in both for row in pair]


def _ap_rows(report: CocoReport, told: Row) -> list[Row]:
    named: list[tuple[str, CocoReport | ClassAp]] = [("all", report)]
    named += [(item.name, item) for item in report.classes]
    return [
        {"class": name, **told, **{ap: _percent(getattr(item, ap)) for ap in APS}}
        for name, item in named
    ]


def voc_rows(report: VocReport) -> list[Row]:
    """Return a result table: all classes together, then each class; AP50 in percent."""
    rows: list[Row] = [
        {
            "class": "all",
            "ap50": _percent(report.ap50),
            "ap50_11_points": _percent(report.ap50_11_points),
            **{f"ap50_{size}": _percent(report.ap50_of(size)) for size in SIZES},
            "objects": sum(item.objects for item in report.classes),
            "ignored": sum(item.ignored for item in report.classes),
            "detections": report.n_detections,
        }
    ]
    rows += [
        {
            "class": item.name,
            "ap50": _percent(item.ap),
            "ap50_11_points": _percent(item.ap_11_points),
            **{f"ap50_{size}": _percent(getattr(item, f"ap_{size}")) for size in SIZES},
            "objects": item.objects,
            "ignored": item.ignored,
            "detections": item.detections,
        }
        for item in report.classes
    ]
    return rows


def _mean(precision: npt.NDArray[np.float64]) -> float:
    """Return the mean of the defined precisions, NaN without any."""
    defined = precision[precision > -1]
    return float(defined.mean()) if defined.size else math.nan


def _percent(value: float) -> float | None:
    return None if math.isnan(value) else round(100 * value, 2)


def null_for_nan(value: Any) -> Any:
    """Return a JSON value, NaN as None."""
    return None if isinstance(value, float) and math.isnan(value) else value
