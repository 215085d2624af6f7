"""The neck of NAS-FPN as a part."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ModuleSpecError
from .base import STAGES, GraphBuilder, Ref, join


@dataclass(frozen=True, slots=True)
class NasFpn:
    """Declare the neck of NAS-FPN (Ghiasi et al. 2019): five levels, merged over and over.

    Attributes:
        channels: Width of every level.
        cells: How often the stack of merging cells is repeated.
        first: Index of the finest backbone map taken: 1 for stride 8, as in the paper.
        extra_levels: How many coarser levels are added; with the maps taken they are five.
        norm: ``none``, ``bn``, ``gn`` or ``gn_ws`` after each convolution.
    """

    channels: int = 384
    cells: int = 7
    first: int = 1
    extra_levels: int = 2
    norm: str = "bn"

    def __post_init__(self) -> None:
        if not 0 <= self.first < STAGES or self.extra_levels != self.first + 1:
            raise ModuleSpecError(
                f"NAS-FPN has five levels: the backbone's maps first..{STAGES - 1} and first + 1 "
                f"coarser ones; got first={self.first}, extra_levels={self.extra_levels}"
            )

    @property
    def stages(self) -> int:
        """Return how many of the backbone's stages it needs."""
        return STAGES

    def build(self, graph: GraphBuilder, features: list[Ref]) -> list[Ref]:
        """Append the neck and return its levels."""
        taken = features[self.first :]
        return graph.add(
            "neck",
            "neck",
            "nas_fpn",
            taken,
            in_channels=join(t.shape[1] for _, t in taken),
            out_channels=self.channels,
            extra_levels=self.extra_levels,
            cells=self.cells,
            norm=self.norm,
        )
