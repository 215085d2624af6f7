"""The mask branch of Mask R-CNN (He et al., ICCV 2017): mask head and final masks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from searchspaces import ModuleSpec

from .layers import conv_norm

PREDICTOR_STD = 0.001
"""Detectron2's: every pixel starts undecided."""


class MaskHead(nn.Module):
    """Predict a mask per class inside of each box.

    Args:
        spec: A ``mask_head``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        channels, norm = spec.get_int("channels"), spec.get_str("norm")
        widths = [spec.inputs[0].shape[1], *[channels] * spec.get_int("num_convs")]
        self.convs = nn.Sequential(
            *(conv_norm(c_in, channels, 3, bias=norm == "none", norm=norm) for c_in in widths[:-1])
        )
        self.upsample = nn.ConvTranspose2d(widths[-1], channels, kernel_size=2, stride=2)
        self.predict = nn.Conv2d(channels, spec.get_int("num_classes"), 1)
        # Without overlap each pixel given is made of one pixel taken.
        nn.init.normal_(self.upsample.weight, std=math.sqrt(2 / widths[-1]))
        nn.init.normal_(self.predict.weight, std=PREDICTOR_STD)
        for bias in (self.upsample.bias, self.predict.bias):
            if bias is not None:
                nn.init.zeros_(bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(rows, c, h, w)`` to logits ``(rows, classes, 2 * h, 2 * w)``."""
        logits: Tensor = self.predict(self.upsample(self.convs(features)).relu())
        return logits


class MaskDetections(nn.Module):
    """Take each detection's mask of its own class, averaged over the heads.

    Args:
        spec: A ``mask_detections``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        self.sides = spec.inputs[0].shape[2:]

    def forward(self, *inputs: Tensor) -> Tensor:
        """Give the masks of the detections.

        Args:
            inputs: Logits ``(n * d, classes, h, w)`` of every head, then labels ``(n, d)``.

        Returns:
            Probabilities ``(n, d, h, w)`` that a pixel of the box belongs to the object. Those of
            padded rows mean nothing.
        """
        *logits, labels = inputs
        index = labels.reshape(-1, 1, 1, 1).repeat(1, 1, *self.sides)
        of_class = [each.gather(1, index).sigmoid() for each in logits]
        mean = of_class[0] if len(of_class) == 1 else torch.cat(of_class, 1).mean(1, keepdim=True)
        return mean.reshape(-1, labels.shape[1], *self.sides)


MODULES = {"mask_head": MaskHead, "mask_detections": MaskDetections}
