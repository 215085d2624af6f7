"""Layer 2: operands that have to be constants, as a table.

``literal`` operands have to be initializers or Constants in the file: the importer looks at their
values. ``known`` ones may also be computed of constants and fixed shapes: it follows shape
arithmetic by itself. An operand that folds to a constant is made one by `--fix`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..graph import GraphView, Node
from ..rule import NODE, Find, Problem, Rule, registry
from ..versions import EVERY, Span, Target
from .sources import (
    CHANGES,
    HELPERS_101,
    IMPORTERS_84,
    IMPORTERS_85,
    IMPORTERS_86,
    IMPORTERS_101,
    OPERATORS_84,
    OPERATORS_101,
)

REDUCTIONS = (
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd "
    "ReduceSum ReduceSumSquare"
)


@dataclass(frozen=True, slots=True)
class Operand:
    """State that one operand of some operators has to be a constant.

    Attributes:
        id: Id of the rule.
        ops: Operators, separated by blanks.
        index: Position of the operand.
        name: What ONNX calls it.
        span: Releases for which this holds.
        source: Where this is written.
        literal: Whether it has to stand in the file; else it may be computed.
    """

    id: str
    ops: str
    index: int
    name: str
    span: Span
    source: str
    literal: bool = True

    def misses(self, node: Node) -> bool:
        """Tell whether a node has the operand, but not as a constant."""
        if node.input(self.index) is None:
            return False
        if self.literal:
            return not node.is_literal(self.index)
        return node.constant(self.index) is None


OPERANDS = {
    operand.id: operand
    for operand in (
        Operand("topk-k", "TopK", 1, "K", Span(before=(8, 6)), IMPORTERS_85),
        Operand(
            "nms-limit",
            "NonMaxSuppression",
            2,
            "max_output_boxes_per_class",
            Span(before=(8, 5)),
            IMPORTERS_84,
        ),
        Operand(
            "nms-iou",
            "NonMaxSuppression",
            3,
            "iou_threshold",
            Span(before=(8, 5)),
            IMPORTERS_84,
        ),
        Operand(
            "nms-score",
            "NonMaxSuppression",
            4,
            "score_threshold",
            Span(before=(8, 5)),
            IMPORTERS_84,
        ),
        Operand("reduce-axes", REDUCTIONS, 1, "axes", EVERY, HELPERS_101),
        Operand("cumsum-axis", "CumSum", 1, "axis", Span(before=(10, 8)), IMPORTERS_101),
        Operand("conv-weights", "Conv ConvTranspose", 1, "W", Span(before=(8, 5)), OPERATORS_84),
        Operand("deconv-bias", "ConvTranspose", 2, "B", Span(before=(8, 5)), IMPORTERS_84),
        Operand(
            "instance-norm-scale",
            "InstanceNormalization",
            1,
            "scale",
            Span(before=(8, 6)),
            IMPORTERS_85,
        ),
        Operand(
            "instance-norm-bias",
            "InstanceNormalization",
            2,
            "B",
            Span(before=(8, 6)),
            IMPORTERS_85,
        ),
        Operand(
            "quantize-scale",
            "QuantizeLinear DequantizeLinear",
            1,
            "scale",
            Span(before=(10, 0)),
            IMPORTERS_86,
        ),
        Operand("dropout-mode", "Dropout", 2, "training_mode", EVERY, IMPORTERS_101),
        Operand(
            "slice-axes", "Slice", 3, "axes", Span(before=(10, 3)), IMPORTERS_101, literal=False
        ),
        Operand("pad-axes", "Pad", 3, "axes", Span(before=(10, 4)), IMPORTERS_101),
        Operand(
            "squeeze-axes",
            "Squeeze Unsqueeze",
            1,
            "axes",
            Span(before=(10, 7)),
            f"{IMPORTERS_101}; {CHANGES}",
            literal=False,
        ),
        Operand("onehot-depth", "OneHot", 1, "depth", Span((9, 1)), OPERATORS_101, literal=False),
        Operand("onehot-depth-85", "OneHot", 1, "depth", Span(before=(8, 6)), IMPORTERS_85, False),
    )
}


def _find(operand: Operand) -> Find:
    def find(graph: GraphView, target: Target) -> Iterator[Problem]:
        for node in graph.of(*operand.ops.split()):
            if operand.misses(node):
                yield _problem(operand, node)

    return find


def _problem(operand: Operand, node: Node) -> Problem:
    value, name = node.constant(operand.index), node.input(operand.index)
    if value is None:
        return Problem(
            f"{operand.name} of {node.op} is {name!r}, which depends on the graph's inputs",
            node,
            fix=f"make {operand.name} a constant: fix the sizes that it is computed of",
        )
    text = f"always {value.item()}" if value.size == 1 else f"a constant of shape {value.shape}"
    return Problem(
        f"{operand.name} of {node.op} is {name!r}, computed by nodes though it is {text}", node
    )


RULES = registry(
    *(
        Rule(
            operand.id,
            NODE,
            f"{operand.name} of {', '.join(operand.ops.split())} must be "
            + ("an initializer." if operand.literal else "computed of constants."),
            operand.source,
            _find(operand),
            "fold it to a constant",
            span=operand.span,
        )
        for operand in OPERANDS.values()
    )
)
