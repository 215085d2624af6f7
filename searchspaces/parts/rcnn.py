"""The second stage of R-CNN detectors as a part: one box head, or a cascade of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from ..errors import ModuleSpecError
from .base import GraphBuilder, Ref, strides_of

Stds = tuple[float, float]

BOX_STDS: Stds = (0.1, 0.2)
"""Of shifts and of log scales; Fast R-CNN's, and those of a cascade's first stage."""

CASCADE_STDS: tuple[Stds, ...] = (BOX_STDS, (0.05, 0.1), (0.033, 0.067), (0.025, 0.05))
"""Of a cascade's stages; ``CASCADE_STDS[:n]`` for ``n`` stages.

The first three are Cascade R-CNN's (mmdetection,
``configs/_base_/models/cascade-rcnn_r50_fpn.py``): the first stage's over 1, 2 and 3. Of the
paper's fourth stage we know the IoU alone (https://github.com/zhaoweicai/cascade-rcnn/issues/76);
these numbers are ours: the first stage's over 4.
"""

POOLED_LEVELS = 4  # FPN, sec. 4.2: boxes are pooled from P2..P5


class Masks(Protocol):
    """Add masks to detections."""

    def build(
        self, graph: GraphBuilder, pooled_levels: list[Ref], detections: list[Ref], stages: int
    ) -> list[Ref]:
        """Append the modules and return the masks; ``stages`` says how many heads average."""
        ...


@dataclass(frozen=True, slots=True)
class BoxHead:
    """Declare the second stage of Faster R-CNN, or the stages of Cascade R-CNN.

    Every stage has its own weights: its own head, and with ``roi_stage`` its own copy of the
    backbone's last stage. A stage refines the boxes of the one before it. The detections are the
    last stage's boxes; their scores come from the mean of all stages' logits.

    Attributes:
        num_convs: 3x3 convolutions before the linear layers: 4 in DetNAS, 0 in the 2FC head.
        conv_channels: Of each convolution.
        num_fcs: Hidden linear layers: 1 in DetNAS, 2 in the 2FC head.
        fc_channels: Of each hidden layer.
        norm: After each convolution.
        class_agnostic: Whether all classes share one box; a cascade needs that.
        stage_stds: Of each stage, what box deltas are in units of: standard deviations of shifts
            and of log scales. As many as there are stages; see :data:`CASCADE_STDS`.
        roi_stage: Whether the backbone's last stage runs on every box, as without a pyramid (C4).
            It replaces the head's layers: ``num_convs`` and ``num_fcs`` do not apply.
        mask: Adds masks. It does not share the heads' layers, nor the ``roi_stage``.
        roi_size: Side of the features that a head sees; the last stage is given twice that.
        roi_sampling: RoIAlign's samples per bin and axis.
        score_threshold: Detections below it are not given.
        nms_iou: Overlap above which the lesser detection of a class goes.
        max_detections: Rows of the outputs.
        pre_nms: Best (box, class) pairs taken before NMS.

    Raises:
        ModuleSpecError: There is no stage, a standard deviation is not above zero, or a cascade
            is not class-agnostic.
    """

    num_convs: int = 4
    conv_channels: int = 256
    num_fcs: int = 1
    fc_channels: int = 1024
    norm: str = "bn"
    class_agnostic: bool = False
    stage_stds: tuple[Stds, ...] = (BOX_STDS,)
    roi_stage: bool = False
    mask: Masks | None = None
    roi_size: int = 7
    roi_sampling: int = 2
    score_threshold: float = 0.05
    nms_iou: float = 0.5
    max_detections: int = 100
    pre_nms: int = 1000
    needs_proposals: ClassVar[bool] = True

    def __post_init__(self) -> None:
        pairs = all(len(stds) == 2 and min(stds) > 0 for stds in self.stage_stds)
        if not self.stage_stds or not pairs:
            raise ModuleSpecError(
                "stage_stds must hold one (std_xy, std_wh) pair above 0 per stage, such as "
                f"CASCADE_STDS[:3], got {self.stage_stds!r}"
            )
        if len(self.stage_stds) > 1 and not self.class_agnostic:
            raise ModuleSpecError(
                f"a cascade of {len(self.stage_stds)} stages refines one box for all classes; "
                "give it class_agnostic=True"
            )

    def build(self, graph: GraphBuilder, levels: list[Ref], proposals: list[Ref]) -> list[Ref]:
        """Append the stages and the detections, pooling boxes from the four finest levels."""
        pooled = levels[:POOLED_LEVELS]
        boxes, count = proposals
        predicted = self._stage(graph, 0, pooled, boxes)
        logits = [predicted[0]]
        for stage, stds in enumerate(self.stage_stds[:-1], start=1):
            boxes = self._refine(graph, f"refine_{stage}", predicted[1], boxes, stds)
            predicted = self._stage(graph, stage, pooled, boxes)
            logits.append(predicted[0])
        if len(logits) > 1:
            logits = graph.add("average_scores", "head", "average_scores", logits)
        detections = self._detections(graph, [logits[0], predicted[1], boxes, count])
        if self.mask is None:
            return detections
        masks = self.mask.build(graph, pooled, detections, len(self.stage_stds))
        return [*detections, *masks]

    def _stage(self, graph: GraphBuilder, stage: int, pooled: list[Ref], boxes: Ref) -> list[Ref]:
        """Append RoIAlign and a head; return logits and deltas."""
        end = f"_{stage}" if stage else ""
        (features,) = graph.add(
            f"roi_align{end}",
            "head",
            "roi_align",
            [*pooled, boxes],
            channels=pooled[0][1].shape[1],
            size=self.roi_size * (2 if self.roi_stage else 1),
            sampling=self.roi_sampling,
            strides=strides_of(graph, pooled),
            canonical_size=224,  # FPN, eq. 1
            canonical_level=4,
        )
        if self.roi_stage:
            features = graph.backbone.build_last_stage(graph, f"roi_stage{end}", "head", features)
        convs, fcs = (0, 0) if self.roi_stage else (self.num_convs, self.num_fcs)
        return graph.add(
            f"box_head{end}",
            "head",
            "box_head",
            [features],
            num_convs=convs,
            conv_channels=self.conv_channels if convs else 0,
            num_fcs=fcs,
            fc_channels=self.fc_channels if fcs else 0,
            average=int(self.roi_stage),
            norm=self.norm if convs else "none",
            num_classes=graph.num_classes,
            class_agnostic=int(self.class_agnostic),
        )

    def _refine(self, graph: GraphBuilder, name: str, deltas: Ref, boxes: Ref, stds: Stds) -> Ref:
        height, width = graph.input_hw
        return graph.add(
            name,
            "head",
            "refine_boxes",
            [deltas, boxes],
            std_xy=float(stds[0]),
            std_wh=float(stds[1]),
            image_h=height,
            image_w=width,
        )[0]

    def _detections(self, graph: GraphBuilder, inputs: list[Ref]) -> list[Ref]:
        height, width = graph.input_hw
        std_xy, std_wh = self.stage_stds[-1]
        return graph.add(
            "detections",
            "head",
            "rcnn_detections",
            inputs,
            num_classes=graph.num_classes,
            class_agnostic=int(self.class_agnostic),
            std_xy=float(std_xy),
            std_wh=float(std_wh),
            image_h=height,
            image_w=width,
            score_threshold=self.score_threshold,
            nms_iou=self.nms_iou,
            max_detections=self.max_detections,
            pre_nms=self.pre_nms,
        )
