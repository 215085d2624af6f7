"""The losses of a whole detector, chosen by the modules that it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from searchspaces import IMAGE, Node, outputs_of, reference

from ..errors import TrainingError
from ..graph_module import GraphModule
from ..modules.rcnn import RefineBoxes
from ..stages import DETECTIONS, HEAD, POOLING, BoxStage, box_stages
from .config import LossConfig
from .guided import guided_rpn_losses
from .masks import mask_losses
from .rcnn import rcnn_losses, refined, sample_rois
from .retinanet import retinanet_losses
from .rpn import rpn_losses
from .targets import Targets

ONE_STAGE = "retinanet_head"


@dataclass(frozen=True, slots=True)
class _Batch:
    """What the losses of every part need."""

    detector: GraphModule
    targets: list[Targets]
    config: LossConfig
    generator: torch.Generator


def detector_losses(
    detector: GraphModule,
    images: Tensor,
    targets: list[Targets],
    config: LossConfig,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return scalar losses by name; their sum is what is minimised.

    The stages of a cascade after the first have ``_1``, ``_2`` and so on behind their names, and
    their losses are already weighted.

    Args:
        detector: Takes ``image``.
        images: ``(b, 3, h, w)``.
        targets: Objects of every image.
        config: Numbers.
        generator: Draws anchors and boxes; on the CPU.

    Raises:
        TrainingError: No loss is known for the detector's modules, a cascade has more stages than
            the numbers name, or a mask branch is given objects without masks.
    """
    kinds = {node.spec.kind: node for node in detector.graph.nodes}
    batch = _Batch(detector, targets, config, generator)
    if ONE_STAGE in kinds:
        return _one_stage(batch, kinds, images)
    rpn = next((kinds[kind] for kind in RPN_LOSSES if kind in kinds), None)
    if rpn is None or not {POOLING, HEAD, DETECTIONS} <= kinds.keys():
        raise TrainingError(
            f"no losses are known for a detector of {', '.join(sorted(kinds))}; it needs a "
            f"{ONE_STAGE}, or {POOLING}, {HEAD}, {DETECTIONS} and one of {', '.join(RPN_LOSSES)}"
        )
    return _two_stage(batch, rpn, images)


def _one_stage(batch: _Batch, kinds: dict[str, Node], images: Tensor) -> dict[str, Tensor]:
    selection = batch.detector.nodes[kinds["retinanet_detections"].name]
    logits, deltas = batch.detector.run({IMAGE: images}, _outputs(kinds[ONE_STAGE]))
    anchors = selection.get_buffer("anchors")
    return retinanet_losses(logits.float(), deltas.float(), anchors, batch.targets, batch.config)


def _two_stage(batch: _Batch, rpn: Node, images: Tensor) -> dict[str, Tensor]:
    """Run the image once up to the maps and the RPN; then each stage on boxes drawn for it."""
    stages = box_stages(batch.detector.graph)
    batch.config.check_stages(len(stages))
    levels = tuple(dict.fromkeys((*rpn.inputs, *stages[0].levels)))
    scored = _outputs(rpn)
    values = batch.detector.run({IMAGE: images}, (*levels, *scored))
    maps = dict(zip(levels, values[: len(levels)], strict=True))
    predictions = tuple(value.float() for value in values[len(levels) :])
    losses, candidates = _rpn(batch, rpn, predictions)
    for index, stage in enumerate(stages):
        iou = batch.config.stage_iou(index, len(stages))
        found, candidates = _box_stage(batch, stage, maps, candidates, iou)
        end, weight = (f"_{index}", batch.config.cascade_weights[index]) if index else ("", 1.0)
        losses |= {f"{name}{end}": value * weight for name, value in found.items()}
    return losses


def _rpn(
    batch: _Batch, rpn: Node, predictions: tuple[Tensor, ...]
) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Return the RPN's losses and every image's proposals."""
    scored = _outputs(rpn)
    node = next(n for n in batch.detector.graph.nodes if scored[0] in n.inputs)
    losses = RPN_LOSSES[rpn.spec.kind](batch, batch.detector.nodes[node.name], predictions)
    given = {ref: value.detach() for ref, value in zip(scored, predictions, strict=True)}
    boxes, count = batch.detector.run(given, _outputs(node))
    return losses, [rows[:valid] for rows, valid in zip(boxes, count.tolist(), strict=True)]


def _box_stage(
    batch: _Batch,
    stage: BoxStage,
    maps: dict[str, Tensor],
    candidates: list[Tensor],
    iou: float,
) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Return one stage's losses and the candidates of the next stage, if there is one."""
    detector, config = batch.detector, batch.config
    classes = stage.head.spec.get_int("num_classes")
    decoder = detector.nodes[stage.decoder.name]
    limits = decoder.get_buffer("limits")
    drawn = sample_rois(candidates, batch.targets, classes, limits, iou, config, batch.generator)
    logits, deltas = detector.run(maps | {stage.boxes: drawn.boxes}, stage.predictions)
    losses = rcnn_losses(logits.float(), deltas.float(), drawn, stage.stds, config)
    if stage.mask is not None:
        losses["mask"] = mask_losses(detector, stage.mask, maps, drawn, batch.targets)
    if not stage.refines:
        return losses, []
    return losses, refined(drawn, deltas.float(), cast(RefineBoxes, decoder))


def _plain_rpn(
    batch: _Batch, selection: nn.Module, predictions: tuple[Tensor, ...]
) -> dict[str, Tensor]:
    logits, deltas = predictions
    anchors = selection.get_buffer("anchors")
    return rpn_losses(logits, deltas, anchors, batch.targets, batch.config, batch.generator)


def _guided_rpn(
    batch: _Batch, selection: nn.Module, predictions: tuple[Tensor, ...]
) -> dict[str, Tensor]:
    guided = batch.config.guided
    return guided_rpn_losses(predictions, selection, batch.targets, guided, batch.generator)


def _outputs(node: Node) -> tuple[str, ...]:
    return tuple(reference(node.name, index) for index in range(len(outputs_of(node.spec))))


RPN_LOSSES: dict[str, Callable[[_Batch, nn.Module, tuple[Tensor, ...]], dict[str, Tensor]]] = {
    "rpn_head": _plain_rpn,
    "guided_rpn_head": _guided_rpn,
}
"""Kind of the head -> its losses, given the module that selects proposals from what it says."""
