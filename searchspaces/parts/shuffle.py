"""The ShuffleNetV2 backbones of DetNAS."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ModuleSpecError
from ..kinds.base import NORMS
from .base import STAGES, GraphBuilder, Ref
from .residual import check_option
from .staged import StagedBackbone, conv

SHUFFLE_OPS: tuple[tuple[str, int], ...] = (
    ("conv", 3),
    ("conv", 5),
    ("conv", 7),
    ("xception", 3),
)
"""DetNAS, search space: choice id -> (operation, kernel)."""


@dataclass(frozen=True, slots=True)
class ShuffleBackbone(StagedBackbone):
    """Declare a DetNAS backbone (Chen et al. 2019, table 1).

    Attributes:
        stem_channels: Width of the stride-2 stem convolution.
        stage_channels: Output width of the four stages, at strides 4, 8, 16 and 32.
        ops: One tuple of choice ids (see :data:`SHUFFLE_OPS`) per stage.
        shuffle: ``even_odd`` (the released networks) or ``interleave`` (the released supernet);
            the two are not interchangeable once weights exist.
        norm: ``bn``, ``gn`` or ``gn_ws``.
    """

    stem_channels: int
    stage_channels: tuple[int, ...]
    ops: tuple[tuple[int, ...], ...]
    shuffle: str = "even_odd"
    norm: str = "bn"

    def __post_init__(self) -> None:
        check_option("ShuffleBackbone.norm", self.norm, NORMS)
        if not len(self.stage_channels) == len(self.ops) == STAGES:
            raise ModuleSpecError(
                f"a backbone has {STAGES} stages, each with a width and its choice ids, got "
                f"{len(self.stage_channels)} widths and {len(self.ops)} lists of ids"
            )

    def _stem(self, graph: GraphBuilder, image: Ref) -> Ref:
        return conv(
            graph,
            "backbone_stem",
            "backbone",
            image,
            self.stem_channels,
            norm=self.norm,
            activation="relu",
            bias=1,
        )

    def _stage(self, graph: GraphBuilder, name: str, part: str, x: Ref, stage: int) -> Ref:
        channels = self.stage_channels[stage]
        for block, op in enumerate(self.ops[stage]):
            x = self._block(graph, f"{name}_b{block}", part, x, channels, block, op)
        return x

    def _block(
        self, graph: GraphBuilder, name: str, part: str, x: Ref, channels: int, block: int, op: int
    ) -> Ref:
        operation, kernel = SHUFFLE_OPS[op]
        norm = {} if self.norm == "bn" else {"norm": self.norm}  # which keys do not name
        return graph.add(
            name,
            part,
            "shuffle_block",
            [x],
            op=operation,
            kernel=kernel,
            in_channels=x[1].shape[1],
            mid_channels=channels // 2,
            out_channels=channels,
            stride=1 if block else 2,
            shuffle=self.shuffle,
            **norm,
        )[0]
