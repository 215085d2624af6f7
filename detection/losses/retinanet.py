"""RetinaNet's losses (Lin et al., ICCV 2017, sec. 3 and 4)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import sigmoid_focal_loss

from .assign import IGNORED, match
from .config import LossConfig
from .targets import Targets

CODER = BoxCoder((1.0, 1.0, 1.0, 1.0))


def retinanet_losses(
    logits: Tensor, deltas: Tensor, anchors: Tensor, targets: list[Targets], config: LossConfig
) -> dict[str, Tensor]:
    """Return ``class`` and ``box`` of a batch, each a sum over the number of positive anchors.

    Args:
        logits: ``(b, a, classes)``.
        deltas: ``(b, a, 4)``.
        anchors: ``(a, 4)``.
        targets: Objects of every image.
        config: Numbers.
    """
    truth, weight = torch.zeros_like(logits), torch.ones_like(logits[..., :1])
    box_loss, positives = logits.new_zeros(()), 0
    for image, target in enumerate(targets):
        low, high = config.retinanet_negative_iou, config.retinanet_positive_iou
        matched = match(anchors, target.boxes, low, high, each=True)
        weight[image, matched == IGNORED] = 0.0
        positive = (matched >= 0).nonzero().squeeze(1)
        found = matched[positive]
        truth[image, positive, target.labels[found]] = 1.0
        wanted = CODER.encode_single(target.boxes[found], anchors[positive])
        box_loss = box_loss + F.smooth_l1_loss(
            deltas[image, positive], wanted, reduction="sum", beta=config.box_beta
        )
        positives += len(positive)
    class_loss = sigmoid_focal_loss(
        logits, truth, alpha=config.focal_alpha, gamma=config.focal_gamma
    )
    divisor = max(positives, 1)
    return {"class": (class_loss * weight).sum() / divisor, "box": box_loss / divisor}
