"""Listing a space, where it is small and tells its members; changing one gene."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace


def all_architectures(space: SearchSpace, limit: int) -> Iterator[Architecture] | None:
    """Iterate over a whole space, if it has at most ``limit`` codes and can be listed.

    Uses the optional members ``enumerate()`` or ``gene_choices`` of the space.

    Returns:
        The valid architectures in a fixed order, or ``None``.
    """
    if space.size > limit:
        return None
    listed: Callable[[], Iterator[Architecture]] | None = getattr(space, "enumerate", None)
    if listed is not None:
        return iter(listed())
    choices = gene_choices(space)
    if choices is None or math.prod(map(len, choices)) > limit:
        return None
    return _product(space, choices)


def gene_choices(space: SearchSpace) -> tuple[tuple[Any, ...], ...] | None:
    """Return the allowed values of every gene, or ``None`` if the space does not tell."""
    choices = getattr(space, "gene_choices", None)
    return None if choices is None else tuple(tuple(choice) for choice in choices)


def with_gene(arch: Architecture, place: int, gene: int | str) -> Architecture:
    """Return an architecture with another gene at a place; whether it is valid, the space says.

    Example:
        >>> from searchspaces import Architecture
        >>> with_gene(Architecture("toy", (1, 2, 3)), 1, 7).genes
        (1, 7, 3)
    """
    return replace(arch, genes=(*arch.genes[:place], gene, *arch.genes[place + 1 :]))


def _product(space: SearchSpace, choices: tuple[tuple[Any, ...], ...]) -> Iterator[Architecture]:
    template = space.sample(np.random.default_rng(0))
    for genes in itertools.product(*choices):
        architecture = replace(template, genes=genes)
        if space.is_valid(architecture):
            yield architecture
