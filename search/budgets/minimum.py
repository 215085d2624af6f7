"""A minimum of a known value, and the sums over modules that it is told by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from searchspaces import Architecture

LISTED = 20_000  # architectures computed as a whole; the structures of SM-NAS are 10,836
CHECKS = 16  # random architectures on which a sum is compared with the value
AGREEMENT = 1e-9  # relative: sums differ by rounding alone

Values = Callable[[Sequence["Architecture"]], npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Minimum:
    """Hold the smallest value found over a space.

    Attributes:
        architecture: Where it is reached.
        value: The value.
        exact: Whether no architecture of the space has a smaller one.
    """

    architecture: Architecture
    value: float
    exact: bool


def least(architectures: Sequence[Architecture], values: Values) -> Minimum:
    """Return the least of some architectures, as the exact minimum of their space."""
    found = values(architectures)
    place = int(np.argmin(found))
    return Minimum(architectures[place], float(found[place]), exact=True)


def agree(sums: npt.ArrayLike, values: npt.ArrayLike) -> bool:
    """Return whether sums of shares are the values, up to rounding."""
    size = float(np.max(np.abs(values), initial=0.0))
    return bool(np.allclose(sums, values, rtol=AGREEMENT, atol=AGREEMENT * size))
