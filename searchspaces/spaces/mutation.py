"""How digits mutate, the genes of DetNAS and of CR-NAS' operation level."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MUTATION_RATE = 0.1  # DetNAS, released search code; CR-NAS does not mutate


def redraw(genes: npt.ArrayLike, choices: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Change every gene out of ``0..choices - 1`` with probability 0.1, and at least one."""
    old = np.asarray(genes, dtype=np.int64)
    changed = rng.random(old.size) < MUTATION_RATE
    changed[rng.integers(old.size)] = True
    shift = rng.integers(1, choices, size=old.size)
    return np.where(changed, (old + shift) % choices, old)
