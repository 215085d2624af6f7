"""RetinaNet's head and final detections (Lin et al., ICCV 2017)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation

from searchspaces import ModuleSpec, anchors_per_level, outputs_of

from .boxes import ANCHOR_STDS, clip, decode, image_limits, is_large_enough, make_anchors
from .layers import NORMS, standardize_weights
from .select import INVALID_SCORE, Selection, best_pairs, gather_boxes, look_up

PRIOR = 0.01  # RetinaNet, sec. 4.1: probability of a foreground anchor at the start


class RetinaNetHead(nn.Module):
    """Classify every anchor and regress its box in two towers; one set of weights for all levels.

    Args:
        spec: A ``retinanet_head``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        each = spec.get_int("num_anchors")
        channels = spec.get_int("channels" if spec.get_int("num_convs") else "in_channels")
        self.num_classes, self.anchors = spec.get_int("num_classes"), outputs_of(spec)[0].shape[1]
        self.class_tower, self.delta_tower = _tower(spec), _tower(spec)
        self.classes = nn.Conv2d(channels, each * self.num_classes, 3, padding=1)
        self.deltas = nn.Conv2d(channels, each * 4, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)  # RetinaNet, sec. 4.1
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        standardize_weights(self.class_tower, spec.get_str("norm"))
        standardize_weights(self.delta_tower, spec.get_str("norm"))
        nn.init.constant_(self.classes.bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]

    def forward(self, *levels: Tensor) -> tuple[Tensor, Tensor]:
        """Map levels ``(n, channels, h, w)`` to logits ``(n, a, classes)``, deltas ``(n, a, 4)``.

        Anchors are in the order of :func:`make_anchors`.
        """
        logits = [self.classes(self.class_tower(x)) for x in levels]
        deltas = [self.deltas(self.delta_tower(x)) for x in levels]
        return (
            _flat(logits).reshape(-1, self.anchors, self.num_classes),
            _flat(deltas).reshape(-1, self.anchors, 4),
        )


def _tower(spec: ModuleSpec) -> nn.Sequential:
    channels, norm = spec.get_int("channels"), spec.get_str("norm")
    sources = [spec.get_int("in_channels"), *[channels] * (spec.get_int("num_convs") - 1)]
    return nn.Sequential(
        *(
            Conv2dNormActivation(source, channels, norm_layer=NORMS[norm])
            for source in sources[: spec.get_int("num_convs")]
        )
    )


def _flat(maps: list[Tensor]) -> Tensor:
    return torch.cat([x.permute(0, 2, 3, 1).flatten(1) for x in maps], 1)


class RetinaNetDetections(nn.Module):
    """Turn the head's predictions into detections.

    Args:
        spec: A ``retinanet_detections``; see :data:`searchspaces.KINDS`.

    Attributes:
        anchors: ``(a, 4)``.
    """

    anchors: Tensor
    limits: Tensor

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        self.per_level, self.classes = anchors_per_level(spec), spec.get_int("num_classes")
        self.threshold, pre_nms = spec.get_float("score_threshold"), spec.get_int("pre_nms")
        self.sizes = [min(pre_nms, anchors * self.classes) for anchors in self.per_level]
        self.select = Selection.of(spec, sum(self.sizes))
        self.register_buffer("anchors", make_anchors(spec), persistent=False)
        self.register_buffer("limits", image_limits(spec), persistent=False)

    def forward(self, logits: Tensor, deltas: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give the best detections of each image.

        Args:
            logits: ``(n, a, classes)``.
            deltas: ``(n, a, 4)``.

        Returns:
            Boxes ``(n, d, 4)``, scores ``(n, d)``, labels ``(n, d)`` and counts ``(n,)``.
        """
        best, index = self._candidates(logits)
        anchor = index // self.classes
        labels = index - anchor * self.classes
        boxes = decode(gather_boxes(deltas, anchor), look_up(self.anchors, anchor), ANCHOR_STDS)
        boxes, scores = clip(boxes, self.limits), best.sigmoid()
        valid = (scores > self.threshold) & is_large_enough(boxes)
        scores = torch.where(valid, scores, INVALID_SCORE)
        return self.select(boxes, scores, labels)

    def _candidates(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best logits of each level and their (anchor, class) indices, ``(n, k)``."""
        values, indices, start = [], [], 0
        for anchors, size in zip(self.per_level, self.sizes, strict=True):
            level = logits[:, start : start + anchors]
            value, index = best_pairs(level, (anchors, self.classes), size)
            values.append(value)
            indices.append(index + start * self.classes)
            start += anchors
        return torch.cat(values, 1), torch.cat(indices, 1)


MODULES = {"retinanet_head": RetinaNetHead, "retinanet_detections": RetinaNetDetections}
