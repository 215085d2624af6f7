"""Adding up a row of numbers per module over the modules of many architectures at once.

A space that offers ``node_tokens`` names the module at every place of an architecture's detector
without wiring it. Each name is looked up once in a wired detector; from then on an architecture
is a sum of rows of a table.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import accumulate, chain
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from .architecture import Architecture
from .errors import SearchSpaceError
from .graph import Node
from .space import SearchSpace

_CHUNK = 2048  # architectures summed at once: a few MB of rows
Number = TypeVar("Number", np.int64, np.float64)


class TokenTable(Generic[Number]):
    """Sum rows over the modules of architectures of one space.

    Args:
        space: Names detectors; fast where it offers ``node_tokens``.
        rows: Gives one row per node, ``(n, columns)``; asked once per distinct module.
        columns: Length of a row.
        dtype: Of the numbers.
        batch: Images per run.
        precision: Of the modules.

    Example:
        >>> from searchspaces import cost_of, make_space
        >>> space = make_space("detnas-nano")
        >>> arch = space.sample(np.random.default_rng(0))
        >>> macs = TokenTable(space, lambda ns: np.array([[cost_of(n.spec).macs] for n in ns]), 1,
        ...                   np.int64)
        >>> int(macs.sums([arch])[0, 0]) == space.detector(arch).macs()["total"]
        True
    """

    def __init__(
        self,
        space: SearchSpace,
        rows: Callable[[Sequence[Node]], npt.NDArray[Number]],
        columns: int,
        dtype: type[Number],
        *,
        batch: int = 1,
        precision: str = "fp32",
    ) -> None:
        self.space, self.batch, self.precision = space, batch, precision
        self._rows_of: Callable[[Sequence[Node]], npt.NDArray[Number]] = rows
        self._tokens: Callable[[Architecture], Sequence[Any]] = getattr(
            space, "node_tokens", self._modules
        )
        self._row_of: dict[Hashable, int] = {}
        self._rows: npt.NDArray[Number] = np.zeros((0, columns), dtype)

    def sums(self, archs: Iterable[Architecture]) -> npt.NDArray[Number]:
        """Return the sums ``(n, columns)`` of architectures, in their order.

        Raises:
            ArchitectureError: The space does not hold one of them.
            SearchSpaceError: The space names another number of modules than its detector has.
        """
        archs = list(archs)
        sums = [self._sums(archs[i : i + _CHUNK]) for i in range(0, len(archs), _CHUNK)]
        return np.concatenate(sums) if sums else self._rows[:0]

    def _sums(self, archs: Sequence[Architecture]) -> npt.NDArray[Number]:
        named: list[Sequence[Hashable]] = [self._tokens(arch) for arch in archs]
        try:
            rows = self._rows_named(named)
        except KeyError:
            self._learn(archs, named)
            rows = self._rows_named(named)
        starts = [0, *accumulate(map(len, named[:-1]))]
        sums: npt.NDArray[Number] = np.add.reduceat(self._rows[rows], starts, axis=0)
        return sums

    def _rows_named(self, named: Sequence[Sequence[Hashable]]) -> list[int]:
        return list(map(self._row_of.__getitem__, chain.from_iterable(named)))

    def _learn(self, archs: Sequence[Architecture], named: Sequence[Sequence[Hashable]]) -> None:
        """Look unknown tokens up in wired detectors, and ask for all their rows at once."""
        new: dict[Hashable, Node] = {}
        for arch, tokens in zip(archs, named, strict=True):
            if all(token in self._row_of or token in new for token in tokens):
                continue
            nodes = self._nodes(arch)
            if len(nodes) != len(tokens):
                raise SearchSpaceError(
                    f"{self.space.name} names {len(tokens)} modules of {self.space.encode(arch)}, "
                    f"but its detector has {len(nodes)}; node_tokens must name each"
                )
            found = zip(tokens, nodes, strict=True)
            new |= {t: n for t, n in found if t not in self._row_of and t not in new}
        rows = self._rows_of(list(new.values()))
        self._row_of |= {token: len(self._rows) + index for index, token in enumerate(new)}
        self._rows = np.concatenate((self._rows, rows))

    def _nodes(self, arch: Architecture) -> list[Node]:
        return self.space.detector(arch).nodes(self.batch, self.precision)

    def _modules(self, arch: Architecture) -> list[Hashable]:
        """Name the modules by themselves, for a space that does not name them."""
        return [(node.part, node.spec) for node in self._nodes(arch)]
