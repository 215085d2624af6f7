"""The second stage's losses and the boxes that it is trained on.

Sources: Fast R-CNN (Girshick, ICCV 2015, sec. 2.3); the stages of a cascade after Cascade R-CNN
(Cai and Vasconcelos, CVPR 2018, sec. 4.2) and mmdetection's ``CascadeRoIHead``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.models.detection._utils import BoxCoder

from ..modules.rcnn import RefineBoxes
from .assign import match, sample
from .config import LossConfig
from .targets import Targets


@dataclass(frozen=True, slots=True)
class RoiSample:
    """Boxes for the second stage; as many for every image.

    Attributes:
        boxes: ``(b, r, 4)``.
        labels: ``(b, r)`` classes; the number of classes stands for background.
        objects: ``(b, r, 4)`` box of the matched object; the box itself on background.
        weights: ``(b, r)`` 1, or 0 on rows that only fill up.
        matched: ``(b, r)`` index of the matched object among its image's; -1 on background.
    """

    boxes: Tensor
    labels: Tensor
    objects: Tensor
    weights: Tensor
    matched: Tensor

    @property
    def refinable(self) -> Tensor:
        """Return ``(b, r)`` which rows a cascade's next stage takes refined.

        Neither those that only fill up nor the objects' own boxes, which each stage adds anew.
        """
        own = (self.matched >= 0) & (self.boxes == self.objects).all(-1)
        return (self.weights > 0) & ~own


def sample_rois(
    candidates: Sequence[Tensor],
    targets: Sequence[Targets],
    num_classes: int,
    limits: Tensor,
    iou: float,
    config: LossConfig,
    generator: torch.Generator,
) -> RoiSample:
    """Draw boxes among the candidates, the objects' own boxes and the whole image.

    Args:
        candidates: Boxes ``(n, 4)`` of every image.
        targets: Objects of every image.
        num_classes: Without background.
        limits: Whole image's x2, y2 in its last two places ``(4,)``.
        iou: Boxes at least this close to an object are positive, the others negative.
        config: Numbers.
        generator: Draws the boxes.
    """
    whole = torch.cat((torch.zeros_like(limits[:2]), limits[2:])).unsqueeze(0)
    rows = [
        _sample_image(
            torch.cat((boxes, target.boxes, whole)), target, num_classes, iou, config, generator
        )
        for boxes, target in zip(candidates, targets, strict=True)
    ]
    return RoiSample(*(torch.stack(column) for column in zip(*rows, strict=True)))


def _sample_image(
    boxes: Tensor,
    target: Targets,
    num_classes: int,
    iou: float,
    config: LossConfig,
    generator: torch.Generator,
) -> tuple[Tensor, ...]:
    """Return the fields of a :class:`RoiSample` for one image."""
    wanted = config.roi_samples
    matched = match(boxes, target.boxes, iou, iou, each=False)
    positive, negative = sample(matched, wanted, config.roi_positive_fraction, generator)
    chosen = torch.cat((positive, negative))
    # Too few: rows are repeated and do not count, so that all images give as many.
    place = torch.arange(wanted, device=boxes.device)
    index = chosen[place % len(chosen)]
    labels = torch.full_like(index, num_classes)
    objects, matched = boxes[index], matched[index]
    found = matched >= 0
    labels[found] = target.labels[matched[found]]
    objects[found] = target.boxes[matched[found]]
    return boxes[index], labels, objects, (place < len(chosen)).to(boxes.dtype), matched


def refined(drawn: RoiSample, deltas: Tensor, refine: RefineBoxes) -> list[Tensor]:
    """Return every image's candidates ``(n, 4)`` for the next stage of a cascade.

    Args:
        drawn: Boxes of the stage before.
        deltas: What it says of them, ``(b * r, 4)``.
        refine: Decodes and clips.
    """
    boxes = refine.decode(deltas.detach().reshape(drawn.boxes.shape), drawn.boxes)
    return [rows[kept] for rows, kept in zip(boxes, drawn.refinable, strict=True)]


def rcnn_losses(
    logits: Tensor,
    deltas: Tensor,
    drawn: RoiSample,
    stds: tuple[float, float],
    config: LossConfig,
) -> dict[str, Tensor]:
    """Return ``rcnn_class`` and ``rcnn_box``, each a mean over the drawn boxes.

    Args:
        logits: ``(b * r, classes + 1)``, background last.
        deltas: ``(b * r, 4 * classes)`` or ``(b * r, 4)``.
        drawn: The boxes that they were computed on.
        stds: What deltas are in units of: for shifts and for log scales.
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
    coder = BoxCoder((1 / stds[0], 1 / stds[0], 1 / stds[1], 1 / stds[1]))
    box_loss = F.smooth_l1_loss(
        each[positive, of_class],
        coder.encode_single(objects, boxes),
        reduction="sum",
        beta=config.roi_box_beta,
    )
    return {"rcnn_class": (class_loss * weights).sum() / total, "rcnn_box": box_loss / total}
