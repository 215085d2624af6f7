"""The exact minimum of a known value over a space, where the space's structure allows.

A latency, or a count of multiply-adds, is a sum over the modules of a detector, so that what the
genes choose one after the other can be minimised one after the other. Where that is taken for
granted it is checked first, on random architectures: a value that is no such sum is not minimised
here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..spaces.listing import all_architectures, gene_choices, with_gene
from .minimum import CHECKS, LISTED, Minimum, Values, agree, least
from .minimum_by_blocks import least_blocks, least_dilations

if TYPE_CHECKING:
    from searchspaces import SearchSpace


def exact_minimum(
    space: SearchSpace, values: Values, rng: np.random.Generator, most: int = LISTED
) -> Minimum | None:
    """Minimise a value exactly, if the space's structure allows that.

    A space of few architectures is computed as a whole. Where every gene adds its own share, each
    is minimised by itself. The spaces of CR-NAS and of SM-NAS' second stage have rules of their
    own, see :mod:`search.budgets.minimum_by_blocks`.

    Args:
        space: Any search space.
        values: Computes ``(n,)`` values of architectures.
        rng: Source of the random architectures that a sum is checked on.
        most: Architectures that may be computed.

    Returns:
        The minimum, or ``None`` where it cannot be known.
    """
    listed = all_architectures(space, most)
    if listed is not None:
        architectures = list(listed)
        return least(architectures, values) if architectures else None
    choices = gene_choices(space)
    if choices is not None:
        return _gene_by_gene(space, choices, values, rng, most)
    found = least_dilations(space, values, rng, most)
    return least_blocks(space, values, rng, most) if found is None else found


def _gene_by_gene(
    space: SearchSpace,
    choices: tuple[tuple[Any, ...], ...],
    values: Values,
    rng: np.random.Generator,
    most: int,
) -> Minimum | None:
    """Minimise every gene by itself, if the value is a sum over the genes."""
    base, *checked = (space.sample(rng) for _ in range(1 + CHECKS))
    pairs = [(place, gene) for place, allowed in enumerate(choices) for gene in allowed]
    singles = [with_gene(base, place, gene) for place, gene in pairs]
    if len(singles) + CHECKS > most or not all(map(space.is_valid, singles)):
        return None
    found = values([base, *singles, *checked])
    start, moved, others = found[0], found[1 : 1 + len(singles)], found[1 + len(singles) :]
    shares = dict(zip(pairs, (moved - start).tolist(), strict=True))
    sums = [start + sum(shares[pair] for pair in enumerate(arch.genes)) for arch in checked]
    if not agree(sums, others):
        return None
    genes = []
    for place, allowed in enumerate(choices):
        costs = [shares[place, gene] for gene in allowed]
        genes.append(allowed[int(np.argmin(costs))])
    return least([replace(base, genes=tuple(genes))], values)
