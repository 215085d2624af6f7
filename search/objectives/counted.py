"""Known objectives that are counted: multiply-adds and parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from searchspaces import PARTS, CostCounter, Counts

from ..errors import ObjectiveError
from .objective import Objective

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

COUNTED: dict[str, Callable[[Counts], npt.NDArray[np.int64]]] = {
    "macs": lambda counts: counts.total(),
    "params": lambda counts: counts.params,
    "backbone_macs": lambda counts: counts.macs[:, PARTS.index("backbone")],
}
"""Name -> what is counted of whole detectors, or of their backbones; one multiply-add is one."""


def counted_objective(name: str, space: SearchSpace) -> Objective:
    """Return multiply-adds or parameters as a known objective.

    Args:
        name: A key of :data:`COUNTED`.
        space: Names the detectors.

    Raises:
        ObjectiveError: The name is unknown.

    Example:
        >>> from searchspaces import make_space
        >>> space = make_space("detnas-nano")
        >>> arch = space.decode("00-00-0000-00")
        >>> counted_objective("macs", space).value(arch) == space.detector(arch).macs()["total"]
        True
    """
    if name not in COUNTED:
        raise ObjectiveError(f"{name!r} is not counted; known: {', '.join(COUNTED)}")
    counter, count = CostCounter(space), COUNTED[name]

    def many(architectures: Sequence[Architecture]) -> npt.NDArray[np.float64]:
        return count(counter.count(architectures)).astype(np.float64)

    def one(architecture: Architecture) -> float:
        return float(many([architecture])[0])

    return Objective(name, "min", name, known=one, known_many=many)
