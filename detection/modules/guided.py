"""Region proposals by guided anchoring (Wang et al., CVPR 2019).

Every cell predicts whether an object's centre is near, which shape of anchor suits it there, and
then objectness and box of that anchor from features that are sampled to fit its shape.
Standard deviations and initial weights are mmdetection's
(``mmdet/models/dense_heads/{guided_anchor_head,ga_rpn_head}.py`` and
``configs/guided_anchoring/ga-faster-rcnn_r50-caffe_fpn_1x_coco.py``).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from searchspaces import ModuleSpec, level_sizes

from .boxes import MAX_LOG_SCALE, decode
from .deform import TAPS, DeformConv
from .rpn import ProposalSelection
from .select import INVALID_SCORE, gather_boxes, look_up

SHAPE_STD = 0.14
"""What an anchor's predicted shape is in units of: logarithms of the square's growth."""

BOX_STDS = (0.07, 0.11)
"""What the box deltas are in units of: shifts of the centre, logarithms of the scales."""

PREDICTIONS = (1, 2, 1, 4)  # channels of location, shape, objectness and box
LOCATION_PRIOR = 0.01  # probability of an object at an untrained head's cell
WEIGHT_STD = 0.01
OFFSET_STD = 0.1


def reshape_squares(shapes: Tensor, squares: Tensor) -> Tensor:
    """Return guided anchors ``(..., 4)``: squares of the predicted shapes, centres kept.

    Args:
        shapes: Changes of width and height ``(..., 2)``.
        squares: ``(..., 4)``.
    """
    centres = 0.5 * (squares[..., :2] + squares[..., 2:])
    growth = (shapes * SHAPE_STD).clamp(max=MAX_LOG_SCALE).exp()
    half = 0.5 * (squares[..., 2:] - squares[..., :2]) * growth
    return torch.cat((centres - half, centres + half), -1)


class GuidedRpnHead(nn.Module):
    """Predict one anchor at every cell and score it; one set of weights for all levels.

    Args:
        spec: A ``guided_rpn_head``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        channels, groups = spec.get_int("channels"), spec.get_int("deform_groups")
        sizes = [(t.shape[2], t.shape[3]) for t in spec.inputs]
        self.cells = sum(height * width for height, width in sizes)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.location = nn.Conv2d(channels, 1, 1)
        self.shape = nn.Conv2d(channels, 2, 1)
        self.offset = nn.Conv2d(2, groups * 2 * TAPS, 1, bias=False)
        self.adaption = DeformConv(channels, channels, groups, sizes)
        self.objectness = nn.Conv2d(channels, 1, 1)
        self.deltas = nn.Conv2d(channels, 4, 1)
        self._draw()

    def _draw(self) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.normal_(parameter, std=WEIGHT_STD)
        nn.init.normal_(self.offset.weight, std=OFFSET_STD)
        prior = math.log(LOCATION_PRIOR / (1 - LOCATION_PRIOR))
        nn.init.constant_(self.location.bias, prior)  # type: ignore[arg-type]  # it has a bias

    def forward(self, *levels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Map levels ``(n, channels, h, w)`` to what is said of their cells, row by row.

        Returns:
            Location logits ``(n, cells)``, shapes ``(n, cells, 2)`` for :func:`reshape_squares`,
            objectness logits ``(n, cells)`` and box deltas ``(n, cells, 4)``.
        """
        rows = torch.cat([self._one_level(x, index) for index, x in enumerate(levels)], 2)
        location, shape, logits, deltas = rows.split(PREDICTIONS, 1)
        location, logits = location.reshape(-1, self.cells), logits.reshape(-1, self.cells)
        return location, shape.transpose(1, 2), logits, deltas.transpose(1, 2)

    def _one_level(self, x: Tensor, level: int) -> Tensor:
        """Return the four predictions for the cells of one level below one another."""
        height, width = self.adaption.sizes[level]
        x = torch.relu(self.conv(x))
        location, shape = self.location(x), self.shape(x)
        # The offsets follow the shape; they do not teach it.
        x = torch.relu(self.adaption(x, self.offset(shape.detach()), level))
        given = torch.cat((location, shape, self.objectness(x), self.deltas(x)), 1)
        return given.reshape(-1, sum(PREDICTIONS), height * width)


class GuidedProposals(ProposalSelection):
    """Choose proposals among the guided anchors where an object's centre is likely.

    Args:
        spec: A ``guided_proposals``; see :data:`searchspaces.KINDS`.

    Attributes:
        anchors: ``(cells, 4)`` the square of every cell.
        strides: Of every level, in pixels.
        level_sizes: Height and width of every level.
        square_scale: Side of the squares in strides.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__(spec)
        self.threshold = spec.get_float("loc_threshold")
        self.strides = spec.get_ints("strides")
        self.level_sizes = level_sizes(spec)
        (self.square_scale,) = spec.get_floats("anchor_scales")

    def forward(
        self, location: Tensor, shapes: Tensor, logits: Tensor, deltas: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Map the head's predictions to boxes ``(n, post_nms, 4)`` and counts ``(n,)``.

        Boxes are in falling order of objectness; rows from the count on are zero.
        """
        likely = location.sigmoid() >= self.threshold
        scores, index = self.candidates(torch.where(likely, logits.sigmoid(), INVALID_SCORE))
        shapes = shapes.gather(1, index.unsqueeze(-1).repeat(1, 1, 2))
        anchors = reshape_squares(shapes, look_up(self.anchors, index))
        return self.choose(decode(gather_boxes(deltas, index), anchors, BOX_STDS), scores)


MODULES = {"guided_rpn_head": GuidedRpnHead, "guided_proposals": GuidedProposals}
