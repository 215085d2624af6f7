"""Mask kinds: the fully convolutional head of Mask R-CNN and its final masks.

Sources: Mask R-CNN (He et al., ICCV 2017, fig. 4 right), Cascade Mask R-CNN (Cai and Vasconcelos,
arXiv:1906.09756).
"""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .base import (
    NORMS_OR_NONE,
    Cost,
    ModuleKind,
    activation,
    check_choice,
    conv,
    conv_norm,
    pixels_of,
    total,
)
from .rpn import no_cost

UPSAMPLING = 2
"""The transposed convolution's kernel and stride: its windows do not overlap."""


def mask_head_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return one logit map per class ``(rows, classes, 2 * h, 2 * w)`` of ``(rows, c, h, w)``."""
    if len(spec.inputs) != 1 or len(spec.inputs[0].shape) != 4:
        raise ModuleSpecError(
            f"mask_head takes one (rows, c, h, w) tensor, got {', '.join(map(str, spec.inputs))}"
        )
    check_choice(spec, "norm", NORMS_OR_NONE)
    rows, _, height, width = spec.inputs[0].shape
    classes = spec.get_int("num_classes")
    return (TensorSpec((rows, classes, UPSAMPLING * height, UPSAMPLING * width)),)


def mask_head_cost(spec: ModuleSpec) -> Cost:
    """Count the convolutions, the transposed convolution and the predictor.

    Each input pixel of the transposed convolution meets each of its weights once.
    """
    (logits,) = mask_head_outputs(spec)
    (taken,) = spec.inputs
    out, channels, pixels = spec.get_int("channels"), taken.shape[1], pixels_of(taken)
    upsampled = pixels * UPSAMPLING**2
    normed = spec.get_str("norm") != "none"
    costs = []
    for _ in range(spec.get_int("num_convs")):
        costs.append(conv_norm(channels, out, 3, pixels, normed=normed))
        channels = out
    costs += [conv(channels, out, UPSAMPLING, pixels, bias=1), activation(out, upsampled)]
    costs.append(conv(out, logits.shape[1], 1, upsampled, bias=1))
    return total(*costs)


def mask_detections_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return the predicted class's probabilities ``(n, d, h, w)``.

    Takes logits ``(n * d, classes, h, w)`` of one or several heads and labels ``(n, d)``.
    """
    *logits, labels = spec.inputs
    rows, classes = labels.numel, spec.get_int("num_classes")
    shapes = {tensor.shape for tensor in logits}
    fits = len(shapes) == 1 and all(len(s) == 4 and s[:2] == (rows, classes) for s in shapes)
    if not fits or len(labels.shape) != 2 or labels.dtype != "int64":
        raise ModuleSpecError(
            f"mask_detections of {classes} classes takes (n * d, {classes}, h, w) logits of each "
            f"head and (n, d) int64 labels, got {', '.join(map(str, spec.inputs))}"
        )
    return (TensorSpec((*labels.shape, *logits[0].shape[2:])),)


KINDS = {
    "mask_head": ModuleKind(mask_head_outputs, mask_head_cost),
    "mask_detections": ModuleKind(mask_detections_outputs, no_cost),
}
