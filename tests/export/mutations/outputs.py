"""Faults of a runtime that reads the outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from export import Detections

from .mutation import ANY, DeployedSession, Mutation, Workpiece
from .plants import runtime

Array = npt.NDArray[Any]
Outputs = dict[str, Array]


def outputs(change: Callable[[Outputs], Outputs]) -> Callable[[Workpiece], None]:
    """Return the planting of a runtime that reads the outputs otherwise."""

    def on(session: DeployedSession) -> None:
        before = session.finish
        session.finish = lambda made, boxes: before(change(dict(made)), boxes)  # type: ignore[method-assign]

    return runtime(on)


def detections(change: Callable[[Detections], Detections]) -> Callable[[Workpiece], None]:
    """Return the planting of a runtime that works on the detections of an image."""

    def on(session: DeployedSession) -> None:
        before = session.finish
        session.finish = lambda made, boxes: [change(found) for found in before(made, boxes)]  # type: ignore[method-assign]

    return runtime(on)


def _suppressed_again(found: Detections) -> Detections:
    """Suppress once more, at IoU 0.3 and across classes."""
    keep = np.ones(len(found), np.bool_)
    for row in range(len(found)):
        if keep[row]:
            for other in range(row + 1, len(found)):
                keep[other] &= _iou(found.boxes[row], found.boxes[other]) <= 0.3
    return found.select(keep)


def _iou(one: Array, other: Array) -> float:
    sides = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)
    area = [float((box[2:] - box[:2]).prod()) for box in (one, other)]
    overlap = float(sides.prod())
    return overlap / max(sum(area) - overlap, 1e-9)


def _best_of_each_class(found: Detections) -> Detections:
    seen: set[int] = set()
    keep = [label not in seen and not seen.add(label) for label in found.labels.tolist()]  # type: ignore[func-returns-value]
    return found.select(np.array(keep, np.bool_))


def _first_dropped(found: Detections) -> Detections:
    """Start at row one."""
    return found.select(np.arange(len(found)) > 0)


def _shifted_labels(made: Outputs) -> Outputs:
    return made | {"labels": np.maximum(made["labels"] - 1, 0)}


def _padding_read(made: Outputs) -> Outputs:
    rows = made["scores"].shape[1]
    return made | {"count": np.full_like(made["count"], rows)}


def _scores_in_percent(made: Outputs) -> Outputs:
    return made | {"scores": np.rint(made["scores"] * 10) / 10}


def _labels_of_scores(made: Outputs) -> Outputs:
    """Read labels one row off, as after a sort of the scores alone."""
    return made | {"labels": np.roll(made["labels"], 1, 1)}


CATALOGUE = (
    Mutation(
        "suppressed-again",
        "the runtime suppresses once more",
        "postprocessing",
        "pipeline",
        ANY,
        detections(_suppressed_again),
    ),
    Mutation(
        "one-object-per-class",
        "the runtime keeps the best detection of each class",
        "postprocessing",
        "pipeline",
        ANY,
        detections(_best_of_each_class),
    ),
    Mutation(
        "first-row-dropped",
        "the runtime starts at the second row",
        "postprocessing",
        "pipeline",
        ANY,
        detections(_first_dropped),
    ),
    Mutation(
        "threshold-in-the-runtime",
        "the runtime drops scores below 0.3",
        "postprocessing",
        "pipeline",
        ANY,
        detections(lambda found: found.above(0.3)),
    ),
    Mutation(
        "padding-read",
        "the runtime ignores the count and reads padded rows",
        "postprocessing",
        "pipeline",
        ANY,
        outputs(_padding_read),
    ),
    Mutation(
        "background-in-the-runtime",
        "the runtime takes label 0 for the background",
        "postprocessing",
        "pipeline",
        ANY,
        outputs(_shifted_labels),
    ),
    Mutation(
        "labels-one-row-off",
        "labels are read one row off",
        "postprocessing",
        "pipeline",
        ANY,
        outputs(_labels_of_scores),
    ),
    Mutation(
        "scores-in-steps",
        "scores are rounded to tenths",
        "postprocessing",
        "pipeline",
        ANY,
        outputs(_scores_in_percent),
    ),
)
"""Faults behind the engine."""
