"""What can be proposed yet where a strategy's own sources give nothing new.

Small spaces are listed. Of larger ones samples are moved into the feasible region: tight budgets
leave almost nothing to chance.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from ..budgets.descent import descend
from ..errors import SpaceExhaustedError
from ..spaces.listing import all_architectures
from .draw import REPAIRED, Draw

if TYPE_CHECKING:
    import numpy as np

    from searchspaces import Architecture, SearchSpace

    from ..objectives.constraints import ConstraintSet

ENUMERATION_LIMIT = 10_000  # codes; smaller spaces are listed


def left_over(
    space: SearchSpace, constraints: ConstraintSet, seen: AbstractSet[Architecture]
) -> list[Architecture] | None:
    """Return everything new that keeps the constraints, or ``None`` if it cannot be listed."""
    listed = all_architectures(space, ENUMERATION_LIMIT)
    if listed is None:
        return None
    canonical = dict.fromkeys(map(space.canonical, listed))
    return [arch for arch in canonical if arch not in seen and constraints.satisfied(arch)]


def repaired_sample(
    space: SearchSpace, constraints: ConstraintSet, rng: np.random.Generator
) -> Draw:
    """Draw a sample and move it into the feasible region, or as near as it gets."""
    start, excess = space.sample(rng), constraints.excess
    return Draw(descend(space, start, excess, rng, stop_at=0.0)[0], REPAIRED)


def exhausted(
    space: SearchSpace,
    constraints: ConstraintSet,
    *,
    proposed: int,
    attempts: int,
    proven: bool,
) -> SpaceExhaustedError:
    """Return what says that nothing more can be proposed.

    Args:
        space: Of the search.
        constraints: Of the search.
        proposed: Architectures that were asked or told.
        attempts: Candidates after which the strategy gave up.
        proven: Whether counting or listing the space shows it, not only failing to find more.
    """
    bounds = constraints.show_all()
    which = f" that keeps {bounds}" if bounds else ""
    what = (
        f"no architecture of {space.name}{which} is left after {proposed}"
        if proven
        else f"no further architecture of {space.name}{which} was found in {attempts} attempts, "
        f"after {proposed}"
    )
    return SpaceExhaustedError(what, proposed=proposed, proven=proven)
