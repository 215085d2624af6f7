"""The verdict on an engine: a pure function of what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..records.accuracy import Accuracy, AccuracyRow
from ..records.latency import MeasuredLatency, PredictedLatency
from .bootstrap import Drop, images_to_decide
from .detections import MAX_SCORE_DIFFERENCE, MIN_MATCHED, judge_parity
from .latency import P50, judge_budget, judge_prediction
from .outcome import SEVERITY, Check, GateVerdict, Outcome, pass_if
from .parity import ParityReport
from .pipeline import PipelineReport, judge_pipeline
from .tensors import TensorReport, judge_structure, judge_tensors

if TYPE_CHECKING:
    from ..graph.structure import StructureReport
    from ..records.times import Attribution

MAX_AP_DROP = 0.5
"""AP points (0..100) that an engine may lose unless the caller says otherwise."""

JUDGED = ("AP", "mask AP")
"""What the limit of the accuracy loss is about; other numbers are reported beside."""

PREDICTION_TOLERANCE = 0.10
"""Largest ``|measured - predicted| / predicted`` at which a prediction counts as kept."""


def judge(
    *,
    parity: ParityReport | None,
    accuracy: Accuracy | None,
    structure: StructureReport | None = None,
    tensors: TensorReport | None = None,
    pipeline: PipelineReport | None = None,
    precision: str = "fp32",
    measured: MeasuredLatency | None,
    predicted: PredictedLatency | None = None,
    budget_ms: float | None = None,
    max_ap_drop: float = MAX_AP_DROP,
    min_matched: float = MIN_MATCHED,
    max_score_difference: float = MAX_SCORE_DIFFERENCE,
    prediction_tolerance: float = PREDICTION_TOLERANCE,
    budget_on: str = P50,
    attribution: Attribution | None = None,
    latency_wanted: bool = True,
) -> GateVerdict:
    """Judge an engine by graph, tensors, pipeline, parity, accuracy, budget and prediction.

    Args:
        parity: Matched detections of torch and engine; ``None`` where none were compared.
        accuracy: AP of torch and engine on the same images; ``None`` where none was measured.
        structure: The graph as it is written; ``None`` where it was not inspected.
        tensors: The engine's modules beside torch's; ``None`` where they were not compared.
        pipeline: What stands around the engine; ``None`` where it was not compared.
        precision: Of the engine; says how far modules and detections may be off.
        measured: Latency of the engine; ``None`` where it was not measured.
        predicted: Latency that the search predicted.
        budget_ms: Latency that the upper end of the measured interval must not exceed.
        max_ap_drop: AP points that the upper end of the loss's interval must not exceed.
        min_matched: Fraction of detections that must be matched, 0..1.
        max_score_difference: Largest difference of the scores of a pair.
        prediction_tolerance: Relative distance from the prediction that is allowed.
        budget_on: What of the latency the budget is about, one of `gate.latency.BUDGET_ON`.
        attribution: Which modules were mispredicted; named where the prediction missed.
        latency_wanted: Whether budget and prediction are to be judged at all.

    Returns:
        The verdict with one check each for graph, tensors, pipeline, parity, accuracy, budget
        and prediction.
    """
    ladder = (
        judge_structure(structure),
        judge_tensors(tensors, precision),
        judge_pipeline(pipeline),
        judge_parity(parity, min_matched, max_score_difference, precision),
        judge_accuracy(accuracy, max_ap_drop),
    )
    if not latency_wanted:
        reason = "latency was not to be measured"
        unjudged = (Check(name, Outcome.NOT_JUDGED, reason) for name in ("budget", "prediction"))
        return GateVerdict((*ladder, *unjudged))
    return GateVerdict(
        (
            *ladder,
            judge_budget(measured, budget_ms, budget_on),
            judge_prediction(measured, predicted, prediction_tolerance, attribution),
        )
    )


def judge_accuracy(accuracy: Accuracy | None, max_ap_drop: float) -> Check:
    """Judge the loss of AP, of boxes and of masks, by the interval of a paired bootstrap.

    The whole interval below the limit passes, the whole interval above it fails, and where it
    holds the limit there are too few images to tell. Losses of AP50, AP75 and the sizes are
    named where they certainly exceed the limit; it is a limit of AP, which has them within it.
    """
    if accuracy is None or not accuracy.rows:
        note = (accuracy.note if accuracy is not None else "") or "not measured"
        return Check("accuracy", Outcome.INCONCLUSIVE, f"AP not comparable: {note}")
    rows = [accuracy.row(name) for name in JUDGED if accuracy.row(name).engine is not None]
    found = [_judge_row(row, accuracy.images, max_ap_drop) for row in rows or [accuracy.row("AP")]]
    outcome = min((check.outcome for check in found), key=SEVERITY.index)
    reason = "; ".join(check.reason for check in found)
    others = [row for row in accuracy.rows if row.metric not in JUDGED]
    lost = [
        f"{row.metric} loses {row.drop:.2f} ({row.drop_ci[0]:.2f} to {row.drop_ci[1]:.2f})"
        for row in others
        if row.drop_ci is not None and row.drop_ci[0] > max_ap_drop
    ]
    return Check("accuracy", outcome, "; ".join((reason, *lost)))


def _judge_row(row: AccuracyRow, images: int, limit: float) -> Check:
    """Judge one average precision; see `judge_accuracy`."""
    name, undecided = row.metric, Outcome.INCONCLUSIVE
    if row.torch is None or row.engine is None or not (_is_ap(row.torch) and _is_ap(row.engine)):
        return Check(name, undecided, f"{name} not comparable: not measured on both sides")
    reason = (
        f"{name} {row.torch:.2f} in torch, {row.engine:.2f} in the engine: drop "
        f"{row.drop:+.2f} points"
    )
    if row.drop_ci is None:
        return Check(name, undecided, f"{reason}, on too few images for an interval")
    low, high = row.drop_ci
    reason += f" (95 % interval {low:+.2f} to {high:+.2f} over {images} images), allowed {limit:g}"
    if high <= limit and row.torch <= limit:
        reason += f": so little {name} that even losing all of it would pass"
        return Check(name, undecided, reason)
    more = images_to_decide(Drop(row.drop, row.drop_ci), limit, images)
    if more == 0:
        return Check(name, pass_if(high <= limit), reason)
    needed = "no number of images" if more is None else f"about {more} more images"
    return Check(name, undecided, f"{reason}: undecided, {needed} would decide")


def _is_ap(value: float | None) -> bool:
    # pycocotools says -1 where there is no object to find.
    return value is not None and 0 <= value <= 100
