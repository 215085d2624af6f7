"""What stands around an engine: whether images reach it, and its outputs leave it, as trained.

This rung does not depend on the precision of the engine: what goes in is compared before the
engine sees it, and what comes out is read twice from the same arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from detection import ImageDetections, MatchOptions, match_detections
from searchspaces import IMAGE

from ..bundle.postprocess import Detections
from ..gate.pipeline import PipelineReport

if TYPE_CHECKING:
    from ..running.reference import Reference
    from ..running.session import Session
    from .data import EvaluationData

PIPELINE_IMAGES = 8
"""Images, evenly spread over the data."""

SAME_IOU = 0.999
SAME_SCORE = 1e-4


def compare_pipeline(
    reference: Reference, session: Session[Any], data: EvaluationData
) -> PipelineReport:
    """Prepare the same images twice, and read the same outputs twice.

    Args:
        reference: As trained.
        session: As deployed.
        data: Images.

    Raises:
        DetectError: The engine gives something else than detections.
        DatasetError: An image is damaged.
    """
    names = (*reference.labels, *(n for n in session.labels if n not in reference.labels))
    numbers = [names.index(name) for name in session.labels]
    difference, read, same = 0.0, 0, 0
    infos = data.annotations.images
    rows = np.unique(np.linspace(0, len(infos) - 1, PIPELINE_IMAGES).round().astype(int)).tolist()
    for row in rows:
        image = data.dataset.load(infos[row])
        inputs, letterboxes = session.prepare([image])
        wanted, letterbox = reference.preprocess.apply(image)
        difference = max(difference, float(np.abs(inputs[0] - wanted).max()))
        outputs = session.engine.run({IMAGE: inputs})
        (found,) = session.finish(outputs, letterboxes)
        theirs = reference.read({name: array[0] for name, array in outputs.items()}, letterbox)
        needed, matched = _same(_numbered(theirs), _numbered(found, numbers))
        read, same = read + needed, same + matched
    return PipelineReport(len(rows), difference, read, same)


def _numbered(found: Detections, numbers: Sequence[int] | None = None) -> ImageDetections:
    labels = found.labels if numbers is None else np.asarray(numbers)[found.labels]
    return ImageDetections(0, found.boxes, found.scores, labels, found.masks)


def _same(one: ImageDetections, other: ImageDetections) -> tuple[int, int]:
    """Return how many detections there are on both sides, and how many have a twin."""
    report = match_detections(one, other, MatchOptions(iou=SAME_IOU))
    worst_mask = min(report.mask_ious, default=1.0)
    alike = report.max_score_diff <= SAME_SCORE and worst_mask >= SAME_IOU
    return report.n_a + report.n_b, report.matched_a + report.matched_b if alike else 0
