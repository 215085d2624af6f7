"""The modules of some equations, numbered, and the distinct layers that they consist of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from searchspaces import KINDS, ModuleSpec

from ..simulated.layers import Layer
from ..simulated.splits import split
from .equation import Equation
from .layer_work import FAMILIES, PLACE, WORK, Basis, family_of, place_of

Floats = npt.NDArray[np.float64]


class Modules:
    """Number distinct modules and their distinct layers.

    Args:
        specs: Modules; repetitions are fine.
        basis: What the layers' work is counted in.

    Attributes:
        specs: Distinct modules in the order of first mention.
        layers: Distinct layers.
        repeats: How often each module holds each layer ``(modules, layers)``.

    Raises:
        PredictorError: A kind of module has no known layers.
    """

    def __init__(self, specs: Iterable[ModuleSpec], basis: Basis) -> None:
        self._basis = basis
        self.specs = tuple(dict.fromkeys(specs))
        self.layers: tuple[Layer, ...] = tuple(
            dict.fromkeys(layer for spec in self.specs for layer in split(spec))
        )
        number = {layer: index for index, layer in enumerate(self.layers)}
        self.repeats = np.zeros((len(self.specs), len(self.layers)))
        for row, spec in zip(self.repeats, self.specs, strict=True):
            for layer in split(spec):
                row[number[layer]] += 1

    @cached_property
    def families(self) -> npt.NDArray[np.int64]:
        """Return the family of every layer ``(layers,)``."""
        return np.array([family_of(layer) for layer in self.layers], np.int64)

    @cached_property
    def places(self) -> Floats:
        """Return the place of every layer ``(layers, PLACE)``."""
        return np.array([place_of(layer) for layer in self.layers]).reshape(-1, PLACE)

    @cached_property
    def layer_work(self) -> Floats:
        """Return the work of every layer ``(layers, WORK)``."""
        return self._basis.work(self.layers)

    @cached_property
    def factors(self) -> Floats:
        """Return how many times more each module takes than its layers alone ``(modules,)``."""
        return self._basis.factors(self.specs)

    @cached_property
    def work(self) -> Floats:
        """Return the work of every module, family by family ``(modules, families * WORK)``."""
        spread = np.zeros((len(self.layers), len(FAMILIES), WORK))
        spread[np.arange(len(self.layers)), self.families] = self.layer_work
        sums = self.repeats @ spread.reshape(len(self.layers), -1)
        return np.asarray(self.factors[:, None] * sums)

    @cached_property
    def kinds(self) -> Floats:
        """Return 1 where a module is of a kind, else 0 ``(modules, kinds of KINDS)``."""
        names = list(KINDS)
        table = np.zeros((len(self.specs), len(names)))
        table[np.arange(len(self.specs)), [names.index(spec.kind) for spec in self.specs]] = 1
        return table

    def counts(self, counts: Sequence[Mapping[ModuleSpec, int]]) -> Floats:
        """Return how often every module occurs in each of n mappings ``(n, modules)``."""
        number = {spec: index for index, spec in enumerate(self.specs)}
        table = np.zeros((len(counts), len(self.specs)))
        for row, each in zip(table, counts, strict=True):
            for spec, count in each.items():
                row[number[spec]] = count
        return table


def modules_of(equations: Iterable[Equation], basis: Basis) -> Modules:
    """Return the modules of equations."""
    return Modules((spec for equation in equations for spec in equation.counts), basis)
