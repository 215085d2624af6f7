"""The mask branch's loss (Mask R-CNN, He et al., ICCV 2017, sec. 3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.ops import roi_align

from searchspaces import Node

from ..errors import TrainingError
from ..graph_module import GraphModule
from .rcnn import RoiSample
from .targets import Targets

INSIDE = 0.5
"""Part of a target's pixel that the object must cover to be the pixel's owner."""


def mask_losses(
    detector: GraphModule,
    node: Node,
    maps: dict[str, Tensor],
    drawn: RoiSample,
    targets: list[Targets],
) -> Tensor:
    """Return the mean binary cross entropy of a mask head over the positive boxes' pixels.

    Only the map of a box's own class counts, so that classes do not compete. Without a positive
    box the loss is zero, with gradients of zero.

    Args:
        detector: Holds the head.
        node: The ``mask_head``.
        maps: Pyramid levels by reference.
        drawn: Boxes of the second stage and their objects.
        targets: Objects of every image, with masks.

    Raises:
        TrainingError: An image has objects without masks.
    """
    for image, target in enumerate(targets):
        if target.masks is None and len(target.boxes):
            raise TrainingError(
                f"image {image} of the batch has {len(target.boxes)} objects without masks, but "
                f"the detector has a {node.name}; give targets with masks (n, h, w), or train a "
                "detector without mask branch"
            )
    pooling = next(item for item in detector.graph.nodes if item.name == node.inputs[0])
    boxes, rows, positive = _positives(drawn)
    (features,) = detector.run({**maps, pooling.inputs[-1]: boxes}, (pooling.name,))
    if not positive.any():
        (logits,) = detector.run({pooling.name: features}, (node.name,))
        return logits[:0].float().sum()  # not 0 times what half precision may have made infinite
    (logits,) = detector.run({pooling.name: features[positive.flatten()]}, (node.name,))
    labels = drawn.labels.gather(1, rows)[positive]
    of_class = logits.float()[torch.arange(len(labels), device=labels.device), labels]
    matched = drawn.matched.gather(1, rows)
    wanted = [
        mask_targets(b[p], m[p], target.masks, of_class.shape[-1])
        for b, m, p, target in zip(boxes, matched, positive, targets, strict=True)
        if target.masks is not None and p.any()
    ]
    return F.binary_cross_entropy_with_logits(of_class, torch.cat(wanted))


def mask_targets(boxes: Tensor, matched: Tensor, masks: Tensor, side: int) -> Tensor:
    """Return what a mask head shall say of one image's boxes, ``(r, side, side)`` of 0 and 1.

    Args:
        boxes: ``(r, 4)`` in input pixels.
        matched: Each box's object ``(r,)``.
        masks: Objects' pixels ``(n, h, w)``.
        side: Of the head's maps.
    """
    used, index = matched.unique(return_inverse=True)
    rois = torch.cat((index.unsqueeze(1).to(boxes.dtype), boxes), 1)
    pixels = masks[used].unsqueeze(1).to(boxes.dtype)
    covered: Tensor = roi_align(pixels, rois, side, sampling_ratio=-1, aligned=True)
    return (covered.squeeze(1) >= INSIDE).to(boxes.dtype)


def _positives(drawn: RoiSample) -> tuple[Tensor, Tensor, Tensor]:
    """Return the positive boxes, as many rows for every image as the richest one has.

    Returns:
        Boxes ``(b, p, 4)``, their rows in the sample ``(b, p)``, and which of them are positive
        ``(b, p)``; at least one row, so that an image without any is no special case.
    """
    positive = (drawn.matched >= 0) & (drawn.weights > 0)
    most = max(int(positive.sum(1).max()), 1)
    rows = positive.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
    boxes = drawn.boxes.gather(1, rows.unsqueeze(-1).expand(-1, -1, 4))
    return boxes, rows, positive.gather(1, rows)
