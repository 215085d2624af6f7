"""A graph as a model that an engine is built from: weights, inputs and names made on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from searchspaces import MASKS, OUTPUTS, Graph, ModuleSpec, Node, TensorSpec, cost_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from .graph_module import GraphModule

    Array = npt.NDArray[np.generic]

DETECTION_KINDS = ("rcnn_detections", "retinanet_detections")
DELTA_STD = 0.1  # spread of regression outputs: boxes stay near their anchors, as after training
SPREAD_MACS = 40 * 10**9  # the classifiers are spread on as many inputs as cost about a second


@dataclass(frozen=True)
class GraphModel:
    """Make a graph runnable with random weights and plausible inputs.

    Attributes:
        graph: A module, a chain or a whole detector.
        seed: Of weights and inputs. A node's weights depend on seed, name and module alone: cut
            out of a detector it has the weights that it had there.
        label: Name; by default the graph's key.
        input_sets: Recorded inputs, each a mapping that may leave out some of the graph's inputs;
            the examples are the first of them. Without any, or for what is left out, drawn ones.
        weights: File of trained weights that hold every node by its name, instead of drawn ones.
    """

    graph: Graph
    seed: int = 0
    label: str | None = field(default=None)
    input_sets: Sequence[Mapping[str, Array]] = field(default=(), compare=False)
    weights: Path | None = None

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
        """Return one array per input, in order, as :meth:`all_inputs` gives first."""
        return self.all_inputs()[0]

    def all_inputs(self) -> tuple[dict[str, Array], ...]:
        """Return the recorded inputs, one array per graph input and in order, at least one set.

        What was not recorded is drawn: boxes inside the image, full counts, else noise. How long
        box selection takes depends on what it is given; drawn inputs are such that about as much
        is suppressed as in a detector.
        """
        rng = np.random.default_rng(self.seed)
        recorded = set.intersection(*map(set, self.input_sets)) if self.input_sets else set()
        drawn = {
            name: _example(tensor, *self._role(name), rng)
            for name, tensor in self.graph.inputs
            if name not in recorded
        }
        return tuple(
            {n: given[n] if n in given else drawn[n] for n in self.input_names}
            for given in (self.input_sets or ({},))
        )

    def torch_module(self) -> GraphModule:
        """Return the graph's module in evaluation mode, its weights drawn from the seed.

        Classifiers are spread so that final detections have work; see :mod:`.candidates`. Trained
        weights are taken as they are.

        Raises:
            CheckpointError: The trained weights cannot be read or do not fit.
        """
        import torch

        from .candidates import spread_scores

        module = self.unspread_module()
        if self.weights is not None:
            from .weights import load_part

            load_part(self.weights, module)
            return module
        few = self.all_inputs()[: max(1, SPREAD_MACS // max(1, self.macs))]
        spread_scores(module, *({k: torch.tensor(v) for k, v in each.items()} for each in few))
        return module

    def unspread_module(self) -> GraphModule:
        """Return the graph's module in evaluation mode as its weights are drawn from the seed."""
        import torch

        from .graph_module import GraphModule
        from .modules import build_module

        modules = {}
        with torch.random.fork_rng(devices=[]):
            for node in self.graph.nodes:
                torch.manual_seed(_node_seed(self.seed, node))
                modules[node.name] = build_module(node.spec)
        return GraphModule(self.graph, modules).eval()

    def _role(self, name: str) -> tuple[ModuleSpec, int]:
        """Return the first module that takes an input, and which of its inputs that is."""
        for node in self.graph.nodes:
            if name in node.inputs:
                return node.spec, node.inputs.index(name)
        return self.graph.nodes[0].spec, -1


def _node_seed(seed: int, node: Node) -> int:
    text = f"{seed}|{node.name}|{node.spec.key}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


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
