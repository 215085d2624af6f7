"""Guided anchoring's losses: location, shape, class and box (Wang et al., CVPR 2019, sec. 3.6)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_iou, sigmoid_focal_loss

from ..errors import TrainingError
from ..modules.guided import BOX_STDS, GuidedProposals, reshape_squares
from .assign import sample
from .guided_config import GuidedLossConfig
from .guided_targets import assign, location_targets, shape_overlap
from .targets import Targets

__all__ = ["GuidedLossConfig", "bounded_iou_loss", "guided_rpn_losses"]

CODER = BoxCoder((1 / BOX_STDS[0], 1 / BOX_STDS[0], 1 / BOX_STDS[1], 1 / BOX_STDS[1]))
EPSILON_PX = 1e-3  # mmdetection's BoundedIoULoss


def guided_rpn_losses(
    predictions: tuple[Tensor, ...],
    selection: nn.Module,
    targets: list[Targets],
    config: GuidedLossConfig,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return ``rpn_location``, ``rpn_shape``, ``rpn_class`` and ``rpn_box`` of a batch.

    Args:
        predictions: What a ``guided_rpn_head`` gives: location logits ``(b, cells)``, shapes
            ``(b, cells, 2)``, objectness logits ``(b, cells)`` and deltas ``(b, cells, 4)``.
        selection: The ``guided_proposals`` that selects from them.
        targets: Objects of every image.
        config: Numbers.
        generator: Draws the anchors; on the CPU.

    Raises:
        TrainingError: The selection is another module.
    """
    if not isinstance(selection, GuidedProposals):
        raise TrainingError(
            f"selection must be a guided_proposals module, got {type(selection).__name__}"
        )
    location, shapes, logits, deltas = predictions
    drawn = _Drawn(selection, config, generator)
    for image, target in enumerate(targets):
        drawn.add_shapes(shapes[image], target.boxes)
        drawn.add_boxes(shapes[image].detach(), logits[image], deltas[image], target.boxes)
    return {"rpn_location": _location_loss(location, selection, targets, config), **drawn.means()}


def _location_loss(
    location: Tensor, selection: GuidedProposals, targets: list[Targets], config: GuidedLossConfig
) -> Tensor:
    rows = [location_targets(target.boxes, selection, config) for target in targets]
    truth, weight = (torch.stack(column) for column in zip(*rows, strict=True))
    loss: Tensor = sigmoid_focal_loss(
        location, truth, alpha=config.focal_alpha, gamma=config.focal_gamma
    )
    return (loss * weight).sum() / (location.numel() * config.location_share)


class _Drawn:
    """Sum the losses over the anchors that are drawn for them."""

    def __init__(
        self, selection: GuidedProposals, config: GuidedLossConfig, generator: torch.Generator
    ) -> None:
        self.squares, self.config, self.generator = selection.anchors, config, generator
        zero = self.squares.new_zeros(())
        self.sums = {"rpn_shape": zero, "rpn_class": zero, "rpn_box": zero}
        self.counts = dict.fromkeys(self.sums, 0)

    def add_shapes(self, shapes: Tensor, objects: Tensor) -> None:
        """Add the loss of shapes ``(cells, 2)`` of one image."""
        matched, positive, negative = self._draw(shape_overlap(objects, self.squares))
        anchors = reshape_squares(shapes[positive], self.squares[positive])
        wanted = objects[matched[positive]]
        loss = bounded_iou_loss(anchors, wanted, self.config.shape_beta)
        self._add("rpn_shape", loss, len(positive) + len(negative))

    def add_boxes(self, shapes: Tensor, logits: Tensor, deltas: Tensor, objects: Tensor) -> None:
        """Add the losses of objectness ``(cells,)`` and deltas ``(cells, 4)`` of one image."""
        anchors = reshape_squares(shapes, self.squares)
        matched, positive, negative = self._draw(box_iou(objects, anchors))
        chosen = torch.cat((positive, negative))
        truth = (matched[chosen] >= 0).to(logits.dtype)
        loss = F.binary_cross_entropy_with_logits(logits[chosen], truth, reduction="sum")
        self._add("rpn_class", loss, len(chosen))
        wanted = CODER.encode_single(objects[matched[positive]], anchors[positive])
        loss = F.smooth_l1_loss(
            deltas[positive], wanted, reduction="sum", beta=self.config.box_beta
        )
        self._add("rpn_box", loss, len(chosen))

    def means(self) -> dict[str, Tensor]:
        """Return each loss over the number of anchors drawn in the batch."""
        return {name: total / max(self.counts[name], 1) for name, total in self.sums.items()}

    def _draw(self, overlap: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        matched = assign(overlap, self.config)
        config = self.config
        drawn = sample(matched, config.samples, config.positive_fraction, self.generator)
        return matched, *drawn

    def _add(self, name: str, loss: Tensor, count: int) -> None:
        self.sums[name] = self.sums[name] + loss
        self.counts[name] += count


def bounded_iou_loss(boxes: Tensor, objects: Tensor, beta: float) -> Tensor:
    """Return the sum of the bounded IoU loss over boxes ``(n, 4)`` (Tychsen-Smith, CVPR 2018).

    For each of x, y, width and height: 1 minus the IoU that is left if all else were right,
    smoothed below ``beta``.

    Args:
        boxes: ``(n, 4)``.
        objects: The box that each should be ``(n, 4)``.
        beta: Where the loss turns linear.
    """
    sides, wanted = boxes[:, 2:] - boxes[:, :2], objects[:, 2:] - objects[:, :2]
    twice_off = (objects.reshape(-1, 2, 2).sum(1) - boxes.reshape(-1, 2, 2).sum(1)).abs()
    moved = ((wanted - twice_off) / (wanted + twice_off + EPSILON_PX)).clamp(min=0)
    sized = torch.minimum(wanted / (sides + EPSILON_PX), sides / (wanted + EPSILON_PX))
    error = 1 - torch.cat((moved, sized), 1)
    return F.smooth_l1_loss(error, torch.zeros_like(error), reduction="sum", beta=beta)
