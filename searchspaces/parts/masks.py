"""The mask branch of Mask R-CNN as a part of the second stage."""

from __future__ import annotations

from dataclasses import dataclass

from .base import GraphBuilder, Ref, strides_of


@dataclass(frozen=True, slots=True)
class MaskBranch:
    """Declare the branch that draws a mask into every detection (He et al., ICCV 2017).

    Its heads run on the final detections only, at most as many as the box head gives. A cascade
    of boxes has a mask head per stage, trained on the stage's boxes; detection runs all of them
    on the final boxes and averages what they say (Cai and Vasconcelos, arXiv:1906.09756).

    Masks are pooled from the maps that boxes are pooled from. Without a pyramid (C4) that is the
    stride-16 map: the branch draws from it with its own convolutions and does not see the
    ``roi_stage`` of the box head. That is the head of the pyramids (fig. 4 right) on another map,
    not the paper's C4 head (fig. 4 left), which takes what the last stage makes of a box and adds
    no convolution before the transposed one.

    Attributes:
        num_convs: 3x3 convolutions before the transposed one.
        channels: Of each convolution.
        roi_size: Side of the pooled features; masks are twice as wide and high.
        norm: Of the convolutions.
        roi_sampling: RoIAlign's samples per bin and axis.
    """

    num_convs: int = 4
    channels: int = 256
    roi_size: int = 14
    norm: str = "none"
    roi_sampling: int = 2

    def build(
        self,
        graph: GraphBuilder,
        pooled_levels: list[Ref],
        detections: list[Ref],
        stages: int = 1,
    ) -> list[Ref]:
        """Append RoIAlign over the levels, a head per stage and the masks.

        Args:
            graph: Takes the nodes.
            pooled_levels: Those that boxes are pooled from, finest first.
            detections: Boxes, scores, labels and counts.
            stages: Of the cascade; 1 without.

        Returns:
            The reference to the masks.
        """
        boxes, _, labels, _ = detections
        features = graph.add(
            "mask_roi_align",
            "head",
            "roi_align",
            [*pooled_levels, boxes],
            channels=pooled_levels[0][1].shape[1],
            size=self.roi_size,
            sampling=self.roi_sampling,
            strides=strides_of(graph, pooled_levels),
            canonical_size=224,  # FPN, eq. 1
            canonical_level=4,
        )
        logits = []
        for stage in range(stages):
            logits += graph.add(
                f"mask_head_{stage}" if stage else "mask_head",
                "head",
                "mask_head",
                features,
                num_convs=self.num_convs,
                channels=self.channels,
                norm=self.norm,
                num_classes=graph.num_classes,
            )
        return graph.add(
            "masks",
            "head",
            "mask_detections",
            [*logits, labels],
            num_classes=graph.num_classes,
        )
