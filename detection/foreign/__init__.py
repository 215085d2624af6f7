"""Detectors of torchvision with fixed shapes, so that they can be exported as ours are."""

from __future__ import annotations

from torch import nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet

from ..data.preprocess import Preprocess
from ..errors import BuildError
from .dense import ForeignFcos, ForeignRetinaNet
from .rcnn import ForeignRcnn

__all__ = [
    "CANDIDATES",
    "ForeignDetector",
    "ForeignFcos",
    "ForeignRcnn",
    "ForeignRetinaNet",
    "fixed_shape",
    "foreign_preprocess",
]

CANDIDATES = 2000
"""Pairs of box and class that go into a two-stage detector's final suppression, at most."""

ForeignDetector = ForeignRcnn | ForeignRetinaNet | ForeignFcos


def fixed_shape(
    model: nn.Module, input_hw: tuple[int, int], *, candidates: int = CANDIDATES
) -> ForeignDetector:
    """Give a torchvision detector fixed shapes: one input size, padded outputs, no control flow.

    Every convolution and head is torchvision's own, with its weights; resizing and normalising
    are left to :func:`foreign_preprocess`. Labels stay torchvision's, which count a background.

    Args:
        model: A Faster R-CNN, Mask R-CNN, RetinaNet or FCOS; put into evaluation mode.
        input_hw: Height and width of the input, in pixels.
        candidates: Pairs of box and class that go into a two-stage detector's final suppression,
            at most; torchvision takes all above its score threshold.

    Raises:
        BuildError: It is another model or has keypoints, or cannot take such an input.

    Example:
        >>> from torchvision.models.detection import ssdlite320_mobilenet_v3_large as ssd
        >>> fixed_shape(ssd(weights=None, weights_backbone=None), (96, 96))
        Traceback (most recent call last):
        ...
        detection.errors.BuildError: only FasterRCNN (with or without masks), RetinaNet and FCOS of
        torchvision can be given fixed shapes, got SSD
    """
    if candidates < 1 or min(input_hw) < 1:
        raise BuildError(
            f"candidates and input size must be at least 1, got {candidates} and {input_hw}"
        )
    model.eval()
    if isinstance(model, FasterRCNN):
        return ForeignRcnn(model, input_hw, candidates).eval()
    if isinstance(model, RetinaNet):
        return ForeignRetinaNet(model, input_hw).eval()
    if isinstance(model, FCOS):
        return ForeignFcos(model, input_hw).eval()
    raise BuildError(
        "only FasterRCNN (with or without masks), RetinaNet and FCOS of torchvision can be given "
        f"fixed shapes, got {type(model).__name__}"
    )


def foreign_preprocess(model: nn.Module, input_hw: tuple[int, int]) -> Preprocess:
    """Return how a torchvision detector's images are normalised, resized to one input size."""
    transform = model.transform
    mean, std = (tuple(map(float, each)) for each in (transform.image_mean, transform.image_std))  # type: ignore[union-attr, arg-type]
    return Preprocess(input_hw, mean, std)  # type: ignore[arg-type]  # three of each
