"""Choosing boxes with fixed shapes: top-k, non-maximum suppression as a mask, padding.

No ``If``, ``Loop`` or data-dependent output shape reaches an exported graph: the suppression's
indices are scattered into a mask at once, and what is invalid stays in its row until the final
top-k moves it behind the valid rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.ops import nms

from searchspaces import ModuleSpec

INVALID_SCORE = -1.0
"""Score of a row that is no candidate; real scores are probabilities."""


def gather_boxes(boxes: Tensor, index: Tensor) -> Tensor:
    """Pick rows ``(b, k, 4)`` of ``(b, n, 4)`` by ``(b, k)`` indices."""
    return boxes.gather(1, index.unsqueeze(-1).repeat(1, 1, 4))


def look_up(table: Tensor, index: Tensor) -> Tensor:
    """Pick rows ``(..., d)`` of one table ``(n, d)`` by ``(...)`` indices: a plain ``Gather``."""
    return F.embedding(index, table)


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
        images = zip(moved.unbind(0), scores.unbind(0), strict=True)
        kept = torch.stack([suppress(b, s, self.iou) for b, s in images])
        best, index, valid = best_rows(kept, self.rows, self.count)
        boxes = gather_boxes(boxes, index) * valid.unsqueeze(-1).to(boxes.dtype)
        labels = labels.gather(1, index) * valid.to(labels.dtype)
        return boxes, best * valid.to(best.dtype), labels, valid.sum(1)
