"""What all backbones share: a stem, and four stages on top of one another."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .base import STAGES, GraphBuilder, Ref


class StagedBackbone(ABC):
    """Build a backbone out of its stem and its stages; subclasses append either."""

    __slots__ = ()

    def build(self, graph: GraphBuilder, image: Ref, stages: int = STAGES) -> list[Ref]:
        """Append stem and the first ``stages`` stages; return the map at the end of each."""
        ends = [self._stem(graph, image)]
        for stage in range(stages):
            ends.append(self._stage(graph, f"backbone_s{stage + 1}", "backbone", ends[-1], stage))
        return ends[1:]

    def build_last_stage(self, graph: GraphBuilder, name: str, part: str, x: Ref) -> Ref:
        """Append the last stage to any map; ``name`` begins the names of its nodes."""
        return self._stage(graph, name, part, x, STAGES - 1)

    @abstractmethod
    def _stem(self, graph: GraphBuilder, image: Ref) -> Ref:
        """Append what stands before the stages."""

    @abstractmethod
    def _stage(self, graph: GraphBuilder, name: str, part: str, x: Ref, stage: int) -> Ref:
        """Append stage 0, 1, 2 or 3; ``name`` begins the names of its nodes."""


def conv(
    graph: GraphBuilder,
    name: str,
    part: str,
    x: Ref,
    out: int,
    *,
    norm: str,
    activation: str,
    kernel: int = 3,
    stride: int = 2,
    bias: int = 0,
) -> Ref:
    """Append a convolution with normalisation and activation, as stems have."""
    return graph.add(
        name,
        part,
        "stem_conv",
        [x],
        in_channels=x[1].shape[1],
        out_channels=out,
        kernel=kernel,
        stride=stride,
        bias=bias,
        norm=norm,
        activation=activation,
    )[0]
