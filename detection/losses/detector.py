"""The losses of a whole detector, chosen by the modules that it has."""

from __future__ import annotations

import torch
from torch import Tensor

from searchspaces import Node, reference

from ..errors import TrainingError
from ..graph_module import GraphModule
from .config import LossConfig
from .rcnn import rcnn_losses, sample_rois
from .retinanet import retinanet_losses
from .rpn import rpn_losses
from .targets import Targets


def detector_losses(
    detector: GraphModule,
    images: Tensor,
    targets: list[Targets],
    config: LossConfig,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return scalar losses by name; their sum is what is minimised.

    Args:
        detector: Takes ``image``.
        images: ``(b, 3, h, w)``.
        targets: Objects of every image.
        config: Numbers.
        generator: Draws anchors and boxes; on the CPU.

    Raises:
        TrainingError: No loss is known for the detector's modules.
    """
    kinds = {node.spec.kind: node for node in detector.graph.nodes}
    if "retinanet_head" in kinds:
        return _one_stage(detector, kinds, images, targets, config)
    if {"rpn_head", "proposals", "roi_align", "box_head"} <= kinds.keys():
        return _two_stage(detector, kinds, images, targets, config, generator)
    raise TrainingError(
        f"no losses are known for a detector of {', '.join(sorted(kinds))}; it needs a "
        "retinanet_head, or rpn_head, proposals, roi_align and box_head"
    )


def _one_stage(
    detector: GraphModule,
    kinds: dict[str, Node],
    images: Tensor,
    targets: list[Targets],
    config: LossConfig,
) -> dict[str, Tensor]:
    anchors = detector.nodes[kinds["retinanet_detections"].name].get_buffer("anchors")
    logits, deltas = detector.run({"image": images}, _outputs(kinds["retinanet_head"], 2))
    return retinanet_losses(logits.float(), deltas.float(), anchors, targets, config)


def _two_stage(
    detector: GraphModule,
    kinds: dict[str, Node],
    images: Tensor,
    targets: list[Targets],
    config: LossConfig,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    selection, head = detector.nodes[kinds["proposals"].name], kinds["box_head"]
    levels, scored = kinds["rpn_head"].inputs, _outputs(kinds["rpn_head"], 2)
    chosen = _outputs(kinds["proposals"], 2)
    *maps, logits, deltas = detector.run({"image": images}, (*levels, *scored))
    logits, deltas = logits.float(), deltas.float()
    losses = rpn_losses(
        logits, deltas, selection.get_buffer("anchors"), targets, config, generator
    )
    given = {scored[0]: logits.detach(), scored[1]: deltas.detach()}
    proposals, count = detector.run(given, chosen)
    num_classes, limits = head.spec.get_int("num_classes"), selection.get_buffer("limits")
    drawn = sample_rois(proposals, count, targets, num_classes, limits, config, generator)
    known = dict(zip(levels, maps, strict=True)) | {chosen[0]: drawn.boxes}
    logits, deltas = detector.run(known, _outputs(head, 2))
    return losses | rcnn_losses(logits.float(), deltas.float(), drawn, config)


def _outputs(node: Node, count: int) -> tuple[str, ...]:
    return tuple(reference(node.name, index) for index in range(count))
