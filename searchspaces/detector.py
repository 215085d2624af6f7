"""A whole detector, declared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .errors import ModuleSpecError
from .graph import PARTS, Graph, Node
from .kinds import cost_of
from .modules import ModuleSpec, TensorSpec
from .parts import Backbone, GraphBuilder, Head, Neck, Ref, Rpn

IMAGE = "image"
MIN_SIDE = 32
OUTPUTS = ("boxes", "scores", "labels", "count")
"""What every detector gives; see :meth:`DetectorSpec.graph`."""

MASKS = "masks"
"""What a detector with a mask branch gives beside."""


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """Declare a detector by its parts.

    Attributes:
        input_hw: Height and width of the network's input in pixels.
        backbone: Makes feature maps of the image.
        neck: Makes pyramid levels of the maps.
        rpn: Makes proposals of the levels; ``None`` for a one-stage detector.
        head: Makes detections.
        num_classes: Classes without background.

    Raises:
        ModuleSpecError: A two-stage head lacks its RPN or a one-stage head has one, the input is
            no pair of ints or smaller than the coarsest backbone stride, or there is no class.
    """

    input_hw: tuple[int, int]
    backbone: Backbone
    neck: Neck
    rpn: Rpn | None
    head: Head
    num_classes: int

    def __post_init__(self) -> None:
        hw: object = self.input_hw
        if not isinstance(hw, tuple) or [type(side) for side in hw] != [int, int]:
            raise ModuleSpecError(f"input_hw must be a tuple (height, width) of ints, got {hw!r}")
        if min(hw) < MIN_SIDE:
            raise ModuleSpecError(
                f"input {hw[1]}x{hw[0]} (width x height) is too small; both sides must be at "
                f"least {MIN_SIDE} pixels, the backbone's coarsest stride"
            )
        if type(self.num_classes) is not int or self.num_classes < 1:
            raise ModuleSpecError(f"num_classes must be an int >= 1, got {self.num_classes!r}")
        if self.head.needs_proposals != (self.rpn is not None):
            head = type(self.head).__name__
            fix = "give it an RPN" if self.head.needs_proposals else "leave the RPN out (rpn=None)"
            raise ModuleSpecError(f"{head} and rpn={self.rpn} do not fit together; {fix}")

    def graph(self, batch: int = 1, dtype: str = "fp32") -> Graph:
        """Wire the detector's modules.

        The input ``image`` is ``(batch, 3, h, w)``, normalised. The outputs are boxes
        ``(batch, d, 4)`` as x1, y1, x2, y2 in input pixels, scores ``(batch, d)`` in falling
        order, zero-based labels ``(batch, d)`` and counts ``(batch,)``; rows from the count on
        are zero. A mask branch adds masks ``(batch, d, m, m)``: probabilities inside the box.
        """
        nodes, outputs = self._build(batch, dtype)
        image = (IMAGE, self._image(batch))
        return Graph((image,), tuple(nodes), tuple(ref for ref, _ in outputs))

    @property
    def output_names(self) -> tuple[str, ...]:
        """Return the names of what the detector gives, in order."""
        _, outputs = self._build(1, "fp32")
        return (*OUTPUTS, MASKS)[: len(outputs)]

    def _image(self, batch: int) -> TensorSpec:
        return TensorSpec((batch, 3, *self.input_hw))

    def _build(self, batch: int, dtype: str) -> tuple[list[Node], list[Ref]]:
        """Let every part append its nodes; return them and the references to the outputs.

        Counting needs no more than this: a :class:`Graph` would check the wiring once again.
        """
        builder = GraphBuilder(self.input_hw, self.num_classes, batch, dtype, self.backbone)
        image = (IMAGE, self._image(batch))
        features = self.backbone.build(builder, image, self.neck.stages)
        levels = self.neck.build(builder, features)
        proposals = self.rpn.build(builder, levels) if self.rpn else []
        return builder.nodes, self.head.build(builder, levels, proposals)

    def nodes(self, batch: int = 1, dtype: str = "fp32") -> list[Node]:
        """List the nodes of :meth:`graph`, without checking their wiring: quicker."""
        return self._build(batch, dtype)[0]

    def modules(self, batch: int = 1, dtype: str = "fp32") -> tuple[tuple[ModuleSpec, int], ...]:
        """List the distinct modules and how often each occurs, in the order of first use."""
        return tuple(Counter(node.spec for node in self.nodes(batch, dtype)).items())

    def macs(self, batch: int = 1, *, elementwise: bool = False) -> dict[str, int]:
        """Count multiply-adds per part and in total.

        Args:
            batch: Images per run; counts are for the whole batch.
            elementwise: Add normalisation and activation operations, as SM-NAS and CR-NAS do.

        Returns:
            Counts of ``backbone``, ``neck``, ``rpn``, ``head`` and ``total``; one multiply-add
            is one. RoIAlign and box selection have no multiply-adds by this convention.
        """
        counts = dict.fromkeys(PARTS, 0)
        for node in self.nodes(batch):
            cost = cost_of(node.spec)
            counts[node.part] += cost.macs + (cost.elementwise if elementwise else 0)
        return {**counts, "total": sum(counts.values())}

    def params(self) -> int:
        """Count learnable numbers."""
        return sum(cost_of(node.spec).params for node in self.nodes())
