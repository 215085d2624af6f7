"""The region proposal network (Ren et al., NeurIPS 2015) with selection per level as in FPN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from searchspaces import ModuleSpec, anchors_per_level, outputs_of

from .boxes import ANCHOR_STDS, clip, decode, image_limits, is_large_enough, make_anchors
from .select import INVALID_SCORE, best_rows, gather_boxes, look_up, suppress_images


class RpnHead(nn.Module):
    """Score every anchor and regress its box; one set of weights for all levels.

    Args:
        spec: An ``rpn_head``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        channels, each = spec.get_int("channels"), spec.get_int("num_anchors")
        self.anchors = outputs_of(spec)[0].shape[1]
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.objectness = nn.Conv2d(channels, each, 1)
        self.deltas = nn.Conv2d(channels, 4 * each, 1)
        for layer in (self.conv, self.objectness, self.deltas):
            nn.init.normal_(layer.weight, std=0.01)  # Faster R-CNN, sec. 3.1.3
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # these layers have a bias

    def forward(self, *levels: Tensor) -> tuple[Tensor, Tensor]:
        """Map levels ``(n, channels, h, w)`` to logits ``(n, a)`` and deltas ``(n, a, 4)``.

        Anchors are in the order of :func:`make_anchors`.
        """
        hidden = [torch.relu(self.conv(level)) for level in levels]
        logits = [self.objectness(x).permute(0, 2, 3, 1).flatten(1) for x in hidden]
        deltas = [self.deltas(x).permute(0, 2, 3, 1).flatten(1) for x in hidden]
        return torch.cat(logits, 1), torch.cat(deltas, 1).reshape(-1, self.anchors, 4)


class ProposalSelection(nn.Module):
    """What choosing proposals consists of: the best of each level, suppressed per level.

    Args:
        spec: Names the anchors, ``pre_nms``, ``post_nms`` and ``nms_iou``.

    Attributes:
        anchors: ``(a, 4)``.
        limits: Largest x1, y1, x2, y2 inside the image ``(4,)``.
    """

    anchors: Tensor
    limits: Tensor

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        self.per_level = anchors_per_level(spec)
        self.sizes = [min(spec.get_int("pre_nms"), anchors) for anchors in self.per_level]
        self.post_nms = spec.get_int("post_nms")
        self.iou = spec.get_float("nms_iou")
        self.register_buffer("anchors", make_anchors(spec), persistent=False)
        self.register_buffer("limits", image_limits(spec), persistent=False)

    def candidates(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best scores ``(n, k)`` of each level, of ``(n, a)``, and their anchors."""
        values, indices, start = [], [], 0
        for anchors, size in zip(self.per_level, self.sizes, strict=True):
            value, index = scores[:, start : start + anchors].topk(size, dim=1)
            values.append(value)
            indices.append(index + start)
            start += anchors
        return torch.cat(values, 1), torch.cat(indices, 1)

    def choose(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Clip and suppress candidates; return boxes ``(n, post_nms, 4)`` and counts ``(n,)``.

        Boxes are in falling order of score; rows from the count on are zero.

        Args:
            boxes: ``(n, k, 4)`` of :meth:`candidates`.
            scores: ``(n, k)``, ``INVALID_SCORE`` where the row is no candidate.
        """
        boxes = clip(boxes, self.limits)
        scores = torch.where(is_large_enough(boxes), scores, INVALID_SCORE)
        kept = suppress_images(boxes, scores, self.iou, self.sizes)
        _, rows, valid = best_rows(kept, sum(self.sizes), self.post_nms)
        boxes = gather_boxes(boxes, rows) * valid.unsqueeze(-1).to(boxes.dtype)
        return boxes, valid.sum(1)


class Proposals(ProposalSelection):
    """Choose proposals among fixed anchors.

    Args:
        spec: A ``proposals``; see :data:`searchspaces.KINDS`.
    """

    def forward(self, logits: Tensor, deltas: Tensor) -> tuple[Tensor, Tensor]:
        """Map logits ``(n, a)`` and deltas ``(n, a, 4)`` to boxes ``(n, post_nms, 4)``, counts.

        Boxes are in falling order of score; rows from the count ``(n,)`` on are zero.
        """
        best, index = self.candidates(logits)
        boxes = decode(gather_boxes(deltas, index), look_up(self.anchors, index), ANCHOR_STDS)
        return self.choose(boxes, best.sigmoid())


MODULES = {"rpn_head": RpnHead, "proposals": Proposals}
