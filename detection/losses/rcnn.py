"""The second stage's losses and the boxes that it is trained on (Fast R-CNN, sec. 2.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.models.detection._utils import BoxCoder

from .assign import match, sample
from .config import LossConfig
from .targets import Targets

CODER = BoxCoder((10.0, 10.0, 5.0, 5.0))


@dataclass(frozen=True, slots=True)
class RoiSample:
    """Boxes for the second stage; as many for every image.

    Attributes:
        boxes: ``(b, r, 4)``.
        labels: ``(b, r)`` classes; the number of classes stands for background.
        objects: ``(b, r, 4)`` box of the matched object; the box itself on background.
        weights: ``(b, r)`` 1, or 0 on rows that only fill up.
    """

    boxes: Tensor
    labels: Tensor
    objects: Tensor
    weights: Tensor


def sample_rois(
    proposals: Tensor,
    count: Tensor,
    targets: list[Targets],
    num_classes: int,
    limits: Tensor,
    config: LossConfig,
    generator: torch.Generator,
) -> RoiSample:
    """Draw boxes among the proposals, the objects' own boxes and the whole image.

    Args:
        proposals: ``(b, n, 4)``.
        count: Valid proposals ``(b,)``.
        targets: Objects of every image.
        num_classes: Without background.
        limits: Whole image's x2, y2 in its last two places ``(4,)``.
        config: Numbers.
        generator: Draws the boxes.
    """
    whole = torch.cat((torch.zeros_like(limits[:2]), limits[2:])).unsqueeze(0)
    rows = []
    for boxes, valid, target in zip(proposals, count.tolist(), targets, strict=True):
        candidates = torch.cat((boxes[:valid], target.boxes, whole))
        rows.append(_sample_image(candidates, target, num_classes, config, generator))
    return RoiSample(*(torch.stack(column) for column in zip(*rows, strict=True)))


def _sample_image(
    boxes: Tensor,
    target: Targets,
    num_classes: int,
    config: LossConfig,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    wanted = config.roi_samples
    matched = match(boxes, target.boxes, config.roi_iou, config.roi_iou, each=False)
    positive, negative = sample(matched, wanted, config.roi_positive_fraction, generator)
    chosen = torch.cat((positive, negative))
    # Too few: rows are repeated and do not count, so that all images give as many.
    place = torch.arange(wanted, device=boxes.device)
    index = chosen[place % len(chosen)]
    labels = torch.full_like(index, num_classes)
    objects = boxes[index]
    found = matched[index] >= 0
    labels[found] = target.labels[matched[index][found]]
    objects[found] = target.boxes[matched[index][found]]
    return boxes[index], labels, objects, (place < len(chosen)).to(boxes.dtype)


def rcnn_losses(
    logits: Tensor, deltas: Tensor, drawn: RoiSample, config: LossConfig
) -> dict[str, Tensor]:
    """Return ``rcnn_class`` and ``rcnn_box``, each a mean over the drawn boxes.

    Args:
        logits: ``(b * r, classes + 1)``, background last.
        deltas: ``(b * r, 4 * classes)`` or ``(b * r, 4)``.
        drawn: The boxes that they were computed on.
        config: Numbers.
    """
    labels, weights = drawn.labels.flatten(), drawn.weights.flatten()
    total = weights.sum()
    class_loss = F.cross_entropy(logits, labels, reduction="none")
    classes = logits.shape[1] - 1
    positive = ((labels < classes) & (weights > 0)).nonzero().squeeze(1)
    each = deltas.reshape(len(deltas), -1, 4)
    of_class = labels[positive] if each.shape[1] > 1 else torch.zeros_like(positive)
    boxes, objects = drawn.boxes.flatten(0, 1)[positive], drawn.objects.flatten(0, 1)[positive]
    box_loss = F.smooth_l1_loss(
        each[positive, of_class],
        CODER.encode_single(objects, boxes),
        reduction="sum",
        beta=config.box_beta,
    )
    return {"rcnn_class": (class_loss * weights).sum() / total, "rcnn_box": box_loss / total}
