"""Beam search over partial codes: decide one gene after the other, keep the best few."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..spaces.listing import with_gene
from ..spaces.partial import UNDECIDED, Choices

if TYPE_CHECKING:
    from searchspaces import Architecture


class Beam:
    """Walk from a partial code to whole ones (CR-NAS, Liang et al., ICLR 2020).

    Every code that is kept is extended by each choice of its first undecided gene; of these
    extensions, the *layer*, the best ``width`` are kept for the next step. The last layer holds
    whole architectures.

    Args:
        start: The code that is begun with.
        choices: Of every gene.
        width: Codes that are kept, the paper's K.
        admits: Whether a code may be part of a layer.
    """

    def __init__(
        self,
        start: Architecture,
        choices: Choices,
        width: int,
        admits: Callable[[Architecture], bool],
    ) -> None:
        self._choices, self._width, self._admits = choices, width, admits
        self._parents: dict[Architecture, Architecture] = {}
        self.layer = self._extended([start])

    @property
    def at_end(self) -> bool:
        """Return whether nothing follows the present layer: it is whole, or nobody is left."""
        return not self.layer or UNDECIDED not in self.layer[0].genes

    def parent(self, code: Architecture) -> Architecture:
        """Return what a code of the present layer extends."""
        return self._parents[code]

    def advance(self, scores: Mapping[Architecture, float]) -> None:
        """Go on to the next layer.

        Args:
            scores: Of every code of the present one, more is better; NaN marks a failure, which
                is not kept. Among equals the earlier one is.
        """
        ranked = sorted(
            (code for code in self.layer if not math.isnan(scores[code])),
            key=lambda code: -scores[code],  # stable
        )
        self.layer = self._extended(ranked[: self._width])

    def _extended(self, kept: Sequence[Architecture]) -> tuple[Architecture, ...]:
        self._parents = {child: code for code in kept for child in self._children(code)}
        return tuple(filter(self._admits, self._parents))

    def _children(self, code: Architecture) -> list[Architecture]:
        if UNDECIDED not in code.genes:
            return [code]
        place = code.genes.index(UNDECIDED)
        return [with_gene(code, place, gene) for gene in self._choices[place]]
