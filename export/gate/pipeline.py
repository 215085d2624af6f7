"""The rung around the engine: whether images reach it, and its outputs leave it, as trained.

It does not depend on the precision of the engine.
"""

from __future__ import annotations

from dataclasses import dataclass

from .outcome import Check, Outcome, pass_if

MAX_INPUT_DIFFERENCE = 1e-3
"""Largest difference of a normalised pixel: a sixteenth of a grey level, less than any filter,
order or rounding makes."""


@dataclass(frozen=True, slots=True)
class PipelineReport:
    """Hold how a deployed session treats images and outputs, beside the reference.

    Attributes:
        images: Images that were tried.
        input_difference: Largest difference of a number that enters the engine.
        read: Detections that session and reference read from the same outputs, both together.
        same: How many of them the other reads too: same class, box, score and mask.
    """

    images: int
    input_difference: float
    read: int
    same: int


def judge_pipeline(pipeline: PipelineReport | None) -> Check:
    """Judge what stands around the engine: all of it has to be as trained."""
    if pipeline is None:
        return Check("pipeline", Outcome.NOT_JUDGED, "pre- and postprocessing were not compared")
    reason = (
        f"{pipeline.images} images enter the engine as they did in training but for "
        f"{pipeline.input_difference:.2g}, allowed {MAX_INPUT_DIFFERENCE:g}; of {pipeline.read} "
        f"detections that both sides read from the same outputs {pipeline.same} are the same"
    )
    kept = pipeline.input_difference <= MAX_INPUT_DIFFERENCE and pipeline.same == pipeline.read
    return Check("pipeline", pass_if(kept), reason)
