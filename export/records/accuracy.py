"""What is written down about accuracy: COCO's numbers of the torch model and of the engine."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccuracyRow:
    """Give one COCO number of the torch model and of the engine on the same images.

    Attributes:
        metric: COCO's name, such as ``AP50``.
        torch: Value in points, 0..100; ``None`` where there is no object to find.
        engine: Likewise.
        drop_ci: 95 % interval of the points that the engine loses, from a paired bootstrap over
            the images; ``None`` where none was made, as for recalls.
    """

    metric: str
    torch: float | None
    engine: float | None
    drop_ci: tuple[float, float] | None = None

    @property
    def drop(self) -> float:
        """Return the points that the engine loses; minus infinity where one is unknown."""
        if self.torch is None or self.engine is None:
            return -math.inf
        return self.torch - self.engine


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Record the COCO accuracy of the torch model and of the engine.

    Attributes:
        data: Name of the data set and split.
        images: Images evaluated.
        classes: Names of the classes that data and labels share.
        rows: The COCO numbers; empty where AP is not comparable.
        note: Why AP is not comparable, where it is not.
        resamples: Resamples of the images that the intervals rest on; 0 without intervals.
    """

    data: str
    images: int
    classes: tuple[str, ...] = ()
    rows: tuple[AccuracyRow, ...] = ()
    note: str = ""
    resamples: int = 0

    def row(self, metric: str) -> AccuracyRow:
        """Return one number; empty where it was not measured."""
        known = {row.metric: row for row in self.rows}
        return known.get(metric, AccuracyRow(metric, None, None))
