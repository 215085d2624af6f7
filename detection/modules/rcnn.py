"""The second stage of Faster R-CNN and Cascade R-CNN: box head, refinement, final detections.

Sources: Fast R-CNN (Girshick, ICCV 2015); 4conv1fc head (Wu and He, ECCV 2018), used throughout
DetNAS; 2fc head (Lin et al., FPN, CVPR 2017); cascade (Cai and Vasconcelos, CVPR 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead

from searchspaces import ModuleSpec

from .boxes import clip, decode, image_limits, is_large_enough
from .layers import NORMS, standardize_weights
from .select import INVALID_SCORE, Selection, gather_boxes


class BoxHead(nn.Module):
    """Classify pooled features and regress boxes.

    Args:
        spec: A ``box_head``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        classes, convs = spec.get_int("num_classes"), spec.get_int("num_convs")
        _, channels, height, width = spec.inputs[0].shape
        self.average = bool(spec.get_int("average"))
        height, width = (1, 1) if self.average else (height, width)
        widths = [spec.get_int("fc_channels")] * spec.get_int("num_fcs")
        self.shared = FastRCNNConvFCHead(
            (channels, height, width),
            [spec.get_int("conv_channels")] * convs,
            widths,
            NORMS[spec.get_str("norm")],
        )
        standardize_weights(self.shared, spec.get_str("norm"))
        flat = (spec.get_int("conv_channels") if convs else channels) * height * width
        hidden = widths[-1] if widths else flat
        self.classes = nn.Linear(hidden, classes + 1)
        self.deltas = nn.Linear(hidden, 4 if spec.get_int("class_agnostic") else 4 * classes)
        for layer, std in ((self.classes, 0.01), (self.deltas, 0.001)):
            nn.init.normal_(layer.weight, std=std)  # Fast R-CNN, sec. 2.3
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(rows, c, h, w)`` to logits ``(rows, classes + 1)``, background last, and deltas.

        Deltas are ``(rows, 4 * classes)``, or ``(rows, 4)`` if class-agnostic.
        """
        if self.average:
            features = features.mean((2, 3), keepdim=True)
        hidden = self.shared(features)
        return self.classes(hidden), self.deltas(hidden)


class RefineBoxes(nn.Module):
    """Move boxes as a stage of a cascade says; the next stage pools them.

    Args:
        spec: A ``refine_boxes``; see :data:`searchspaces.KINDS`.
    """

    limits: Tensor

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        self.rows = spec.inputs[1].shape[1]
        self.stds = (spec.get_float("std_xy"), spec.get_float("std_wh"))
        self.register_buffer("limits", image_limits(spec), persistent=False)

    def forward(self, deltas: Tensor, boxes: Tensor) -> Tensor:
        """Map deltas ``(n * r, 4)`` and boxes ``(n, r, 4)`` to clipped boxes ``(n, r, 4)``.

        A padded row, whose sides are zero, stays zero whatever its deltas.
        """
        return self.decode(deltas.reshape(-1, self.rows, 4), boxes)

    def decode(self, deltas: Tensor, boxes: Tensor) -> Tensor:
        """Apply deltas ``(..., 4)`` to boxes ``(..., 4)`` and clip them to the image."""
        return clip(decode(deltas, boxes, self.stds), self.limits)


class AverageScores(nn.Module):
    """Average the logits of a cascade's stages.

    As mmdetection's ``CascadeRoIHead`` does in detection: the mean of what the stages say before
    the softmax, each of its own boxes.

    Args:
        spec: An ``average_scores``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        self.share = 1 / len(spec.inputs)

    def forward(self, *logits: Tensor) -> Tensor:
        """Map logits ``(rows, classes + 1)`` of every stage to their mean."""
        total = logits[0]
        for stage in logits[1:]:
            total = total + stage
        return total * self.share


class RcnnDetections(nn.Module):
    """Turn the second stage's predictions into detections.

    Args:
        spec: An ``rcnn_detections``; see :data:`searchspaces.KINDS`.
    """

    limits: Tensor
    row: Tensor

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        self.rows, self.classes = spec.inputs[2].shape[1], spec.get_int("num_classes")
        self.class_agnostic = bool(spec.get_int("class_agnostic"))
        self.stds = (spec.get_float("std_xy"), spec.get_float("std_wh"))
        self.threshold = spec.get_float("score_threshold")
        self.pre_nms = min(spec.get_int("pre_nms"), self.rows * self.classes)
        self.select = Selection.of(spec, self.pre_nms)
        self.register_buffer("limits", image_limits(spec), persistent=False)
        self.register_buffer("row", torch.arange(self.rows), persistent=False)

    def forward(
        self, logits: Tensor, deltas: Tensor, boxes: Tensor, count: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give the best detections of each image.

        Args:
            logits: ``(n * r, classes + 1)``, background last.
            deltas: ``(n * r, 4 * classes)`` or ``(n * r, 4)``.
            boxes: Proposals ``(n, r, 4)``.
            count: Valid proposals of each image ``(n,)``.

        Returns:
            Boxes ``(n, d, 4)``, scores ``(n, d)``, labels ``(n, d)`` and counts ``(n,)``.
        """
        scores = self._scores(logits, count)
        best, index = scores.topk(self.pre_nms, dim=1)
        row = index // self.classes
        labels = index - row * self.classes
        each = row if self.class_agnostic else index
        deltas = gather_boxes(deltas.reshape(-1, self._deltas, 4), each)
        found = clip(decode(deltas, gather_boxes(boxes, row), self.stds), self.limits)
        best = torch.where(is_large_enough(found), best, INVALID_SCORE)
        return self.select(found, best, labels)

    @property
    def _deltas(self) -> int:
        return self.rows if self.class_agnostic else self.rows * self.classes

    def _scores(self, logits: Tensor, count: Tensor) -> Tensor:
        """Return scores ``(n, r * classes)``, invalid below the threshold and on padded rows."""
        scores = logits.softmax(-1)[:, :-1].reshape(-1, self.rows, self.classes)
        present = (self.row < count.unsqueeze(-1)).unsqueeze(-1)
        valid = (scores > self.threshold) & present
        return torch.where(valid, scores, INVALID_SCORE).flatten(1)


MODULES = {
    "box_head": BoxHead,
    "refine_boxes": RefineBoxes,
    "average_scores": AverageScores,
    "rcnn_detections": RcnnDetections,
}
