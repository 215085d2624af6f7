"""Counting many architectures at once: what a search does millions of times.

A space that offers ``node_tokens`` names the module at every place of an architecture's detector
without wiring it. Each name is looked up once in a wired detector; from then on an architecture
is counted by adding up rows of a table. No formula stands twice: the rows come from
:func:`searchspaces.cost_of`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .architecture import Architecture
from .errors import SearchSpaceError
from .graph import PARTS, Node
from .kinds import cost_of
from .space import SearchSpace

_CHUNK = 2048  # architectures summed at once: a few MB of rows
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
        self._tokens = getattr(space, "node_tokens", self._modules)
        self._row_of: dict[Hashable, int] = {}
        self._rows = np.zeros((0, _COLUMNS), np.int64)

    def count(self, archs: Iterable[Architecture]) -> Counts:
        """Count architectures, in their order.

        Raises:
            ArchitectureError: The space does not hold one of them.
            SearchSpaceError: The space names another number of modules than its detector has.
        """
        archs = list(archs)
        sums = [self._sums(archs[i : i + _CHUNK]) for i in range(0, len(archs), _CHUNK)]
        table = np.concatenate(sums) if sums else np.zeros((0, _COLUMNS), np.int64)
        parts = len(PARTS)
        return Counts(table[:, :parts], table[:, parts : 2 * parts], table[:, 2 * parts])

    def _sums(self, archs: Sequence[Architecture]) -> npt.NDArray[np.int64]:
        rows: list[int] = []
        starts = []
        for arch in archs:
            starts.append(len(rows))
            tokens = self._tokens(arch)
            try:
                rows += [self._row_of[token] for token in tokens]
            except KeyError:
                self._learn(arch, tokens)
                rows += [self._row_of[token] for token in tokens]
        sums: npt.NDArray[np.int64] = np.add.reduceat(self._rows[rows], starts, axis=0)
        return sums

    def _learn(self, arch: Architecture, tokens: Sequence[Hashable]) -> None:
        """Look the unknown tokens up in the wired detector."""
        nodes = self.space.detector(arch).nodes(self.batch)
        if len(nodes) != len(tokens):
            raise SearchSpaceError(
                f"{self.space.name} names {len(tokens)} modules of {self.space.encode(arch)}, "
                f"but its detector has {len(nodes)}; node_tokens must name each"
            )
        new: list[list[int]] = []
        for token, node in zip(tokens, nodes, strict=True):
            if token not in self._row_of:
                self._row_of[token] = len(self._rows) + len(new)
                new.append(_row(node))
        self._rows = np.concatenate((self._rows, np.array(new, np.int64)))

    def _modules(self, arch: Architecture) -> list[Hashable]:
        """Name the modules by themselves, for a space that does not name them."""
        return [(n.part, n.spec) for n in self.space.detector(arch).nodes(self.batch)]


def _row(node: Node) -> list[int]:
    cost, part = cost_of(node.spec), PARTS.index(node.part)
    row = [0] * _COLUMNS
    row[part], row[len(PARTS) + part], row[-1] = cost.macs, cost.elementwise, cost.params
    return row
