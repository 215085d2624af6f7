"""What parts share: the builder that threads tensors, and the contracts of the four parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Protocol

from ..errors import ModuleSpecError
from ..graph import Node, reference
from ..kinds import outputs_of
from ..modules import ModuleSpec, TensorSpec, Value

Ref = tuple[str, TensorSpec]
STAGES = 4
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
    """Make each node once: a search lists the same few hundred nodes millions of times."""
    tensors = tuple(tensor for _, tensor in inputs)
    spec, made = _specify(kind, tensors, precision, params, types)
    outputs = tuple((reference(name, i), tensor) for i, tensor in enumerate(made))
    return Node(name, part, spec, tuple(ref for ref, _ in inputs)), outputs


@lru_cache(maxsize=_CACHE)
def _specify(
    kind: str,
    inputs: tuple[TensorSpec, ...],
    precision: tuple[str, int],
    params: tuple[tuple[str, Value], ...],
    types: tuple[type, ...],
) -> tuple[ModuleSpec, tuple[TensorSpec, ...]]:
    """Make each module once, and what it gives: it stands at many places.

    ``types`` keeps parameters ``1`` and ``1.0``, which hash alike, apart.
    """
    dtype, batch = precision
    spec = ModuleSpec(kind, tuple(sorted(params)), inputs, dtype, batch)
    return spec, outputs_of(spec)


@dataclass
class GraphBuilder:
    """Collect nodes and remember the tensor behind every reference.

    Attributes:
        input_hw: Of the detector.
        num_classes: Without background.
        batch: Images per run.
        dtype: Precision of the modules.
        backbone: The detector's; a head without pyramid runs its last stage on every box.
        nodes: The modules so far, in running order.
    """

    input_hw: tuple[int, int]
    num_classes: int
    batch: int
    dtype: str
    backbone: Backbone
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
    """Turn the image into feature maps: four stages, at strides 4, 8, 16 and 32."""

    def build(self, graph: GraphBuilder, image: Ref, stages: int = STAGES) -> list[Ref]:
        """Append stem and the first ``stages`` stages; return the map at the end of each."""
        ...

    def build_last_stage(self, graph: GraphBuilder, name: str, part: str, x: Ref) -> Ref:
        """Append the last stage to any map; ``name`` begins the names of its nodes."""
        ...


class Neck(Protocol):
    """Turn backbone maps into pyramid levels."""

    @property
    def stages(self) -> int:
        """Return how many of the backbone's stages it needs; later ones are not built."""
        ...

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


def anchor_params(
    graph: GraphBuilder, levels: list[Ref], scales: tuple[float, ...], ratios: tuple[float, ...]
) -> dict[str, Value]:
    """Return the parameters that name the anchors of a module; scales are sides in strides."""
    height, width = graph.input_hw
    return {
        "image_h": height,
        "image_w": width,
        "strides": strides_of(graph, levels),
        "heights": join(t.shape[2] for _, t in levels),
        "widths": join(t.shape[3] for _, t in levels),
        "anchor_scales": join(scales),
        "ratios": join(ratios),
    }


def strides_of(graph: GraphBuilder, levels: list[Ref]) -> str:
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
    return join(finest * 2**index for index in range(len(levels)))


def join(values: Iterable[float]) -> str:
    """Write a list parameter without loss; whole numbers without a point."""
    return ":".join(str(int(v)) if v == int(v) else repr(float(v)) for v in values)
