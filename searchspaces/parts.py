"""The parts of a detector, declared; each lists the modules that it consists of.

A part appends its nodes to a :class:`GraphBuilder`, which threads the tensors. What a part
holds is what a researcher would write in a table: widths, counts, thresholds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Protocol

from .errors import ModuleSpecError
from .graph import Node, reference
from .kinds import outputs_of
from .modules import ModuleSpec, TensorSpec, Value

SHUFFLE_OPS: tuple[tuple[str, int], ...] = (
    ("conv", 3),
    ("conv", 5),
    ("conv", 7),
    ("xception", 3),
)
"""DetNAS, sec. 3.3: choice id -> (operation, kernel)."""

Ref = tuple[str, TensorSpec]
_CACHE = 65_536  # distinct (position, module) pairs of a large space


@lru_cache(maxsize=_CACHE)
def _place(
    name: str,
    part: str,
    kind: str,
    inputs: tuple[Ref, ...],
    precision: tuple[str, int],
    params: tuple[tuple[str, Value], ...],
    types: tuple[type, ...],
) -> tuple[Node, tuple[Ref, ...]]:
    """Make each node once: a search lists the same few hundred millions of times.

    ``types`` keeps parameters ``1`` and ``1.0``, which hash alike, apart.
    """
    dtype, batch = precision
    tensors = tuple(tensor for _, tensor in inputs)
    spec = ModuleSpec(kind, tuple(sorted(params)), tensors, dtype, batch)
    outputs = tuple((reference(name, i), t) for i, t in enumerate(outputs_of(spec)))
    return Node(name, part, spec, tuple(ref for ref, _ in inputs)), outputs


@dataclass
class GraphBuilder:
    """Collect nodes and remember the tensor behind every reference."""

    input_hw: tuple[int, int]
    num_classes: int
    batch: int
    dtype: str
    nodes: list[Node] = field(default_factory=list)

    def add(
        self, name: str, part: str, kind: str, inputs: list[Ref], **params: Value
    ) -> list[Ref]:
        """Append a module and return references to its outputs."""
        values, types = tuple(params.items()), tuple(map(type, params.values()))
        precision = (self.dtype, self.batch)
        node, outputs = _place(name, part, kind, tuple(inputs), precision, values, types)
        self.nodes.append(node)
        return list(outputs)


class Backbone(Protocol):
    """Turn the image into feature maps, finest (stride 4) first."""

    def build(self, graph: GraphBuilder, image: Ref) -> list[Ref]:
        """Append the backbone's modules and return its feature maps."""
        ...


class Neck(Protocol):
    """Turn backbone maps into pyramid levels."""

    def build(self, graph: GraphBuilder, features: list[Ref]) -> list[Ref]:
        """Append the neck's modules and return its levels, finest first."""
        ...


class Rpn(Protocol):
    """Turn pyramid levels into proposals."""

    def build(self, graph: GraphBuilder, levels: list[Ref]) -> list[Ref]:
        """Append the modules and return boxes and their count."""
        ...


class Head(Protocol):
    """Turn pyramid levels, and proposals where there are any, into detections."""

    needs_proposals: ClassVar[bool]

    def build(self, graph: GraphBuilder, levels: list[Ref], proposals: list[Ref]) -> list[Ref]:
        """Append the modules and return boxes, scores, labels and counts."""
        ...


@dataclass(frozen=True, slots=True)
class ShuffleBackbone:
    """Declare a DetNAS backbone (Chen et al. 2019, table 1).

    Attributes:
        stem_channels: Width of the stride-2 stem convolution.
        stage_channels: Output width of the four stages, at strides 4, 8, 16 and 32.
        ops: One tuple of choice ids (see :data:`SHUFFLE_OPS`) per stage.
        shuffle: ``even_odd`` (the released networks) or ``interleave`` (the released supernet);
            the two are not interchangeable once weights exist.
    """

    stem_channels: int
    stage_channels: tuple[int, ...]
    ops: tuple[tuple[int, ...], ...]
    shuffle: str = "even_odd"

    def build(self, graph: GraphBuilder, image: Ref) -> list[Ref]:
        """Append stem and blocks; return the map at the end of every stage."""
        x = graph.add(
            "backbone_stem",
            "backbone",
            "stem_conv",
            [image],
            in_channels=image[1].shape[1],
            out_channels=self.stem_channels,
            kernel=3,
            stride=2,
            bias=1,
        )
        ends = []
        for stage, (channels, ops) in enumerate(
            zip(self.stage_channels, self.ops, strict=True), 1
        ):
            for block, op in enumerate(ops):
                x = self._block(graph, f"backbone_s{stage}_b{block}", x[0], channels, block, op)
            ends.append(x[0])
        return ends

    def _block(
        self, graph: GraphBuilder, name: str, x: Ref, channels: int, block: int, op: int
    ) -> list[Ref]:
        operation, kernel = SHUFFLE_OPS[op]
        return graph.add(
            name,
            "backbone",
            "shuffle_block",
            [x],
            op=operation,
            kernel=kernel,
            in_channels=x[1].shape[1],
            mid_channels=channels // 2,
            out_channels=channels,
            stride=1 if block else 2,
            shuffle=self.shuffle,
        )


@dataclass(frozen=True, slots=True)
class Fpn:
    """Declare a feature pyramid (Lin et al. 2017).

    Attributes:
        channels: Width of every level.
        first: Index of the first backbone map taken: 0 for P2 on, 1 for P3 on.
        extra: Coarser levels: ``none``, ``pool`` (one) or ``p6p7`` (two, by convolutions on P5).
        norm: ``none`` or ``bn`` after each convolution.
    """

    channels: int = 256
    first: int = 0
    extra: str = "pool"
    norm: str = "none"

    def build(self, graph: GraphBuilder, features: list[Ref]) -> list[Ref]:
        """Append the pyramid and return its levels."""
        if not 0 <= self.first < len(features):
            raise ModuleSpecError(
                f"the backbone gives {len(features)} maps, so Fpn.first must be "
                f"0..{len(features) - 1}, got {self.first}"
            )
        taken = features[self.first :]
        return graph.add(
            "neck",
            "neck",
            "fpn",
            taken,
            in_channels=_join(t.shape[1] for _, t in taken),
            out_channels=self.channels,
            extra=self.extra,
            norm=self.norm,
        )


@dataclass(frozen=True, slots=True)
class RegionProposals:
    """Declare an RPN (Ren et al. 2015; per-level selection as in FPN).

    Attributes:
        anchor_scale: Anchor side in strides of its level.
        ratios: Height/width ratios.
        pre_nms: Best anchors taken from every level before NMS.
        post_nms: Proposals given, padded.
        nms_iou: Overlap above which the lesser box goes.
    """

    anchor_scale: float = 8.0
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    pre_nms: int = 1000
    post_nms: int = 1000
    nms_iou: float = 0.7

    def build(self, graph: GraphBuilder, levels: list[Ref]) -> list[Ref]:
        """Append head and selection; return boxes and their count."""
        scores = graph.add(
            "rpn_head",
            "rpn",
            "rpn_head",
            levels,
            channels=levels[0][1].shape[1],
            num_anchors=len(self.ratios),
        )
        return graph.add(
            "proposals",
            "rpn",
            "proposals",
            scores,
            **_anchors(graph, levels, self.anchor_scale, 1, self.ratios),
            pre_nms=self.pre_nms,
            post_nms=self.post_nms,
            nms_iou=self.nms_iou,
        )


@dataclass(frozen=True, slots=True)
class BoxHead:
    """Declare the second stage of Faster R-CNN.

    Attributes:
        num_convs: 3x3 convolutions before the linear layers: 4 in DetNAS, 0 in the 2FC head.
        num_fcs: Hidden linear layers: 1 in DetNAS, 2 in the 2FC head.
        score_threshold: Detections below it are not given.
        max_detections: Rows of the outputs.
        pre_nms: Best (box, class) pairs taken before NMS.
    """

    num_convs: int = 4
    conv_channels: int = 256
    num_fcs: int = 1
    fc_channels: int = 1024
    norm: str = "bn"
    class_agnostic: bool = False
    roi_size: int = 7
    roi_sampling: int = 2
    score_threshold: float = 0.05
    nms_iou: float = 0.5
    max_detections: int = 100
    pre_nms: int = 1000
    needs_proposals: ClassVar[bool] = True

    def build(self, graph: GraphBuilder, levels: list[Ref], proposals: list[Ref]) -> list[Ref]:
        """Append RoIAlign over the four finest levels, the head and its detections."""
        pooled = levels[:4]
        height, width = graph.input_hw
        rois = graph.add(
            "roi_align",
            "head",
            "roi_align",
            [*pooled, proposals[0]],
            channels=pooled[0][1].shape[1],
            size=self.roi_size,
            sampling=self.roi_sampling,
            strides=_strides(graph, pooled),
            canonical_size=224,  # FPN, eq. 1
            canonical_level=4,
        )
        predicted = graph.add(
            "box_head",
            "head",
            "box_head",
            rois,
            num_convs=self.num_convs,
            conv_channels=self.conv_channels,
            num_fcs=self.num_fcs,
            fc_channels=self.fc_channels,
            norm=self.norm,
            num_classes=graph.num_classes,
            class_agnostic=int(self.class_agnostic),
        )
        return graph.add(
            "detections",
            "head",
            "rcnn_detections",
            [*predicted, *proposals],
            num_classes=graph.num_classes,
            class_agnostic=int(self.class_agnostic),
            image_h=height,
            image_w=width,
            score_threshold=self.score_threshold,
            nms_iou=self.nms_iou,
            max_detections=self.max_detections,
            pre_nms=self.pre_nms,
        )


@dataclass(frozen=True, slots=True)
class RetinaNetHead:
    """Declare the one-stage head of RetinaNet (Lin et al. 2017).

    Attributes:
        anchor_scale: Side of the smallest octave's anchor in strides of its level.
        octaves: Anchor sizes per octave.
        num_convs: Convolutions of each tower.
        pre_nms: Best (anchor, class) pairs taken from every level before NMS.
    """

    channels: int = 256
    num_convs: int = 4
    norm: str = "none"
    anchor_scale: float = 4.0
    octaves: int = 3
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    score_threshold: float = 0.05
    nms_iou: float = 0.5
    max_detections: int = 100
    pre_nms: int = 1000
    needs_proposals: ClassVar[bool] = False

    def build(self, graph: GraphBuilder, levels: list[Ref], proposals: list[Ref]) -> list[Ref]:
        """Append the head and its detections."""
        predicted = graph.add(
            "retinanet_head",
            "head",
            "retinanet_head",
            levels,
            channels=self.channels,
            num_convs=self.num_convs,
            num_anchors=self.octaves * len(self.ratios),
            num_classes=graph.num_classes,
            norm=self.norm,
        )
        return graph.add(
            "detections",
            "head",
            "retinanet_detections",
            predicted,
            **_anchors(graph, levels, self.anchor_scale, self.octaves, self.ratios),
            num_classes=graph.num_classes,
            score_threshold=self.score_threshold,
            nms_iou=self.nms_iou,
            max_detections=self.max_detections,
            pre_nms=self.pre_nms,
        )


def _anchors(
    graph: GraphBuilder, levels: list[Ref], scale: float, octaves: int, ratios: tuple[float, ...]
) -> dict[str, Value]:
    height, width = graph.input_hw
    return {
        "image_h": height,
        "image_w": width,
        "strides": _strides(graph, levels),
        "heights": _join(t.shape[2] for _, t in levels),
        "widths": _join(t.shape[3] for _, t in levels),
        "anchor_scale": float(scale),
        "octaves": octaves,
        "ratios": _join(ratios),
    }


def _strides(graph: GraphBuilder, levels: list[Ref]) -> str:
    """Write the nominal strides: the finest from the map's size, then doubling."""
    (height, width), map_hw = graph.input_hw, levels[0][1].shape[2:]
    finest = 1
    while -(-height // finest) > map_hw[0]:
        finest *= 2
    if (-(-height // finest), -(-width // finest)) != map_hw:
        raise ModuleSpecError(
            f"the finest level of {map_hw[1]}x{map_hw[0]} is not the input {width}x{height} over "
            "a power of two, rounded up"
        )
    return _join(finest * 2**index for index in range(len(levels)))


def _join(values: Iterable[float]) -> str:
    """Write a list parameter without loss; whole numbers without a point."""
    return ":".join(str(int(v)) if v == int(v) else repr(float(v)) for v in values)
