"""Which box learns which object, and which boxes are drawn for the loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.models.detection._utils import Matcher
from torchvision.ops import box_iou

NEGATIVE = Matcher.BELOW_LOW_THRESHOLD
IGNORED = Matcher.BETWEEN_THRESHOLDS


def match(boxes: Tensor, objects: Tensor, low: float, high: float, *, each: bool) -> Tensor:
    """Return the object of every box ``(n,)``: its index, ``NEGATIVE`` or ``IGNORED``.

    Args:
        boxes: ``(n, 4)``.
        objects: ``(m, 4)``; there may be none.
        low: Boxes less close to every object are negative.
        high: Boxes at least this close to an object are positive.
        each: Whether an object's closest boxes are positive however far they are.
    """
    if not len(objects):
        return torch.full((len(boxes),), NEGATIVE, device=boxes.device)
    overlap = box_iou(objects, boxes)
    matched: Tensor = Matcher(high, low, allow_low_quality_matches=each)(overlap)
    # An object that no box meets would else claim every box as its closest.
    matched[overlap.amax(0) <= 0] = NEGATIVE
    return matched


def sample(
    matched: Tensor, count: int, positive_fraction: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw positives and negatives without replacement.

    As torchvision's ``BalancedPositiveNegativeSampler``, which has no generator: at most
    ``positive_fraction`` of ``count`` are positive, negatives fill up.

    Args:
        matched: ``(n,)`` as :func:`match` gives it.
        count: Boxes drawn, fewer where there are fewer.
        positive_fraction: Largest part of positives.
        generator: On the CPU.

    Returns:
        Indices of the positives and of the negatives.
    """
    positive = _shuffled((matched >= 0).nonzero().squeeze(1), generator)
    positive = positive[: int(count * positive_fraction)]
    negative = _shuffled((matched == NEGATIVE).nonzero().squeeze(1), generator)
    return positive, negative[: count - len(positive)]


def _shuffled(values: Tensor, generator: torch.Generator) -> Tensor:
    return values[torch.randperm(len(values), generator=generator).to(values.device)]
