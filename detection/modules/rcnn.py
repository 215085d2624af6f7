"""The second stage of Faster R-CNN: box head and final detections.

Sources: Fast R-CNN (Girshick, ICCV 2015); 4conv1fc head (Wu and He, ECCV 2018), used throughout
DetNAS; 2fc head (Lin et al., FPN, CVPR 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead

from searchspaces import ModuleSpec

from .boxes import RCNN_WEIGHTS, clip, decode, image_limits, is_large_enough
from .layers import NORMS
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
        widths = [spec.get_int("fc_channels")] * spec.get_int("num_fcs")
        self.shared = FastRCNNConvFCHead(
            (channels, height, width),
            [spec.get_int("conv_channels")] * convs,
            widths,
            NORMS[spec.get_str("norm")],
        )
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
        hidden = self.shared(features)
        return self.classes(hidden), self.deltas(hidden)


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
        found = clip(decode(deltas, gather_boxes(boxes, row), RCNN_WEIGHTS), self.limits)
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


MODULES = {"box_head": BoxHead, "rcnn_detections": RcnnDetections}
