"""What a detector is trained on, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import TrainingError
from ..modules.boxes import MIN_SIDE_PX

ROUNDING_PX = 1e-3
"""What a box may reach beyond its image: float32 is that fine up to 8,192 pixels."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The objects of one image.

    Attributes:
        boxes: ``(n, 4)`` as x1, y1, x2, y2 in input pixels, inside of the image, each side above
            zero.
        labels: ``(n,)`` zero-based.
        masks: ``(n, h, w)`` bool, the objects' pixels of the input; ``None`` where only boxes are
            known.
    """

    boxes: Tensor
    labels: Tensor
    masks: Tensor | None = None


def read_targets(
    targets: Sequence[Mapping[str, Any]], images: Tensor, num_classes: int
) -> list[Targets]:
    """Check targets and bring them to the images' device; boxes without area are left out.

    Args:
        targets: Of every image, ``boxes`` ``(n, 4)``, ``labels`` ``(n,)`` and, where they are
            known, ``masks`` ``(n, h, w)``; more keys may be.
        images: ``(b, 3, h, w)``.
        num_classes: Classes of the detector.

    Raises:
        TrainingError: Their number or shape does not fit, a key is missing, a box is not finite
            or reaches outside of its image, or a label is no class.
    """
    if len(targets) != images.shape[0]:
        raise TrainingError(f"got {len(targets)} targets for {images.shape[0]} images")
    return [_read(target, images, num_classes) for target in targets]


def _read(target: Mapping[str, Any], images: Tensor, num_classes: int) -> Targets:
    missing = [key for key in ("boxes", "labels") if key not in target]
    if missing:
        raise TrainingError(f"a target lacks {' and '.join(missing)}; it has {sorted(target)}")
    boxes = torch.as_tensor(target["boxes"], dtype=torch.float32)
    labels = torch.as_tensor(target["labels"], dtype=torch.int64)
    if labels.ndim != 1 or boxes.shape != (len(labels), 4):
        raise TrainingError(
            f"boxes must be (n, 4) and labels (n,), got {tuple(boxes.shape)} and "
            f"{tuple(labels.shape)}; use torch.empty((0, 4)) for an image without objects"
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise TrainingError(
            f"labels must lie in 0..{num_classes - 1}, got {int(labels.min())}.."
            f"{int(labels.max())}; are the data set's classes the detector's?"
        )
    _check_inside(boxes, images)
    large = ((boxes[:, 2:] - boxes[:, :2]) >= MIN_SIDE_PX).all(1)
    masks = _read_masks(target, (len(labels), *images.shape[2:]))
    kept = None if masks is None else masks[large].to(images.device)
    return Targets(boxes[large].to(images.device), labels[large].to(images.device), kept)


def _check_inside(boxes: Tensor, images: Tensor) -> None:
    """Refuse what RoIAlign cannot pool: objects' own boxes are among those that are drawn."""
    height, width = images.shape[2:]
    limits = boxes.new_tensor([width, height, width, height])
    inside = (boxes >= -ROUNDING_PX) & (boxes <= limits + ROUNDING_PX)  # NaN compares false
    if not bool(inside.all()):
        row = int((~inside).any(1).nonzero()[0])
        raise TrainingError(
            f"boxes must lie inside of the {width}x{height} image, got {boxes[row].tolist()}; "
            "clip them"
        )


def _read_masks(target: Mapping[str, Any], shape: tuple[int, ...]) -> Tensor | None:
    if target.get("masks") is None:
        return None
    masks = torch.as_tensor(target["masks"], dtype=torch.bool)
    if masks.shape != shape:
        raise TrainingError(
            f"masks must be (objects, height, width) of the input, here {shape}, got "
            f"{tuple(masks.shape)}"
        )
    return masks
