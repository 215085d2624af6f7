"""Choosing boxes with fixed shapes: top-k, non-maximum suppression as a mask, padding.

No ``If``, ``Loop`` or data-dependent output shape reaches an exported graph: the suppression's
indices are scattered into a mask at once, and what is invalid stays in its row until the final
top-k moves it behind the valid rows.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.ops import nms

INVALID_SCORE = -1.0
"""Score of a row that is no candidate; real scores are probabilities."""


def gather_rows(values: Tensor, index: Tensor) -> Tensor:
    """Pick rows ``(b, k, d)`` of ``(b, n, d)`` by ``(b, k)`` indices."""
    return values.gather(1, index.unsqueeze(-1).expand(-1, -1, values.shape[-1]))


def suppress(boxes: Tensor, scores: Tensor, iou: float) -> Tensor:
    """Return the scores ``(n,)`` of one image with suppressed rows set to ``INVALID_SCORE``.

    Args:
        boxes: ``(n, 4)``, coordinates at least 0.
        scores: ``(n,)``, ``INVALID_SCORE`` where the row is no candidate.
        iou: Overlap above which the lesser of two boxes goes.
    """
    # Rows that are no candidates share one box off the image: the first of them suppresses the
    # others at once and none meets a candidate.
    nowhere = boxes.new_tensor([-2.0, -2.0, -1.0, -1.0])
    candidates = torch.where((scores >= 0).unsqueeze(-1), boxes, nowhere)
    kept = nms(candidates, scores, iou)
    mask = torch.zeros_like(scores).scatter(0, kept, 1.0)
    return torch.where(mask > 0, scores, INVALID_SCORE)


def offset_by_class(boxes: Tensor, labels: Tensor, limits: Tensor) -> Tensor:
    """Move boxes ``(..., 4)`` of different classes apart, so that they never overlap."""
    return boxes + (labels.to(boxes.dtype) * (limits.amax() + 1.0)).unsqueeze(-1)


def best_rows(scores: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the best ``count`` rows of ``(b, n)``: scores, indices, and which are valid.

    Args:
        scores: ``INVALID_SCORE`` where the row is no candidate.
        count: Rows given, ``(b, count)``; where there are fewer, invalid ones are appended.
    """
    missing = max(0, count - scores.shape[1])
    best, index = scores.topk(count - missing, dim=1)
    if missing:
        best = F.pad(best, (0, missing), value=INVALID_SCORE)
        index = F.pad(index, (0, missing))
    return best, index, best >= 0


def detections(
    boxes: Tensor, scores: Tensor, labels: Tensor, limits: Tensor, iou: float, count: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Suppress within each class and give the best detections, zero padded.

    Args:
        boxes: ``(b, n, 4)``, clipped to the image.
        scores: ``(b, n)``, ``INVALID_SCORE`` where the row is no candidate.
        labels: ``(b, n)`` zero-based classes.
        limits: See :func:`image_limits`.
        iou: Overlap above which the lesser of two boxes of a class goes.
        count: Rows given.

    Returns:
        Boxes ``(b, count, 4)``, scores in falling order ``(b, count)``, labels and counts
        ``(b,)`` of valid rows.
    """
    apart = offset_by_class(boxes, labels, limits)
    images = zip(apart.unbind(0), scores.unbind(0), strict=True)
    kept = torch.stack([suppress(b, s, iou) for b, s in images])
    best, index, valid = best_rows(kept, count)
    boxes = gather_rows(boxes, index) * valid.unsqueeze(-1).to(boxes.dtype)
    labels = labels.gather(1, index) * valid.to(labels.dtype)
    return boxes, best * valid.to(best.dtype), labels, valid.sum(1)
