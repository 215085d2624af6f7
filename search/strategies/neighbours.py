"""One step away from an architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..spaces.listing import gene_choices, with_gene

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

ATTEMPTS = 10  # at a valid change of one gene, before a mutation is taken


def neighbour(space: SearchSpace, arch: Architecture, rng: np.random.Generator) -> Architecture:
    """Draw an architecture that differs in one gene, or else a mutation.

    Args:
        space: Any search space; ``gene_choices`` says what a gene may be.
        arch: In the space.
        rng: Source of randomness.
    """
    choices = gene_choices(space)
    if choices is not None and any(len(allowed) > 1 for allowed in choices):
        for _ in range(ATTEMPTS):
            place = int(rng.integers(len(choices)))
            others = [gene for gene in choices[place] if gene != arch.genes[place]]
            if not others:
                continue
            gene = others[int(rng.integers(len(others)))]
            changed = with_gene(arch, place, gene)
            if space.is_valid(changed):
                return changed
    return space.mutate(arch, rng)
