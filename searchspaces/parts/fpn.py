"""The feature pyramid network as a part."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ModuleSpecError
from .base import STAGES, GraphBuilder, Ref, join


@dataclass(frozen=True, slots=True)
class Fpn:
    """Declare a feature pyramid (Lin et al. 2017).

    Attributes:
        channels: Width of every level.
        first: Index of the first backbone map taken: 0 for stride 4, 1 for stride 8.
        last: Index of the last backbone map taken; later stages are not built.
        extra: How coarser levels are made: ``pool`` (every second pixel), ``conv`` (stride-2
            convolutions on the coarsest level, as in RetinaNet), ``none`` where there are none.
        extra_levels: How many coarser levels are added.
        norm: What follows the convolutions of the levels taken: ``bn``, ``gn``, ``gn_ws`` or
            ``none``. Those of the coarser levels have a bias instead.
    """

    channels: int = 256
    first: int = 0
    last: int = STAGES - 1
    extra: str = "pool"
    extra_levels: int = 1
    norm: str = "none"

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last < STAGES:
            raise ModuleSpecError(
                f"a pyramid takes the backbone's maps first..last out of 0..{STAGES - 1}, got "
                f"first={self.first}, last={self.last}"
            )

    @property
    def stages(self) -> int:
        """Return how many of the backbone's stages it needs."""
        return self.last + 1

    def build(self, graph: GraphBuilder, features: list[Ref]) -> list[Ref]:
        """Append the pyramid and return its levels."""
        taken = features[self.first : self.stages]
        return graph.add(
            "neck",
            "neck",
            "fpn",
            taken,
            in_channels=join(t.shape[1] for _, t in taken),
            out_channels=self.channels,
            extra=self.extra,
            extra_levels=self.extra_levels,
            norm=self.norm,
        )
