"""What a module kind must know: the tensors it gives and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec

# The convention of the papers' counting tools: an affine normalisation costs two operations
# an element, an activation one (mmcv's get_model_complexity_info, which SM-NAS' group uses).
NORM_OPS = 2
ACTIVATION_OPS = 1
NORMS = ("bn", "gn", "gn_ws")
"""Batch normalisation, group normalisation, the latter with standardised convolution weights."""

NORMS_OR_NONE = ("none", *NORMS)
ACTIVATIONS = ("relu", "relu6")


@dataclass(frozen=True, slots=True)
class Cost:
    """Count what a module does and holds.

    Attributes:
        macs: Multiply-adds of convolutions and linear layers, one multiply-add = 1.
        elementwise: Operations of normalisation and activation layers, counted apart because
            some papers add them to the multiply-adds and some do not.
        params: Learnable numbers (normalisation scales and shifts included, statistics not).
    """

    macs: int = 0
    elementwise: int = 0
    params: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.macs + other.macs,
            self.elementwise + other.elementwise,
            self.params + other.params,
        )

    def times(self, count: int) -> Cost:
        """Return the cost of running it ``count`` times with one set of parameters."""
        return Cost(self.macs * count, self.elementwise * count, self.params)


@dataclass(frozen=True, slots=True)
class ModuleKind:
    """Tie a kind to its formulas; both raise ``ModuleSpecError`` where there is no such module.

    Attributes:
        outputs: Gives the tensors of a specification, in order.
        cost: Counts a specification over its whole batch.
    """

    outputs: Callable[[ModuleSpec], tuple[TensorSpec, ...]]
    cost: Callable[[ModuleSpec], Cost]


def out_size(size: int, kernel: int, stride: int, padding: int | None = None) -> int:
    """Return a convolution's output side; the padding defaults to ``kernel // 2``."""
    pad = kernel // 2 if padding is None else padding
    return (size + 2 * pad - kernel) // stride + 1


def convolved(tensor: TensorSpec, channels: int, kernel: int, stride: int) -> TensorSpec:
    """Return the ``(n, channels, h, w)`` map that a convolution, or pooling, makes of a map.

    A dilated convolution is padded by its dilation more, so that it gives the same size.
    """
    batch, _, height, width = tensor.shape
    sides = (out_size(height, kernel, stride), out_size(width, kernel, stride))
    return TensorSpec((batch, channels, *sides))


def pixels_of(tensor: TensorSpec) -> int:
    """Return batch times height times width of an ``(n, c, h, w)`` map."""
    batch, _, height, width = tensor.shape
    return batch * height * width


def conv(
    in_channels: int,
    out_channels: int,
    kernel: int,
    pixels: int,
    *,
    groups: int = 1,
    bias: int = 0,
) -> Cost:
    """Count a square convolution; ``pixels`` is batch times output height times width."""
    weights = in_channels // groups * out_channels * kernel * kernel
    return Cost(weights * pixels, 0, weights + bias * out_channels)


def conv_norm(
    in_channels: int,
    out_channels: int,
    kernel: int,
    pixels: int,
    *,
    groups: int = 1,
    normed: bool = True,
    active: bool = True,
) -> Cost:
    """Count a convolution with normalisation, or else bias, and, where ``active``, activation."""
    bias = 0 if normed else 1
    return total(
        conv(in_channels, out_channels, kernel, pixels, groups=groups, bias=bias),
        norm(out_channels, pixels) if normed else Cost(),
        activation(out_channels, pixels) if active else Cost(),
    )


def linear(in_features: int, out_features: int, rows: int) -> Cost:
    """Count a linear layer with bias over ``rows`` vectors."""
    weights = in_features * out_features
    return Cost(weights * rows, 0, weights + out_features)


def norm(channels: int, pixels: int) -> Cost:
    """Count an affine normalisation."""
    return Cost(0, NORM_OPS * channels * pixels, 2 * channels)


def activation(channels: int, pixels: int) -> Cost:
    """Count an activation."""
    return Cost(0, ACTIVATION_OPS * channels * pixels, 0)


def check_maps(spec: ModuleSpec, channels: Sequence[int]) -> None:
    """Check that a module takes ``(n, c, h, w)`` maps of these channels and one batch size.

    Raises:
        ModuleSpecError: It takes anything else.
    """
    shapes = [tensor.shape for tensor in spec.inputs]
    fits = all(len(shape) == 4 for shape in shapes) and [s[1] for s in shapes] == list(channels)
    if not fits or len({shape[0] for shape in shapes}) > 1:
        raise ModuleSpecError(
            f"{spec.kind} takes {len(channels)} (n, c, h, w) maps of "
            f"{', '.join(map(str, channels))} channels, got {', '.join(map(str, spec.inputs))}"
        )


def check_choice(spec: ModuleSpec, name: str, allowed: Sequence[str]) -> None:
    """Check that a text parameter is one of the allowed.

    Raises:
        ModuleSpecError: It is not.
    """
    if spec.get_str(name) not in allowed:
        raise ModuleSpecError(
            f"{spec.kind}.{name} must be one of {', '.join(allowed)}, got {spec.get_str(name)!r}"
        )


def total(*costs: Cost) -> Cost:
    """Add costs."""
    return sum(costs, Cost())
