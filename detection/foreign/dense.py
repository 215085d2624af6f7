"""torchvision's RetinaNet and FCOS with fixed shapes and without control flow."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS, RetinaNet

from ..modules.boxes import clip, decode
from ..modules.select import INVALID_SCORE, Selection, best_pairs, gather_boxes, look_up
from .rcnn import stds_of
from .spec import ForeignSpec, Layout, features_of, lay_out

Found = tuple[Tensor, Tensor, Tensor, Tensor]


class ForeignRetinaNet(nn.Module):
    """Run the parts of a torchvision RetinaNet, selection with fixed shapes.

    Args:
        model: With its weights, which are shared.
        input_hw: Height and width of the input, in pixels.

    Attributes:
        spec: What it is.

    Raises:
        BuildError: It cannot take such an input.
    """

    anchors: Tensor

    def __init__(self, model: RetinaNet, input_hw: tuple[int, int]) -> None:
        super().__init__()
        layout = lay_out(model.backbone, model.anchor_generator, input_hw)
        self.backbone = model.backbone
        self.class_head = model.head.classification_head
        self.box_head = model.head.regression_head
        classes = self.class_head.num_classes
        self.detections = DenseSelection(model, layout, classes)
        self.stds = stds_of(model.box_coder)
        self.spec = ForeignSpec(input_hw, classes)
        self.register_buffer("anchors", layout.anchors, persistent=False)

    def forward(self, images: Tensor) -> Found:
        """Map normalised images ``(b, 3, h, w)`` to boxes, scores, labels and counts.

        As :class:`detection.Detector` gives them, but for the labels, which are torchvision's.
        """
        maps = list(features_of(self.backbone, images).values())
        best, index = self.detections.candidates(self.class_head(maps))
        anchor, labels = self.detections.pairs(index)
        deltas = gather_boxes(self.box_head(maps), anchor)
        boxes = decode(deltas, look_up(self.anchors, anchor), self.stds)
        found: Found = self.detections(boxes, best.sigmoid(), labels)
        return found


class ForeignFcos(nn.Module):
    """Run the parts of a torchvision FCOS, selection with fixed shapes.

    Args:
        model: With its weights, which are shared.
        input_hw: Height and width of the input, in pixels.

    Attributes:
        spec: What it is.

    Raises:
        BuildError: It cannot take such an input.
    """

    anchors: Tensor

    def __init__(self, model: FCOS, input_hw: tuple[int, int]) -> None:
        super().__init__()
        layout = lay_out(model.backbone, model.anchor_generator, input_hw)
        self.backbone = model.backbone
        self.class_head = model.head.classification_head
        self.box_head = model.head.regression_head
        classes = self.class_head.num_classes
        self.detections = DenseSelection(model, layout, classes)
        self.coder = model.box_coder
        self.spec = ForeignSpec(input_hw, classes)
        self.register_buffer("anchors", layout.anchors, persistent=False)

    def forward(self, images: Tensor) -> Found:
        """Map normalised images ``(b, 3, h, w)`` to boxes, scores, labels and counts.

        As :class:`detection.Detector` gives them, but for the labels, which are torchvision's.
        """
        maps = list(features_of(self.backbone, images).values())
        distances, centreness = self.box_head(maps)
        scores = (self.class_head(maps).sigmoid() * centreness.sigmoid()).sqrt()
        best, index = self.detections.candidates(scores)
        anchor, labels = self.detections.pairs(index)
        boxes = self.coder.decode(gather_boxes(distances, anchor), look_up(self.anchors, anchor))
        found: Found = self.detections(boxes, best, labels)
        return found


class DenseSelection(nn.Module):
    """Choose detections as the one-stage detectors' ``postprocess_detections`` do.

    Args:
        model: The detector.
        layout: What its input size fixes.
        classes: Labels that it may give.
    """

    limits: Tensor

    def __init__(self, model: RetinaNet | FCOS, layout: Layout, classes: int) -> None:
        super().__init__()
        self.per_level, self.classes = layout.per_level, classes
        self.sizes = [min(model.topk_candidates, a * classes) for a in layout.per_level]
        self.threshold = float(model.score_thresh)
        self.select = Selection(
            float(model.nms_thresh), sum(self.sizes), model.detections_per_img, layout.apart
        )
        self.register_buffer("limits", layout.limits, persistent=False)

    def candidates(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best of each level of ``(n, a, classes)``, and their indices, ``(n, k)``."""
        found, indices, start = [], [], 0
        for anchors, size in zip(self.per_level, self.sizes, strict=True):
            level = values[:, start : start + anchors]
            value, index = best_pairs(level, (anchors, self.classes), size)
            found.append(value)
            indices.append(index + start * self.classes)
            start += anchors
        return torch.cat(found, 1), torch.cat(indices, 1)

    def pairs(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return anchors and labels of indices ``(n, k)`` of :meth:`candidates`."""
        anchor = index // self.classes
        return anchor, index - anchor * self.classes

    def forward(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Found:
        """Give the best detections of each image of its candidates ``(n, k)``."""
        scores = torch.where(scores > self.threshold, scores, INVALID_SCORE)
        found: Found = self.select(clip(boxes, self.limits), scores, labels)
        return found
