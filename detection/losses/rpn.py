"""The region proposal network's losses (Faster R-CNN, sec. 3.1.2)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.models.detection._utils import BoxCoder

from .assign import match, sample
from .config import LossConfig
from .targets import Targets

CODER = BoxCoder((1.0, 1.0, 1.0, 1.0))


def rpn_losses(
    logits: Tensor,
    deltas: Tensor,
    anchors: Tensor,
    targets: list[Targets],
    config: LossConfig,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return ``rpn_class`` and ``rpn_box`` of a batch, each a mean over the drawn anchors.

    Args:
        logits: ``(b, a)``.
        deltas: ``(b, a, 4)``.
        anchors: ``(a, 4)``.
        targets: Objects of every image.
        config: Numbers.
        generator: Draws the anchors.
    """
    class_loss, box_loss, drawn = logits.new_zeros(()), logits.new_zeros(()), 0
    for image, target in enumerate(targets):
        low, high = config.rpn_negative_iou, config.rpn_positive_iou
        matched = match(anchors, target.boxes, low, high, each=True)
        positive, negative = sample(
            matched, config.rpn_samples, config.rpn_positive_fraction, generator
        )
        chosen = torch.cat((positive, negative))
        truth = (matched[chosen] >= 0).to(logits.dtype)
        class_loss = class_loss + F.binary_cross_entropy_with_logits(
            logits[image, chosen], truth, reduction="sum"
        )
        wanted = CODER.encode_single(target.boxes[matched[positive]], anchors[positive])
        box_loss = box_loss + F.smooth_l1_loss(
            deltas[image, positive], wanted, reduction="sum", beta=config.box_beta
        )
        drawn += len(chosen)
    return {"rpn_class": class_loss / max(drawn, 1), "rpn_box": box_loss / max(drawn, 1)}
