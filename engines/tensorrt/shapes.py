"""The sizes that a model leaves open: what an engine is built for, tuned for and calibrated at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base import Array, Arrays
from ..errors import EngineBuildError, EngineInputError

if TYPE_CHECKING:
    import tensorrt as trt

DYNAMIC = -1


@dataclass(frozen=True, slots=True)
class BatchRange:
    """Say for which batch sizes an engine is built, and for which it is tuned.

    Attributes:
        least: Smallest batch.
        tuned: Batch that kernels are chosen for.
        most: Largest batch.

    Raises:
        EngineBuildError: They are no ints, or not ``1 <= least <= tuned <= most``.
    """

    least: int
    tuned: int
    most: int

    def __post_init__(self) -> None:
        sizes = (self.least, self.tuned, self.most)
        if any(isinstance(size, bool) or not isinstance(size, int) for size in sizes):
            raise EngineBuildError(f"the sizes of a BatchRange must be ints, got {sizes}")
        if not 1 <= self.least <= self.tuned <= self.most:
            raise EngineBuildError(
                f"a BatchRange needs 1 <= least <= tuned <= most, got {self.least}, {self.tuned}, "
                f"{self.most}"
            )


def add_profile(
    builder: trt.Builder,
    network: trt.INetworkDefinition,
    config: trt.IBuilderConfig,
    examples: Arrays,
    batch: BatchRange | None,
) -> trt.IOptimizationProfile | None:
    """Give the sizes that the model leaves open; None if it leaves none.

    Raises:
        EngineBuildError: A range of batches is asked of a model of fixed batch.
    """
    profile: trt.IOptimizationProfile = builder.create_optimization_profile()
    dynamic = False
    for index in range(network.num_inputs):
        tensor: trt.ITensor = network.get_input(index)
        shape = tuple(tensor.shape)
        if DYNAMIC in shape:
            dynamic = True
            least, tuned, most = profile_shapes(shape, examples[tensor.name], batch)
            profile.set_shape(tensor.name, least, tuned, most)
    if not dynamic:
        if batch is not None:
            raise EngineBuildError(
                "a range of batches needs a model whose first dimension is open; this one's "
                "inputs have fixed shapes: export it with a dynamic first dimension"
            )
        return None
    if config.add_optimization_profile(profile) < 0:
        raise EngineBuildError("TensorRT refuses the optimisation profile")
    return profile


def profile_shapes(
    shape: Sequence[int], example: Array, batch: BatchRange | None
) -> list[tuple[int, ...]]:
    """Return least, tuned and largest shape of one input.

    The first dimension, if open, takes the range of batches; others that are open are as in the
    example, and so is the first where no range is given.
    """
    sizes = (None,) * 3 if batch is None else (batch.least, batch.tuned, batch.most)
    sides = [side if side != DYNAMIC else example.shape[i] for i, side in enumerate(shape)]
    first_is_open = bool(shape) and shape[0] == DYNAMIC
    return [
        (size, *sides[1:]) if first_is_open and size is not None else tuple(sides)
        for size in sizes
    ]


def check_batches(
    network: trt.INetworkDefinition,
    examples: Arrays,
    batch: BatchRange | None,
    batches: Sequence[Arrays],
) -> None:
    """Check that calibration batches have the size that the builder calibrates at.

    Raises:
        EngineInputError: One has not; TensorRT would read beyond its end.
    """
    for index in range(network.num_inputs):
        tensor: trt.ITensor = network.get_input(index)
        shapes = profile_shapes(tuple(tensor.shape), examples[tensor.name], batch)
        for number, arrays in enumerate(batches):
            if arrays[tensor.name].shape != shapes[1]:
                raise EngineInputError(
                    f"calibration batch {number} has {arrays[tensor.name].shape} for input "
                    f"{tensor.name!r}; TensorRT calibrates at {shapes[1]}"
                )


def profile_text(
    network: trt.INetworkDefinition, examples: Arrays, batch: BatchRange | None
) -> str:
    """Return the sizes of the inputs that are open, ``image=1x3x8x8:2x3x8x8:4x3x8x8``.

    Returns:
        ``none`` where all sizes are fixed.
    """
    texts = []
    for index in range(network.num_inputs):
        tensor: trt.ITensor = network.get_input(index)
        shape = tuple(tensor.shape)
        if DYNAMIC in shape:
            sizes = profile_shapes(shape, examples[tensor.name], batch)
            told = ":".join("x".join(map(str, size)) for size in sizes)
            texts.append(f"{tensor.name}={told}")
    return " ".join(texts) or "none"
