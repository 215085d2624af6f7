"""What a graph needs whose batch is left open: images told apart by arithmetic, not by unrolling.

A trace writes down every image of the example: a graph of two images suppresses twice. Inside of
:func:`dynamic_batch` the modules take all images at once instead, so that the graph takes any
number of them. The results are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import nms

_DYNAMIC = ContextVar("dynamic_batch", default=False)


@contextmanager
def dynamic_batch() -> Iterator[None]:
    """Have detectors take all images of a batch at once while it lasts.

    For exporting a graph of dynamic batch with the TorchScript exporter; in torch alone the images
    one by one are faster.

    Example:
        >>> with dynamic_batch():
        ...     batch_is_dynamic()
        True
    """
    token = _DYNAMIC.set(True)
    try:
        yield
    finally:
        _DYNAMIC.reset(token)


def batch_is_dynamic() -> bool:
    """Tell whether the batch is left open, here and now."""
    return _DYNAMIC.get()


def kept_rows(boxes: Tensor, scores: Tensor, iou: float) -> Tensor:
    """Return a mask ``(b, n)`` of what non-maximum suppression keeps in each image.

    Args:
        boxes: ``(b, n, 4)``.
        scores: ``(b, n)``.
        iou: Overlap above which the lesser of two boxes goes.
    """
    rows = int(scores.shape[1])
    found: Tensor = _Suppression.apply(boxes, scores, iou, rows)
    place = found[:, 0] * rows + found[:, 2]
    return torch.zeros_like(scores).flatten().scatter(0, place, 1.0).reshape(-1, rows)


def with_image_index(boxes: Tensor) -> Tensor:
    """Return boxes ``(b, r, 4)`` as rows ``(b * r, 5)`` that begin with their image's number."""
    image = torch.arange(boxes.shape[0], device=boxes.device).to(boxes.dtype)
    column = image.reshape(-1, 1, 1).repeat(1, int(boxes.shape[1]), 1)
    return torch.cat((column, boxes), -1).flatten(0, 1)


class _Suppression(torch.autograd.Function):
    """ONNX's NonMaxSuppression of one class: rows of image, class (0) and box that are kept."""

    @staticmethod
    def forward(ctx: Any, boxes: Tensor, scores: Tensor, iou: float, rows: int) -> Tensor:
        kept = [nms(b, s, iou) for b, s in zip(boxes.unbind(0), scores.unbind(0), strict=True)]
        images = [torch.full_like(index, number) for number, index in enumerate(kept)]
        columns = (torch.cat(images), torch.zeros_like(torch.cat(kept)), torch.cat(kept))
        return torch.stack(columns, 1)

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any, iou: float, rows: int) -> Any:
        classes = g.op("Unsqueeze", scores, g.op("Constant", value_t=torch.tensor([1])))
        most = g.op("Constant", value_t=torch.tensor([rows]))
        overlap = g.op("Constant", value_t=torch.tensor([iou]))
        return g.op("NonMaxSuppression", boxes, classes, most, overlap)
