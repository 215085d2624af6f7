"""Choosing boxes with fixed shapes: top-k, non-maximum suppression as a mask, padding.

No ``If``, ``Loop`` or data-dependent output shape reaches an exported graph: the suppression's
indices are scattered into a mask at once, and what is invalid stays in its row until the final
top-k moves it behind the valid rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.ops import nms

from searchspaces import ModuleSpec

from .dynamic_batch import batch_is_dynamic, kept_rows

INVALID_SCORE = -1.0
"""Score of a row that is no candidate; real scores are probabilities."""


def gather_boxes(boxes: Tensor, index: Tensor) -> Tensor:
    """Pick rows ``(b, k, 4)`` of ``(b, n, 4)`` by ``(b, k)`` indices."""
    return boxes.gather(1, index.unsqueeze(-1).repeat(1, 1, 4))


def look_up(table: Tensor, index: Tensor) -> Tensor:
    """Pick rows ``(..., d)`` of one table ``(n, d)`` by ``(...)`` indices: a plain ``Gather``."""
    return F.embedding(index, table)


def suppress_images(
    boxes: Tensor, scores: Tensor, iou: float, levels: Sequence[int] | None = None
) -> Tensor:
    """Return the scores ``(b, n)`` with suppressed rows set to ``INVALID_SCORE``.

    Args:
        boxes: ``(b, n, 4)``, coordinates at least 0.
        scores: ``(b, n)``, ``INVALID_SCORE`` where the row is no candidate.
        iou: Overlap above which the lesser of two boxes goes.
        levels: Rows of each level, which are suppressed apart; all together if ``None``.
    """
    if batch_is_dynamic():
        return _suppress_levels(boxes, scores, iou, levels)
    images = zip(boxes.unbind(0), scores.unbind(0), strict=True)
    return torch.stack([_suppress_levels(b, s, iou, levels) for b, s in images])


def _suppress_levels(
    boxes: Tensor, scores: Tensor, iou: float, levels: Sequence[int] | None
) -> Tensor:
    if levels is None:
        return suppress(boxes, scores, iou)
    rows = scores.ndim - 1
    parts = zip(boxes.split(list(levels), rows), scores.split(list(levels), rows), strict=True)
    return torch.cat([suppress(b, s, iou) for b, s in parts], rows)


def suppress(boxes: Tensor, scores: Tensor, iou: float) -> Tensor:
    """Return the scores ``(n,)`` of one image, or ``(b, n)``, with suppressed rows invalid.

    Args:
        boxes: ``(n, 4)``, coordinates at least 0; or ``(b, n, 4)``.
        scores: ``(n,)``, ``INVALID_SCORE`` where the row is no candidate; or ``(b, n)``.
        iou: Overlap above which the lesser of two boxes goes.
    """
    # Rows that are no candidates share one box off the image: the first of them suppresses the
    # others at once and none meets a candidate.
    nowhere = boxes.new_tensor([-2.0, -2.0, -1.0, -1.0])
    candidates = torch.where((scores >= 0).unsqueeze(-1), boxes, nowhere)
    if scores.ndim == 1:
        kept = nms(candidates, scores, iou)
        mask = torch.zeros_like(scores).scatter(0, kept, 1.0)
    else:
        mask = kept_rows(candidates, scores, iou)
    return torch.where(mask > 0, scores, INVALID_SCORE)


def best_rows(scores: Tensor, rows: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the best rows of ``(b, rows)``: scores, indices, and which are valid.

    Args:
        scores: ``INVALID_SCORE`` where the row is no candidate.
        rows: Rows that there are.
        count: Rows given, ``(b, count)``; where there are fewer, invalid ones are appended.
    """
    best, index = scores.topk(min(rows, count), dim=1)
    missing = count - rows
    if missing > 0:
        best = torch.cat((best, torch.full_like(best[:, :1], INVALID_SCORE).repeat(1, missing)), 1)
        index = torch.cat((index, torch.zeros_like(index[:, :1]).repeat(1, missing)), 1)
    return best, index, best >= 0


def best_pairs(values: Tensor, shape: tuple[int, int], size: int) -> tuple[Tensor, Tensor]:
    """Return the best pairs of anchor and class of ``(n, anchors, classes)``: values and indices.

    The best ``size`` pairs lie on the ``size`` anchors whose best class is best: an anchor
    outside has ``size`` anchors, hence pairs, before it. So nothing sorts all pairs.

    Args:
        values: ``(n, anchors, classes)``.
        shape: Anchors and classes.
        size: Pairs wanted; there are as many.
    """
    anchors, classes = shape
    if anchors <= size:
        return values.flatten(1).topk(size, dim=1)
    _, anchor = values.amax(-1).topk(size, dim=1)
    rows = values.gather(1, anchor.unsqueeze(-1).repeat(1, 1, classes))
    value, pair = rows.flatten(1).topk(size, dim=1)
    row = pair // classes
    return value, anchor.gather(1, row) * classes + pair - row * classes


@dataclass(frozen=True, slots=True)
class Selection:
    """How final detections are chosen; everything that fixes a shape is an ``int``.

    Attributes:
        iou: Overlap above which the lesser of two boxes of a class goes.
        rows: Candidates of an image.
        count: Detections given.
        apart: More than the longest side of the image, in pixels.
    """

    iou: float
    rows: int
    count: int
    apart: float

    @classmethod
    def of(cls, spec: ModuleSpec, rows: int) -> Selection:
        """Read the settings from a detections module."""
        apart = max(spec.get_int("image_h"), spec.get_int("image_w")) + 1.0
        return cls(spec.get_float("nms_iou"), rows, spec.get_int("max_detections"), apart)

    def __call__(
        self, boxes: Tensor, scores: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Suppress within each class and give the best detections, zero padded.

        Args:
            boxes: ``(b, rows, 4)``, clipped to the image.
            scores: ``(b, rows)``, ``INVALID_SCORE`` where the row is no candidate.
            labels: ``(b, rows)`` zero-based classes.

        Returns:
            Boxes ``(b, count, 4)``, scores in falling order ``(b, count)``, labels and counts
            ``(b,)`` of valid rows.
        """
        # Classes are moved apart, so that one suppression serves all.
        moved = boxes + (labels.to(boxes.dtype) * self.apart).unsqueeze(-1)
        kept = suppress_images(moved, scores, self.iou)
        best, index, valid = best_rows(kept, self.rows, self.count)
        boxes = gather_boxes(boxes, index) * valid.unsqueeze(-1).to(boxes.dtype)
        labels = labels.gather(1, index) * valid.to(labels.dtype)
        return boxes, best * valid.to(best.dtype), labels, valid.sum(1)
