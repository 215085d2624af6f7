"""The contract of a search space."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from .architecture import Architecture
from .detector import DetectorSpec


@runtime_checkable
class SearchSpace(Protocol):
    """What every search space offers; any object with these members works with every strategy.

    A space may offer more members:

    * ``gene_choices``: the allowed values of every gene, which lets searches minimise exactly
      over the positions.
    * ``choices``: what an architecture is made of, in words, and what each may be: for people.
    * ``enumerate()``: all architectures, where they are few.
    * ``covering()``: architectures that together hold every module of the space, at every node of
      the detectors' graphs where it can stand. Without it supernets and profilers sample.
    * ``node_tokens(arch)``: something hashable per node of the detector's graph, in order, made
      without wiring it. Equal tokens of one space mean equal modules in the same part; lets many
      architectures be counted at once.
    * ``precedes(a, b)``: whether ``a`` is nowhere deeper or wider than ``b``, so that it costs no
      more and is assumed no more accurate; or ``gene_order``: the values of every gene from the
      least to the most, none for a gene that has no such order. Lets searches prune.

    ``detector`` is needed only by what needs a detector (prediction, training, export).
    """

    @property
    def name(self) -> str:
        """Return the name that architectures of this space carry."""
        ...

    @property
    def size(self) -> int:
        """Return the exact number of architectures."""
        ...

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture uniformly."""
        ...

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Return a valid neighbour of an architecture."""
        ...

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        """Return a valid child of two architectures."""
        ...

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the representative of all codes that mean the same network (idempotent)."""
        ...

    def is_valid(self, arch: Architecture) -> bool:
        """Return whether the space holds the architecture."""
        ...

    def features(self, arch: Architecture) -> npt.NDArray[np.float64]:
        """Return ``(n_features,)`` numbers that describe the architecture to a surrogate."""
        ...

    def detector(self, arch: Architecture) -> DetectorSpec:
        """Return the detector that the architecture names."""
        ...

    def encode(self, arch: Architecture) -> str:
        """Write the architecture's code."""
        ...

    def decode(self, text: str) -> Architecture:
        """Read back what ``encode`` wrote; raise ``ArchitectureError`` on anything else."""
        ...
