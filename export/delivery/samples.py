"""Photographs for the report: what torch and the engine found on them, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..bundle.postprocess import Detections
from ..comparison.compare import Comparison
from ..comparison.data import EvaluationData
from ..report.data import Picture, Sample
from ..request.request import ExportRequest
from ..running.drawing import draw
from ..running.outputs import jpeg_bytes

SAMPLES = 6
SAMPLE_PX = 640
TOLD = 5
"""Objects that the text for who does not see the picture names."""


def draw_samples(
    request: ExportRequest, data: EvaluationData | None, comparison: Comparison | None
) -> tuple[Sample, ...]:
    """Draw what torch and the engine found on a few images.

    First comes the image on which they differ most, if they do; the others are evenly spread over
    the data.
    """
    if data is None or comparison is None:
        return ()
    threshold = request.postprocess.score_threshold
    torch, engine = (
        [found.above(threshold) for found in side]
        for side in (comparison.torch_detections, comparison.engine_detections)
    )
    samples = []
    for row in chosen_rows(torch, engine):
        info = data.annotations.images[row]
        image = data.dataset.load(info)
        sides = (("torch", torch[row]), (request.engine, engine[row]))
        samples.append(
            Sample(
                f"{info.file_name}: torch {_count(torch[row])}, "
                f"{request.engine} {_count(engine[row])}, score at least {threshold:g}",
                tuple(_picture(name, image, found, request.labels) for name, found in sides),
            )
        )
    return tuple(samples)


def chosen_rows(torch: Sequence[Detections], engine: Sequence[Detections]) -> list[int]:
    """Return which images are shown: the one with the largest difference, and some of all."""
    spread = np.linspace(0, len(engine) - 1, min(SAMPLES, len(engine))).round().astype(int)
    rows = list(dict.fromkeys(spread.tolist()))
    differences = [_difference(*pair) for pair in zip(torch, engine, strict=True)]
    worst = int(np.argmax(differences))
    if differences[worst] == 0:
        return rows
    return [worst, *[row for row in rows if row != worst]][:SAMPLES]


def _difference(one: Detections, other: Detections) -> float:
    """Return the largest difference of scores, best to best; objects too many count as theirs."""
    length = max(len(one), len(other))
    padded = np.zeros((2, length + 1))
    padded[0, : len(one)] = one.scores
    padded[1, : len(other)] = other.scores
    return float(np.abs(padded[0] - padded[1]).max().round(3))


def _picture(name: str, image: Image.Image, found: Detections, labels: Sequence[str]) -> Picture:
    drawn = draw(image, found, labels)
    drawn.thumbnail((SAMPLE_PX, SAMPLE_PX))
    objects = zip(found.labels.tolist(), found.scores.tolist(), strict=True)
    named = [f"{labels[label]} {score:.2f}" for label, score in objects]
    more = f" and {len(named) - TOLD} more" if len(named) > TOLD else ""
    told = f": {', '.join(named[:TOLD])}{more}" if named else ""
    return Picture(name, jpeg_bytes(drawn), f"{name} found {_count(found)}{told}")


def _count(found: Detections) -> str:
    return "1 object" if len(found) == 1 else f"{len(found)} objects"
