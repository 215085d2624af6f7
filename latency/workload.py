"""What is timed: a graph of modules, with the form of it that each engine needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from searchspaces import Graph, cost_of

from .graph_text import graph_from_dict, graph_to_dict

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from detection import GraphModel

MODULE, CHAIN, DETECTOR = "module", "chain", "detector"
ROLES = (MODULE, CHAIN, DETECTOR)


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
    """Offer a workload to the engines; torch and ONNX forms are made when asked for."""

    def __init__(self, workload: Workload, seed: int = 0) -> None:
        self._workload = workload
        self._seed = seed

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
    def _model(self) -> GraphModel:
        from detection import GraphModel

        return GraphModel(self._workload.graph, seed=self._seed)

    def example_inputs(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return seeded arrays for every graph input."""
        return self._model.example_inputs()

    def torch_module(self) -> torch.nn.Module:
        """Return the runnable module in eval mode, with seeded weights."""
        return self._model.torch_module()

    def onnx_bytes(self) -> bytes:
        """Return the graph as a checked ONNX model."""
        from engines import to_onnx

        model = to_onnx(self.torch_module(), self.example_inputs(), self._model.output_names)
        return bytes(model.SerializeToString())
