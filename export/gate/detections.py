"""The gate's third rung: whether torch and engine give the same detections."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .outcome import Check, Outcome, pass_if
from .parity import PARITY_IOU, ParityGroup, ParityReport

MIN_MATCHED = 0.99
"""Detections of torch and engine that must find each other (matched at IoU 0.99, same class)."""

MAX_SCORE_DIFFERENCE = 0.05
"""Largest difference of the scores of a pair; fp32 engines stay below 1e-4, a shifted score is
a fault that neither boxes nor AP show."""

GROUP_CHANCE = 1e-6
"""A class or a size fails where chance leaves so many of its detections unmatched less often,
if each is unmatched with the probability that is allowed: few objects of a rare class are."""


@dataclass(frozen=True, slots=True)
class ParityLimits:
    """State how alike detections must be.

    Attributes:
        iou: IoU from which two boxes are the same detection.
        min_matched: Fraction of detections that must be matched, 0..1.
        max_score_difference: Largest difference of the scores of a pair.
        max_mean_score_difference: Largest mean difference of the scores of pairs.
        min_mean_iou: Least mean IoU of the boxes of pairs.
        min_mask_iou: Least mean IoU of the masks of pairs.
    """

    iou: float
    min_matched: float
    max_score_difference: float
    max_mean_score_difference: float
    min_mean_iou: float
    min_mask_iou: float


LIMITS = {
    "fp32": ParityLimits(PARITY_IOU, MIN_MATCHED, MAX_SCORE_DIFFERENCE, 2e-3, 0.9995, 0.99),
    "fp16": ParityLimits(0.9, 0.95, 0.1, 0.02, 0.98, 0.95),
    "int8": ParityLimits(0.5, 0.8, 1.0, 0.1, 0.85, 0.85),
}
"""Precision -> limits. In fp32 the same arithmetic is done in another order, and pairs overlap
to 0.9999 and more; the others round, and are held by the accuracy in the first place. Among some
hundred pairs of a sound int8 engine, which loses no AP and whose scores are 0.01 apart in the
mean, one or two are 0.5 to 0.7 apart: of two overlapping boxes the other one is kept. Their mean
is held, no single pair."""


def parity_limits(
    precision: str,
    min_matched: float = MIN_MATCHED,
    max_score_difference: float = MAX_SCORE_DIFFERENCE,
) -> ParityLimits:
    """Return the limits of a precision, no stricter than the caller's.

    Args:
        precision: ``fp32``, ``fp16``, ``int8`` or another, which is taken for fp16's like.
        min_matched: Fraction that the caller needs matched.
        max_score_difference: That the caller allows.
    """
    own = LIMITS.get(precision, LIMITS["fp16"])
    if precision == "fp32":
        return replace(own, min_matched=min_matched, max_score_difference=max_score_difference)
    return replace(
        own,
        min_matched=min(own.min_matched, min_matched),
        max_score_difference=max(own.max_score_difference, max_score_difference),
    )


def judge_parity(
    parity: ParityReport | None,
    min_matched: float = MIN_MATCHED,
    max_score_difference: float = MAX_SCORE_DIFFERENCE,
    precision: str = "fp32",
) -> Check:
    """Judge whether torch and engine give the same detections, in all and in each part.

    Boxes, scores and masks of pairs must agree in the mean too, which shows a shift that leaves
    every pair a pair.
    """
    if parity is None:
        return Check("parity", Outcome.INCONCLUSIVE, "detections of torch and engine not compared")
    if max(parity.torch_detections, parity.engine_detections) == 0:
        reason = (
            f"no detection of score >= {parity.score_floor:g} on {parity.images} images, "
            "so nothing to match"
        )
        return Check("parity", Outcome.INCONCLUSIVE, reason)
    limits = parity_limits(precision, min_matched, max_score_difference)
    reason = (
        f"matched at IoU {parity.iou:g}: {parity.torch_matched} of {parity.torch_detections} "
        f"detections of torch, {parity.engine_matched} of {parity.engine_detections} of the "
        f"engine ({parity.matched_fraction:.2%}) over {parity.images} images, needed "
        f"{limits.min_matched:.0%}; largest score difference {parity.max_score_difference:.2g}, "
        f"allowed {limits.max_score_difference:g}"
    )
    more = _doubts(parity, limits)
    kept = parity.max_score_difference <= limits.max_score_difference
    whole = kept and parity.matched_fraction >= limits.min_matched
    return Check("parity", pass_if(whole and not more), "; ".join((reason, *more)))


def _doubts(parity: ParityReport, limits: ParityLimits) -> list[str]:
    """Say in which part or respect detections differ too much."""
    found = [
        f"of {group.name} only {group.matched} of {group.needed} are matched"
        for group in parity.groups
        if is_weak(group, limits.min_matched)
    ]
    if is_weak(_totals(parity), limits.min_matched):
        found.append(
            f"torch gives {parity.torch_total} detections of any score, the engine "
            f"{parity.engine_total}"
        )
    for what, value, least in (
        ("boxes", parity.mean_iou, limits.min_mean_iou),
        ("masks", parity.mask_iou, limits.min_mask_iou),
    ):
        if value is not None and value < least:
            found.append(f"{what} of pairs overlap by {value:.5f} in the mean, needed {least:g}")
    apart, most = parity.mean_score_difference, limits.max_mean_score_difference
    if apart is not None and apart > most:
        found.append(f"scores of pairs are {apart:.2g} apart in the mean, allowed {most:g}")
    return found


def _totals(parity: ParityReport) -> ParityGroup:
    """Return how many detections of any score there are on one side and on the other."""
    totals = [n for n in (parity.torch_total, parity.engine_total) if n is not None]
    return ParityGroup("all", max(totals, default=0), min(totals, default=0))


def is_weak(group: ParityGroup, min_matched: float) -> bool:
    """Return whether chance hardly leaves so many detections of a part unmatched."""
    from scipy.special import bdtrc  # the binomial's upper tail

    missed = group.needed - group.matched
    if missed == 0:
        return False
    chance = float(bdtrc(missed - 1, group.needed, 1 - min_matched))
    return chance < GROUP_CHANCE
