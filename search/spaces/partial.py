"""Partial codes: architectures of which some genes are not decided yet.

CR-NAS (Liang et al., ICLR 2020) decides the dilation of one block after the other and scores codes
whose later blocks are undecided. Such a code is an architecture that has :data:`UNDECIDED` in
place of a gene; it goes the way of every other architecture through strategies, evaluators and
journals, and is never part of a front.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from searchspaces import Architecture, ArchitectureError, CrNasSpace

from ..objectives.objective import Objective
from .listing import gene_choices

if TYPE_CHECKING:
    from searchspaces import SearchSpace

UNDECIDED = "?"

Gene = int | str
Choices = tuple[tuple[Gene, ...], ...]
Chooser = Callable[[tuple[Gene, ...]], int]


def is_partial(architecture: Architecture) -> bool:
    """Return whether a gene is undecided."""
    return UNDECIDED in architecture.genes


def choices_of(space: SearchSpace, architecture: Architecture) -> Choices:
    """Return what every gene of a code may be.

    In a CR-NAS space of both levels the stage code, which is decided, says how many blocks there
    are.

    Raises:
        ArchitectureError: The space does not tell the choices of its genes, the code's stages are
            not eligible, or it has another number of genes.
    """
    if isinstance(space, CrNasSpace):
        choices = _dilations_of(space, architecture)
    else:
        choices = gene_choices(space) or ()
    if not choices:
        raise ArchitectureError(
            f"{space.name} does not tell the choices of its genes, so that they cannot be decided "
            "one after the other; use a space with gene_choices, such as crnas-resnet50-operations"
        )
    if len(choices) != len(architecture.genes):
        raise ArchitectureError(
            f"{architecture} is not in {space.name}: it needs {len(choices)} genes"
        )
    return choices


def filled(space: SearchSpace, architecture: Architecture, choose: Chooser) -> Architecture:
    """Replace every undecided gene by one of its choices.

    Args:
        space: Of the architecture.
        architecture: A partial code; a whole one is returned as it is.
        choose: Gives the place of the chosen one among its choices.

    Raises:
        ArchitectureError: See :func:`choices_of`.
    """
    if not is_partial(architecture):
        return architecture
    pairs = zip(architecture.genes, choices_of(space, architecture), strict=True)
    genes = (allowed[choose(allowed)] if gene == UNDECIDED else gene for gene, allowed in pairs)
    return replace(architecture, genes=tuple(genes))


def complete(
    space: SearchSpace, architecture: Architecture, rng: np.random.Generator
) -> Architecture:
    """Draw every undecided gene uniformly.

    Raises:
        ArchitectureError: See :func:`choices_of`.
    """
    return filled(space, architecture, lambda allowed: int(rng.integers(len(allowed))))


def fastest_completion(
    space: SearchSpace, architecture: Architecture, objective: Objective
) -> Architecture:
    """Return a completion with a small value of a known objective.

    Every undecided gene is minimised by itself, the others at their first choice: the least of
    all completions where the value is a sum over the genes, and a completion in any case.

    Raises:
        ArchitectureError: See :func:`choices_of`.
    """
    if not is_partial(architecture):
        return architecture
    base = filled(space, architecture, lambda _: 0)
    moves = [
        (place, gene)
        for place, allowed in enumerate(choices_of(space, architecture))
        if architecture.genes[place] == UNDECIDED
        for gene in allowed
    ]
    values = objective.values([_with_genes(base, dict([move])) for move in moves])
    best: dict[int, tuple[float, Gene]] = {}
    for (place, gene), value in zip(moves, values.tolist(), strict=True):
        if place not in best or value < best[place][0]:
            best[place] = value, gene
    merged = _with_genes(base, {place: gene for place, (_, gene) in best.items()})
    return merged if objective.value(merged) <= objective.value(base) else base


def _dilations_of(space: CrNasSpace, architecture: Architecture) -> Choices:
    rule, searched = space.stage_codes.rule, len(space.stage_codes.all[0])
    code = space.stage_codes.by_genes.get(architecture.genes[:searched])
    if code is None:
        raise ArchitectureError(
            f"{architecture} is not in {space.name}: its genes begin with no eligible stage code"
        )
    digits = tuple(range(len(space.choices["dilation"])))
    return (*((count,) for count in code), *((digits,) * sum(rule.depths(code))))


def _with_genes(architecture: Architecture, genes: dict[int, Gene]) -> Architecture:
    merged = (genes.get(place, gene) for place, gene in enumerate(architecture.genes))
    return replace(architecture, genes=tuple(merged))
