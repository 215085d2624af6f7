"""Counting many architectures at once: what a search does millions of times.

Architectures are counted by adding up rows of a :class:`TokenTable`. No formula stands twice: the
rows come from :func:`searchspaces.cost_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .architecture import Architecture
from .graph import PARTS, Node
from .kinds import cost_of
from .space import SearchSpace
from .token_table import TokenTable

_COLUMNS = 2 * len(PARTS) + 1


@dataclass(frozen=True, slots=True)
class Counts:
    """Hold the costs of n architectures; columns are :data:`searchspaces.PARTS`.

    Attributes:
        macs: Multiply-adds ``(n, 4)`` int64.
        elementwise: Operations of normalisation and activation ``(n, 4)`` int64.
        params: Learnable numbers ``(n,)`` int64.
    """

    macs: npt.NDArray[np.int64]
    elementwise: npt.NDArray[np.int64]
    params: npt.NDArray[np.int64]

    def total(self, *, elementwise: bool = False) -> npt.NDArray[np.int64]:
        """Return the multiply-adds of whole detectors ``(n,)``, as the papers count on demand."""
        parts = self.macs + self.elementwise if elementwise else self.macs
        total: npt.NDArray[np.int64] = parts.sum(1)
        return total


class CostCounter:
    """Count architectures of one space.

    Args:
        space: Names detectors; fast where it offers ``node_tokens``.
        batch: Images per run; counts are for the whole batch.

    Example:
        >>> from searchspaces import make_space
        >>> space = make_space("detnas-small")
        >>> rng = np.random.default_rng(0)
        >>> archs = [space.sample(rng) for _ in range(100)]
        >>> counts = CostCounter(space).count(archs)
        >>> int(counts.total()[7]) == space.detector(archs[7]).macs()["total"]
        True
    """

    def __init__(self, space: SearchSpace, batch: int = 1) -> None:
        self.space, self.batch = space, batch
        self._table = TokenTable(space, _rows, _COLUMNS, np.int64, batch=batch)

    def count(self, archs: Iterable[Architecture]) -> Counts:
        """Count architectures, in their order.

        Raises:
            ArchitectureError: The space does not hold one of them.
            SearchSpaceError: The space names another number of modules than its detector has.
        """
        table, parts = self._table.sums(archs), len(PARTS)
        return Counts(table[:, :parts], table[:, parts : 2 * parts], table[:, 2 * parts])


def _rows(nodes: Sequence[Node]) -> npt.NDArray[np.int64]:
    return np.array([_row(node) for node in nodes], np.int64)


def _row(node: Node) -> list[int]:
    cost, part = cost_of(node.spec), PARTS.index(node.part)
    row = [0] * _COLUMNS
    row[part], row[len(PARTS) + part], row[-1] = cost.macs, cost.elementwise, cost.params
    return row
