"""What modules consist of for a roofline: matrix products, passes over memory, sampling, loops.

Sizes are elements, not bytes: how wide an element is follows from the precision.
"""

from __future__ import annotations

from dataclasses import dataclass

from searchspaces import TensorSpec


@dataclass(frozen=True, slots=True)
class Matmul:
    """A convolution or linear layer as a matrix product ``(rows, depth) x (depth, columns)``.

    Attributes:
        rows: Output pixels or boxes of the whole batch.
        columns: Output channels of one group.
        depth: Input channels of one group times filter taps.
        groups: Products of this size side by side.
        read: Elements of the input, and of a second input that is added.
        written: Elements of the output.
        winograd: Whether Winograd's algorithm applies: a dense 3x3 filter of stride 1.
        images: Maps of which the rows are pixels, one after another; crops of boxes are many.
    """

    rows: int
    columns: int
    depth: int
    groups: int
    read: int
    written: int
    winograd: bool = False
    images: int = 1

    @property
    def macs(self) -> int:
        """Return the multiply-adds."""
        return self.rows * self.columns * self.depth * self.groups

    @property
    def weights(self) -> int:
        """Return the number of weights."""
        return self.columns * self.depth * self.groups

    @property
    def is_depthwise(self) -> bool:
        """Return whether every channel is filtered by itself."""
        return self.groups > 1 and self.columns == 1


@dataclass(frozen=True, slots=True)
class Pass:
    """Operations element by element, each of which reads and writes that much.

    Attributes:
        read: Elements read by each step.
        written: Elements written by each step.
        steps: Operations one after another; an engine that fuses runs them as one.
        absorbed: Whether an engine that fuses makes them part of the layer before.
    """

    read: int
    written: int
    steps: int = 1
    absorbed: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """Reading maps at computed places, interpolated: RoIAlign, grid sampling.

    Attributes:
        taps: Elements read, repetitions included.
        source: Elements of the maps.
        written: Elements of the output.
    """

    taps: int
    source: int
    written: int


@dataclass(frozen=True, slots=True)
class Serial:
    """A loop that one processor runs alone: the end of a selection, of a suppression.

    Attributes:
        cycles: Of that processor.
        kernels: Launches.
    """

    cycles: float
    kernels: int = 1


Layer = Matmul | Pass | Sample | Serial

DECODING_STEPS = 12  # operations that decode and clip a box, as `detection` writes them
TOPK_CYCLES = 2.5
"""Per element: a radix selection reads each a few times on one processor (estimated)."""

NMS_CYCLES = 150.0
"""Per box: each waits for whether the one before was kept (estimated)."""

TOPK_KERNELS, NMS_KERNELS = 3, 6  # sorting, gathering, overlaps, reduction (estimated)


def convolution(
    taken: TensorSpec,
    out_channels: int,
    kernel: int,
    given_hw: tuple[int, int],
    *,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
    added: int = 0,
) -> Matmul:
    """Return a convolution of a map ``(n, c, h, w)``; ``added`` elements are summed into it."""
    batch, channels = taken.shape[:2]
    rows = batch * given_hw[0] * given_hw[1]
    winograd = (kernel, stride, groups, dilation) == (3, 1, 1, 1)
    depth = channels // groups * kernel * kernel
    return Matmul(
        rows,
        out_channels // groups,
        depth,
        groups,
        taken.numel + added,
        rows * out_channels,
        winograd,
        batch,
    )


def linear(rows: int, taken: int, given: int) -> list[Layer]:
    """Return a linear layer with its bias."""
    return [Matmul(rows, given, taken, 1, rows * taken, rows * given)]


def pointwise(elements: int, steps: int = 1, *, absorbed: bool = False) -> Pass:
    """Return operations that map as many elements to as many."""
    return Pass(elements, elements, steps, absorbed)


def normalisation(norm: str, layer: Matmul) -> list[Layer]:
    """Return what follows a convolution: the normalisation, or else its bias."""
    size = layer.written
    if norm in ("bn", "none"):
        return [pointwise(size, absorbed=True)]
    standardised = [pointwise(layer.weights, 4, absorbed=True)] if norm == "gn_ws" else []
    return [*standardised, Pass(size, 1), pointwise(size)]


def conv_norm(
    taken: TensorSpec,
    out_channels: int,
    kernel: int,
    given_hw: tuple[int, int],
    norm: str,
    *,
    active: bool = True,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
) -> list[Layer]:
    """Return convolution, normalisation (or bias) and, where ``active``, activation."""
    layer = convolution(
        taken, out_channels, kernel, given_hw, stride=stride, groups=groups, dilation=dilation
    )
    activation = [pointwise(layer.written, absorbed=True)] if active else []
    return [layer, *normalisation(norm, layer), *activation]


def residual(elements: int) -> list[Layer]:
    """Return the sum of two maps."""
    return [Pass(2 * elements, elements, absorbed=True)]


def copied(elements: int, kernels: int = 1) -> list[Layer]:
    """Return a rearrangement of memory that no engine saves, in so many parts."""
    share = elements // kernels
    return [pointwise(share) for _ in range(kernels)]


def best_of(rows: int, taken: int, given: int) -> list[Layer]:
    """Return the choice of the best ``given`` of ``taken`` elements for every image."""
    return [
        Pass(rows * taken, rows * given),
        Serial(TOPK_CYCLES * taken, TOPK_KERNELS),
    ]


def decoded(boxes: int) -> list[Layer]:
    """Return gathering, decoding, clipping and checking of boxes."""
    return [pointwise(4 * boxes, 3), pointwise(4 * boxes, DECODING_STEPS)]


def suppressed(images: int, boxes: int) -> list[Layer]:
    """Return non-maximum suppression: all overlaps, then a loop over the boxes of every image."""
    overlaps = Pass(4 * boxes, boxes * -(-boxes // 32))  # a bit for each pair
    one = [overlaps, *best_of(1, boxes, boxes), Serial(NMS_CYCLES * boxes, NMS_KERNELS)]
    return one * images
