"""The stages of a detector's box head, found in its graph."""

from __future__ import annotations

from dataclasses import dataclass

from searchspaces import Graph, Node, reference

POOLING, HEAD, REFINE, MASK = "roi_align", "box_head", "refine_boxes", "mask_head"
DETECTIONS = "rcnn_detections"


@dataclass(frozen=True, slots=True)
class BoxStage:
    """Name the nodes of one stage; a plain second stage is a cascade of one.

    Attributes:
        pooling: Pools the stage's boxes.
        head: Its box head.
        decoder: Turns the head's deltas into boxes: of the next stage, or the detections.
        mask: Its mask head, if it has one.
    """

    pooling: Node
    head: Node
    decoder: Node
    mask: Node | None

    @property
    def levels(self) -> tuple[str, ...]:
        """Return the references to the maps that boxes are pooled from."""
        return self.pooling.inputs[:-1]

    @property
    def boxes(self) -> str:
        """Return the reference to the boxes that the stage takes."""
        return self.pooling.inputs[-1]

    @property
    def predictions(self) -> tuple[str, str]:
        """Return the references to logits and deltas."""
        return self.head.name, reference(self.head.name, 1)

    @property
    def refines(self) -> bool:
        """Return whether a stage follows."""
        return self.decoder.spec.kind == REFINE

    @property
    def stds(self) -> tuple[float, float]:
        """Return what the deltas are in units of: for shifts and for log scales."""
        spec = self.decoder.spec
        return spec.get_float("std_xy"), spec.get_float("std_wh")


def box_stages(graph: Graph) -> tuple[BoxStage, ...]:
    """Return the stages of a detector's box head in running order; a one-stage one has none."""
    makers = {node.name: node for node in graph.nodes}
    masks = [node for node in graph.nodes if node.spec.kind == MASK]
    stages: list[BoxStage] = []
    for node in graph.nodes:
        if node.spec.kind == HEAD:
            mask = masks[len(stages)] if len(stages) < len(masks) else None
            stages.append(BoxStage(_pooling(node, makers), node, _decoder(node, graph), mask))
    return tuple(stages)


def _pooling(head: Node, makers: dict[str, Node]) -> Node:
    """Return the RoIAlign before a head; without a pyramid a backbone stage lies between."""
    node = makers[head.inputs[0]]
    while node.spec.kind != POOLING:
        node = makers[node.inputs[0]]
    return node


def _decoder(head: Node, graph: Graph) -> Node:
    deltas = reference(head.name, 1)
    return next(
        node
        for node in graph.nodes
        if node.spec.kind in (REFINE, DETECTIONS) and deltas in node.inputs
    )
