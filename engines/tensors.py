"""Describe the inputs of a model and check arrays against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import EngineInputError

DYNAMIC_BATCH = "batch"
"""Name of the first side of an ONNX graph's inputs and outputs where it is left open."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Describe one input.

    Attributes:
        name: Its name in the model.
        shape: Its shape; None where any length fits.
        dtype: NumPy name of its element type.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[TensorInfo, ...]:
        """Describe arrays as they are."""
        return tuple(cls(name, array.shape, array.dtype.name) for name, array in arrays.items())

    def __str__(self) -> str:
        sides = "x".join("?" if side is None else str(side) for side in self.shape)
        return f"{self.dtype} {sides or 'scalar'}"

    def fits(self, array: npt.NDArray[Any]) -> bool:
        """Tell whether type and shape agree."""
        return (
            array.dtype.name == self.dtype
            and len(array.shape) == len(self.shape)
            and all(w in (None, got) for w, got in zip(self.shape, array.shape, strict=True))
        )


def check_arrays(
    infos: Sequence[TensorInfo], arrays: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays contiguous and in the order of ``infos``.

    Raises:
        EngineInputError: An array is missing, unknown, no array, or of another shape or type; the
            message names it and says what was expected.
    """
    expected = ", ".join(f"{info.name!r} ({info})" for info in infos)
    unknown = [name for name in arrays if name not in {info.name for info in infos}]
    if unknown:
        raise EngineInputError(f"the model has no input {unknown[0]!r}; it takes {expected}")
    checked: dict[str, npt.NDArray[Any]] = {}
    for info in infos:
        if info.name not in arrays:
            raise EngineInputError(f"input {info.name!r} is missing; the model takes {expected}")
        checked[info.name] = _check(info, arrays[info.name])
    return checked


def _check(info: TensorInfo, array: object) -> npt.NDArray[Any]:
    if not isinstance(array, np.ndarray):
        raise EngineInputError(
            f"input {info.name!r} must be a NumPy array ({info}), got {type(array).__name__}"
        )
    if not info.fits(array):
        got = TensorInfo(info.name, array.shape, array.dtype.name)
        raise EngineInputError(f"input {info.name!r} must be {info}, got {got}")
    # ascontiguousarray makes a scalar one-dimensional.
    return np.ascontiguousarray(array).reshape(array.shape)
