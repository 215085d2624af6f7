"""torchvision's Faster and Mask R-CNN with fixed shapes and without control flow."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import MultiScaleRoIAlign

from ..errors import BuildError
from ..modules.boxes import clip, decode, is_large_enough
from ..modules.select import (
    INVALID_SCORE,
    Selection,
    best_rows,
    gather_boxes,
    look_up,
    suppress_images,
)
from .pooling import Pooling
from .spec import ForeignSpec, Layout, features_of, lay_out


class ForeignRcnn(nn.Module):
    """Run the parts of a torchvision Faster or Mask R-CNN, selection with fixed shapes.

    Args:
        model: With its weights, which are shared.
        input_hw: Height and width of the input, in pixels.
        candidates: Pairs of box and class that go into the final suppression, at most;
            torchvision takes all above the score threshold.

    Attributes:
        spec: What it is.

    Raises:
        BuildError: It has keypoints or another pooling, or cannot take such an input.
    """

    def __init__(self, model: FasterRCNN, input_hw: tuple[int, int], candidates: int) -> None:
        super().__init__()
        heads = model.roi_heads
        _check(model)
        layout = lay_out(model.backbone, model.rpn.anchor_generator, input_hw)
        self.backbone = model.backbone
        self.rpn_head = model.rpn.head
        self.proposals = Proposals(model.rpn, layout)
        self.box_pool = Pooling(heads.box_roi_pool, layout)
        self.box_head, self.box_predictor = heads.box_head, heads.box_predictor
        self.detections = BoxDetections(model, layout, candidates)
        self.masks = heads.has_mask()
        if self.masks:
            self.mask_pool = Pooling(heads.mask_roi_pool, layout)
            self.mask_head, self.mask_predictor = heads.mask_head, heads.mask_predictor
        self.spec = ForeignSpec(input_hw, self.detections.classes, self.masks)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map normalised images ``(b, 3, h, w)`` to boxes, scores, labels, counts, and masks.

        As :class:`detection.Detector` gives them, but for the labels, which are torchvision's.
        """
        maps = features_of(self.backbone, images)
        boxes, count = self.proposals(*self.rpn_head(list(maps.values())))
        pooled = self.box_head(self.box_pool(maps, boxes))
        found: tuple[Tensor, ...] = self.detections(*self.box_predictor(pooled), boxes, count)
        if not self.masks:
            return found
        logits = self.mask_predictor(self.mask_head(self.mask_pool(maps, found[0])))
        return (*found, _of_class(logits, found[2]))


class Proposals(nn.Module):
    """Choose proposals as ``RegionProposalNetwork.filter_proposals`` does.

    Args:
        rpn: The detector's.
        layout: What its input size fixes.
    """

    anchors: Tensor
    limits: Tensor

    def __init__(self, rpn: RegionProposalNetwork, layout: Layout) -> None:
        super().__init__()
        self.per_level = layout.per_level
        self.sizes = [min(rpn.pre_nms_top_n(), anchors) for anchors in layout.per_level]
        self.post_nms, self.iou = rpn.post_nms_top_n(), float(rpn.nms_thresh)
        self.threshold, self.min_side = float(rpn.score_thresh), float(rpn.min_size)
        self.stds = stds_of(rpn.box_coder)
        self.register_buffer("anchors", layout.anchors, persistent=False)
        self.register_buffer("limits", layout.limits, persistent=False)

    def forward(self, logits: list[Tensor], deltas: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map each level's maps to boxes ``(n, post_nms, 4)`` and counts ``(n,)``."""
        best, index = self._candidates([_rows(x) for x in logits])
        changes = torch.cat([_rows(x) for x in deltas], 1).reshape(-1, sum(self.per_level), 4)
        boxes = decode(gather_boxes(changes, index), look_up(self.anchors, index), self.stds)
        boxes, scores = clip(boxes, self.limits), best.sigmoid()
        sides = (boxes[..., 2:] - boxes[..., :2]).amin(-1)
        valid = (sides >= self.min_side) & (scores >= self.threshold)
        scores = torch.where(valid, scores, INVALID_SCORE)
        kept = suppress_images(boxes, scores, self.iou, self.sizes)
        _, rows, valid = best_rows(kept, sum(self.sizes), self.post_nms)
        return gather_boxes(boxes, rows) * valid.unsqueeze(-1).to(boxes.dtype), valid.sum(1)

    def _candidates(self, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the best logits ``(n, k)`` of each level, and their anchors."""
        values, indices, start = [], [], 0
        for logits, anchors, size in zip(levels, self.per_level, self.sizes, strict=True):
            value, index = logits.topk(size, dim=1)
            values.append(value)
            indices.append(index + start)
            start += anchors
        return torch.cat(values, 1), torch.cat(indices, 1)


class BoxDetections(nn.Module):
    """Choose detections as ``RoIHeads.postprocess_detections`` does.

    Args:
        model: The detector.
        layout: What its input size fixes.
        candidates: Pairs of box and class that go into the suppression, at most.
    """

    limits: Tensor
    row: Tensor

    def __init__(self, model: FasterRCNN, layout: Layout, candidates: int) -> None:
        super().__init__()
        heads = model.roi_heads
        self.rows = model.rpn.post_nms_top_n()
        self.classes = _classes(heads.box_predictor)
        self.threshold, self.stds = float(heads.score_thresh), stds_of(heads.box_coder)
        self.pairs = min(candidates, self.rows * (self.classes - 1))
        self.select = Selection(
            float(heads.nms_thresh), self.pairs, heads.detections_per_img, layout.apart
        )
        self.register_buffer("limits", layout.limits, persistent=False)
        self.register_buffer("row", torch.arange(self.rows), persistent=False)

    def forward(
        self, logits: Tensor, deltas: Tensor, boxes: Tensor, count: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Map logits and deltas of boxes ``(n, r, 4)`` to the best detections of each image."""
        best, index = self._scores(logits, count).topk(self.pairs, dim=1)
        row = index // (self.classes - 1)
        labels = index - row * (self.classes - 1) + 1
        changes = deltas.reshape(-1, self.rows * self.classes, 4)
        changes = gather_boxes(changes, row * self.classes + labels)
        found = clip(decode(changes, gather_boxes(boxes, row), self.stds), self.limits)
        best = torch.where(is_large_enough(found), best, INVALID_SCORE)
        detections: tuple[Tensor, Tensor, Tensor, Tensor] = self.select(found, best, labels)
        return detections

    def _scores(self, logits: Tensor, count: Tensor) -> Tensor:
        """Return scores ``(n, r * (classes - 1))``, invalid below the threshold and on padding."""
        scores = logits.softmax(-1)[:, 1:].reshape(-1, self.rows, self.classes - 1)
        present = (self.row < count.unsqueeze(-1)).unsqueeze(-1)
        valid = (scores > self.threshold) & present
        return torch.where(valid, scores, INVALID_SCORE).flatten(1)


def stds_of(coder: BoxCoder) -> tuple[float, float]:
    """Return what a box coder's deltas are in units of: shifts and logarithms of scales.

    Raises:
        BuildError: They differ between the axes.
    """
    x, y, width, height = coder.weights
    if x != y or width != height:
        raise BuildError(f"box coder weights must be equal in x and y, got {coder.weights}")
    return 1 / x, 1 / width


def _check(model: FasterRCNN) -> None:
    heads = model.roi_heads
    if heads.has_keypoint():
        raise BuildError("keypoints have no place among a detector's outputs")
    for name in ("box_roi_pool", *(("mask_roi_pool",) if heads.has_mask() else ())):
        pool = getattr(heads, name)
        if not isinstance(pool, MultiScaleRoIAlign):
            raise BuildError(f"{name} must be a MultiScaleRoIAlign, got {type(pool).__name__}")


def _classes(predictor: nn.Module) -> int:
    """Return the classes that a box predictor tells apart, the background included.

    Raises:
        BuildError: It is none of torchvision's, or does not give a box per class.
    """
    scores, boxes = getattr(predictor, "cls_score", None), getattr(predictor, "bbox_pred", None)
    if not isinstance(scores, nn.Linear) or not isinstance(boxes, nn.Linear):
        raise BuildError(
            f"the box predictor must be a FastRCNNPredictor, got {type(predictor).__name__}"
        )
    if boxes.out_features != 4 * scores.out_features:
        raise BuildError(
            f"the box predictor gives {boxes.out_features} numbers for {scores.out_features} "
            "classes: a box per class is needed"
        )
    return scores.out_features


def _rows(maps: Tensor) -> Tensor:
    """Return maps ``(n, c, h, w)`` as ``(n, h * w * c)``, row by row."""
    return maps.permute(0, 2, 3, 1).flatten(1)


def _of_class(logits: Tensor, labels: Tensor) -> Tensor:
    """Return each detection's mask of its class ``(n, d, h, w)`` of ``(n * d, classes, h, w)``."""
    height, width = int(logits.shape[2]), int(logits.shape[3])
    index = labels.reshape(-1, 1, 1, 1).repeat(1, 1, height, width)
    return logits.gather(1, index).sigmoid().reshape(-1, int(labels.shape[1]), height, width)
