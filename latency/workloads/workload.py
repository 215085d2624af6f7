"""What is timed: a graph of modules, with the form of it that each engine needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from searchspaces import Graph, TensorSpec, cost_of

from .graph_text import graph_from_dict, graph_to_dict

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from detection import GraphModel

    from ..recording.recording import Recording

MODULE, CHAIN, DETECTOR = "module", "chain", "detector"
ROLES = (MODULE, CHAIN, DETECTOR)
IN_CONTEXT = "in_context"  # a module's cost as chains tell it: of no row that was measured
COST_INSIDE = "cost inside a detector"  # how the labels of such rows begin
IMAGE_CHANNELS, MAP_RANK = 3, 4


@dataclass(frozen=True, slots=True)
class Workload:
    """Name a graph to be timed.

    Attributes:
        role: ``module`` (alone), ``chain`` (modules in context) or ``detector`` (whole).
        label: What a reader should see; the architecture's text form for a detector.
        graph: The modules and their wiring.
    """

    role: str
    label: str
    graph: Graph

    @property
    def key(self) -> str:
        """Return role and graph key: two workloads with one key cost the same."""
        return f"{self.role}:{self.graph.key}"

    def to_dict(self) -> dict[str, object]:
        """Return JSON-able fields."""
        return {"role": self.role, "label": self.label, "graph": graph_to_dict(self.graph)}

    @classmethod
    def from_dict(cls, fields: dict[str, object]) -> Workload:
        """Read back what :meth:`to_dict` gave; raise ``ValueError`` on anything else."""
        if fields.get("role") not in ROLES:
            raise ValueError(f"role is {fields.get('role')!r}, not one of {', '.join(ROLES)}")
        return cls(str(fields["role"]), str(fields["label"]), graph_from_dict(fields["graph"]))


class WorkloadModel:
    """Offer a workload to the engines; torch and ONNX forms are made when asked for.

    Args:
        workload: What is timed.
        seed: Of weights, and of inputs that are not recorded.
        recording: Gives data-dependent modules the inputs that they have in a detector.
    """

    def __init__(
        self, workload: Workload, seed: int = 0, recording: Recording | None = None
    ) -> None:
        self._workload = workload
        self._seed = seed
        self._recording = recording

    @property
    def name(self) -> str:
        """Return the workload's label."""
        return self._workload.label

    @property
    def graph(self) -> Graph:
        """Return the modules and their wiring."""
        return self._workload.graph

    @property
    def macs(self) -> int:
        """Return the multiply-adds of one run."""
        return sum(cost_of(spec).macs * n for spec, n in self._workload.graph.counts().items())

    @cached_property
    def inner_tensors(self) -> frozenset[str]:
        """Return the maps ``(n, c, h, w)`` at the borders of a part of a detector, images apart.

        Inside the detector they are no borders: see :class:`engines.CutModel`.
        """
        if self._workload.role == DETECTOR:
            return frozenset()
        graph, names = self.graph, self._model.output_names
        given = {name: graph.tensors[ref] for name, ref in zip(names, graph.outputs, strict=True)}
        ends = {**dict(graph.inputs), **given}
        return frozenset(name for name, tensor in ends.items() if _is_inner_map(tensor))

    @cached_property
    def _model(self) -> GraphModel:
        from detection import GraphModel

        graph, recording = self._workload.graph, self._recording
        if recording is None:
            return GraphModel(graph, seed=self._seed)
        sets, weights = recording.input_sets(graph), recording.weights_of(graph)
        return GraphModel(graph, self._seed, input_sets=sets, weights=weights)

    def input_sets(self) -> tuple[dict[str, npt.NDArray[np.generic]], ...]:
        """Return what the workload is timed on in turns, arrays for every graph input each.

        One set without a recording, or without modules that depend on their data.
        """
        return self._inputs

    @cached_property
    def _inputs(self) -> tuple[dict[str, npt.NDArray[np.generic]], ...]:
        return self._model.all_inputs()

    def example_inputs(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the first of the sets."""
        return self._inputs[0]

    def torch_module(self) -> torch.nn.Module:
        """Return the runnable module in eval mode, with seeded weights."""
        return self._model.torch_module()

    def onnx_bytes(self) -> bytes:
        """Return the graph as an ONNX model; the engine that loads it checks it."""
        from engines import to_onnx

        module, inputs = self.torch_module(), self.example_inputs()
        model = to_onnx(module, inputs, self._model.output_names, check=False)
        return bytes(model.SerializeToString())


def _is_inner_map(tensor: TensorSpec) -> bool:
    """Return whether a tensor is a map of features, not the image."""
    return len(tensor.shape) == MAP_RANK and tensor.shape[1] != IMAGE_CHANNELS
