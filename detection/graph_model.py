"""A graph as a model that an engine is built from: weights, inputs and names made on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from searchspaces import MASKS, OUTPUTS, Graph, ModuleSpec, TensorSpec, cost_of

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import nn

    Array = npt.NDArray[np.generic]

DETECTION_KINDS = ("rcnn_detections", "retinanet_detections")
DELTA_STD = 0.1  # spread of regression outputs: boxes stay near their anchors, as after training


@dataclass(frozen=True)
class GraphModel:
    """Make a graph runnable with random weights and plausible inputs.

    Attributes:
        graph: A module, a chain or a whole detector.
        seed: Of weights and inputs.
        label: Name; by default the graph's key.
    """

    graph: Graph
    seed: int = 0
    label: str | None = field(default=None)

    @property
    def name(self) -> str:
        """Return the label, or the graph's key."""
        return self.label or self.graph.key

    @property
    def macs(self) -> int:
        """Return the multiply-adds of one run."""
        return sum(cost_of(node.spec).macs for node in self.graph.nodes)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the graph's input names."""
        return tuple(name for name, _ in self.graph.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Return the detector's names for detections and masks, else the references."""
        refs = self.graph.outputs
        last = next((n for n in self.graph.nodes if n.name == refs[0]), None)
        if last is not None and last.spec.kind in DETECTION_KINDS:
            names = (*OUTPUTS, MASKS)
            if len(OUTPUTS) <= len(refs) <= len(names):
                return names[: len(refs)]
        return tuple(ref.replace(":", "_") for ref in refs)

    def example_inputs(self) -> dict[str, Array]:
        """Return one array per input, in order: boxes inside the image, full counts, else noise.

        How long box selection takes depends on what it is given; these inputs are such that
        about as much is suppressed as in a detector.
        """
        rng = np.random.default_rng(self.seed)
        return {
            name: _example(tensor, *self._role(name), rng) for name, tensor in self.graph.inputs
        }

    def torch_module(self) -> nn.Module:
        """Return the graph's module in evaluation mode, its weights drawn from the seed.

        Classifiers are spread so that final detections have work; see :mod:`.candidates`.
        """
        import torch

        from .candidates import spread_scores
        from .graph_module import GraphModule

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            module = GraphModule(self.graph).eval()
        spread_scores(module, {k: torch.tensor(v) for k, v in self.example_inputs().items()})
        return module

    def _role(self, name: str) -> tuple[ModuleSpec, int]:
        """Return the first module that takes an input, and which of its inputs that is."""
        for node in self.graph.nodes:
            if name in node.inputs:
                return node.spec, node.inputs.index(name)
        return self.graph.nodes[0].spec, -1


def _example(tensor: TensorSpec, spec: ModuleSpec, index: int, rng: np.random.Generator) -> Array:
    from_end = (spec.kind, index - len(spec.inputs))
    make = _EXAMPLES.get((spec.kind, index)) or _EXAMPLES.get(from_end, _noise)
    return make(tensor, spec, rng).astype(tensor.dtype)


def _noise(tensor: TensorSpec, spec: ModuleSpec, rng: np.random.Generator) -> Array:
    return rng.standard_normal(tensor.shape)


def _deltas(tensor: TensorSpec, spec: ModuleSpec, rng: np.random.Generator) -> Array:
    return DELTA_STD * rng.standard_normal(tensor.shape)


def _full_count(tensor: TensorSpec, spec: ModuleSpec, rng: np.random.Generator) -> Array:
    return np.full(tensor.shape, spec.inputs[2].shape[1])


def _labels(tensor: TensorSpec, spec: ModuleSpec, rng: np.random.Generator) -> Array:
    return rng.integers(spec.get_int("num_classes"), size=tensor.shape)


def _dense_logits(tensor: TensorSpec, spec: ModuleSpec, rng: np.random.Generator) -> Array:
    import torch

    from .candidates import LOGIT_STD, passing_shift

    noise = LOGIT_STD * rng.standard_normal(tensor.shape)
    return noise + passing_shift(torch.from_numpy(noise), spec)


def _boxes_on_maps(tensor: TensorSpec, spec: ModuleSpec, rng: np.random.Generator) -> Array:
    height, width = spec.inputs[0].shape[2:]
    stride = spec.get_ints("strides")[0]
    return _boxes(tensor.shape, height * stride, width * stride, rng)


def _boxes_in_image(tensor: TensorSpec, spec: ModuleSpec, rng: np.random.Generator) -> Array:
    return _boxes(tensor.shape, spec.get_int("image_h"), spec.get_int("image_w"), rng)


def _boxes(
    shape: tuple[int, ...], height: int, width: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Draw boxes ``(..., 4)`` inside the image, sides log-uniform from 4 pixels to the image."""
    limits = np.array([width, height])
    sides = np.exp(rng.uniform(np.log(4.0), np.log(limits), (*shape[:-1], 2)))
    corner = rng.random((*shape[:-1], 2)) * (limits - sides)
    return np.concatenate((corner, corner + sides), -1).astype(np.float32)


# Noise is plausible for guided_proposals as it is: its inputs are logits, nearly all above the
# threshold, and shapes and deltas in units of small deviations.
_EXAMPLES: dict[
    tuple[str, int], Callable[[TensorSpec, ModuleSpec, np.random.Generator], Array]
] = {
    ("roi_align", -1): _boxes_on_maps,
    ("proposals", 1): _deltas,
    ("refine_boxes", 0): _deltas,
    ("refine_boxes", 1): _boxes_in_image,
    ("rcnn_detections", 1): _deltas,
    ("rcnn_detections", 2): _boxes_in_image,
    ("rcnn_detections", 3): _full_count,
    ("retinanet_detections", 0): _dense_logits,
    ("retinanet_detections", 1): _deltas,
    ("mask_detections", -1): _labels,
}
"""(kind, input) -> what is given there; inputs behind a varying number of others are counted from
the end. Noise where nothing is said."""
