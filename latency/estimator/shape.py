"""Where a module stands among others of its family: coordinates made of sizes and parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

Floats = npt.NDArray[np.float64]
ZERO = -1.0
"""Logarithm that stands for a parameter of 0: a flag is then one octave away from its opposite."""

CHANNELS = "channels"


def family_of(spec: ModuleSpec) -> str:
    """Return what a module is compared within: kind, way of grouping, precision, and batch or not.

    Depthwise convolutions are other kernels than dense ones, so they are a family of their own.
    So are images one by one, which leave a device half empty; larger batches resemble one another.

    Example:
        >>> from searchspaces import TensorSpec
        >>> family_of(ModuleSpec.of("conv", [TensorSpec((1, 8, 4, 4))], in_channels=8, groups=8))
        'conv depthwise fp32 b1'
    """
    params = dict(spec.params)
    groups = params.get("groups", 1)
    way = ""
    if isinstance(groups, int) and groups > 1:
        way = " depthwise" if groups == params.get("in_channels") else " grouped"
    return f"{spec.kind}{way} {spec.dtype} {'b1' if spec.batch == 1 else 'batched'}"


def shape_of(spec: ModuleSpec) -> dict[str, float]:
    """Return named coordinates, sizes as base 2 logarithms; a text is an indicator of its own."""
    first = spec.inputs[0].shape
    found = {"batch": math.log2(spec.batch), "rows": math.log2(first[0] / spec.batch)}
    if len(first) == 4:
        height, width = first[2:]
        found["side"] = round(0.5 * math.log2(height * width), 9)
        found["aspect"] = round(math.log2(width / height), 9)
    found |= {f"side{i}": math.log2(n) for i, n in enumerate(first[1:]) if len(first) != 4}
    if len(first) == 4:
        found["input_channels"] = math.log2(first[1])
    for name, value in spec.params:
        if isinstance(value, str):
            found[f"{name}={value}"] = 1.0
        else:
            found[name] = math.log2(value) if value > 0 else ZERO
    return found


@dataclass(frozen=True, slots=True)
class Axes:
    """Say which coordinates tell the modules of one family apart.

    Attributes:
        names: Every coordinate that a module of the family has.
        low: Smallest value of each.
        high: Largest value of each.
        kept: Which of them differ within the family and from one another.
    """

    names: tuple[str, ...]
    low: Floats
    high: Floats
    kept: tuple[int, ...]

    @classmethod
    def of(cls, specs: Sequence[ModuleSpec]) -> Axes:
        """Find the axes of a family."""
        shapes = [shape_of(spec) for spec in specs]
        names = tuple(sorted({name for shape in shapes for name in shape}))
        table = np.array([[shape.get(name, 0.0) for name in names] for shape in shapes])
        return cls(names, table.min(0), table.max(0), _independent(table))

    @property
    def kept_names(self) -> tuple[str, ...]:
        """Return the names of the kept coordinates."""
        return tuple(self.names[index] for index in self.kept)

    def locate(self, specs: Sequence[ModuleSpec]) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return kept coordinates ``(n, kept)`` and whether modules lie in the range ``(n,)``."""
        known = set(self.names)
        shapes = [shape_of(spec) for spec in specs]
        table = np.array([[shape.get(name, 0.0) for name in self.names] for shape in shapes])
        table = table.reshape(len(specs), len(self.names))
        inside = ((table >= self.low - 1e-6) & (table <= self.high + 1e-6)).all(1)
        inside &= np.array([shape.keys() <= known for shape in shapes], bool)
        return table[:, list(self.kept)], inside

    def charts(self) -> tuple[tuple[int, ...], ...]:
        """Return along what neighbours are looked for: each coordinate, and channels together."""
        names = self.kept_names
        wide = [i for i, name in enumerate(names) if name.endswith(CHANNELS)]
        pairs = [(a, b) for i, a in enumerate(wide) for b in wide[i + 1 :]]
        return (*((i,) for i in range(len(names))), *pairs)


def _independent(table: Floats) -> tuple[int, ...]:
    """Return columns that vary, one of those that always move together."""
    kept: list[int] = []
    seen: set[bytes] = set()
    for index, column in enumerate(table.T):
        moves = np.round(column - column[0], 6)
        moves[moves == 0] = 0.0  # no minus zero
        if np.ptp(moves) and moves.tobytes() not in seen:
            seen.add(moves.tobytes())
            kept.append(index)
    return tuple(kept)
