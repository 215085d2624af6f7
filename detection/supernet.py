"""One network that holds the weights of every architecture of a space (path-wise one-shot).

Source: DetNAS (Chen et al., NeurIPS 2019), sec. 3.1; single-path one-shot (Guo et al., ECCV 2020).
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping

import numpy as np
from torch import nn

from searchspaces import Architecture, Graph, ModuleSpec, Node, SearchSpace

from .detector import Detector
from .errors import BuildError
from .losses import LossConfig
from .modules import build_module

PATIENCE = 64  # architectures drawn in a row without a new module before the bank counts as full
MAX_DRAWN = 10_000


class Supernet(nn.Module):
    """Hold one module for every choice that a space offers at every place.

    Weights are drawn from torch's global generator.

    Args:
        space: Any search space that names detectors.
        loss_config: Numbers of the losses of every path; see :class:`Detector`.

    Attributes:
        space: As given.
        specs: Specification of every module by name, ``<node>__<digest of the specification>``.
        bank: The modules by these names.

    Example:
        >>> from searchspaces import make_space
        >>> space = make_space("detnas-nano", num_classes=3)
        >>> path = Supernet(space).detector(space.decode("0123012301"))
    """

    def __init__(self, space: SearchSpace, loss_config: LossConfig | None = None) -> None:
        super().__init__()
        self.space = space
        self.loss_config = loss_config
        self.specs = bank_specs(space)
        self.bank = nn.ModuleDict({k: build_module(spec) for k, spec in self.specs.items()})

    def detector(self, arch: Architecture) -> Detector:
        """Return the detector of a path; its modules are the bank's own, nothing is copied.

        Only what the path holds gets gradients from its losses.

        Raises:
            ArchitectureError: The space does not hold the architecture.
            BuildError: The bank lacks a module of the path.
        """
        spec = self.space.detector(arch)
        return Detector(spec, self._shared(arch, spec.graph()), self.loss_config)

    def extract(self, arch: Architecture) -> Detector:
        """Return an independent copy of a path, without gradients."""
        path = self.detector(arch)
        for name, module in path.nodes.items():
            path.nodes[name] = copy.deepcopy(module)
        path.zero_grad(set_to_none=True)
        return path

    def _shared(self, arch: Architecture, graph: Graph) -> Mapping[str, nn.Module]:
        keys = {node.name: _key(node) for node in graph.nodes}
        missing = [name for name, key in keys.items() if key not in self.bank]
        if missing:
            raise BuildError(
                f"the supernet of {self.space.name} has no module for {', '.join(missing[:3])} "
                f"of {self.space.encode(arch)}; let the space offer covering()"
            )
        return {name: self.bank[key] for name, key in keys.items()}


def _key(node: Node) -> str:
    digest = hashlib.sha256(node.spec.key.encode()).hexdigest()[:8]
    return f"{node.name}__{digest}"


def bank_specs(space: SearchSpace) -> dict[str, ModuleSpec]:
    """Return the specification of every module of a supernet, by its name in the bank.

    Exact where the space offers ``covering``. Else first the architectures whose genes all take
    their first value, their second and so on; then random ones until nothing new appears.
    """
    covering = getattr(space, "covering", None)
    found: dict[str, ModuleSpec] = {}
    idle = 0
    for arch in _architectures(space) if covering is None else covering():
        before = len(found)
        for node in space.detector(arch).graph().nodes:
            found.setdefault(_key(node), node.spec)
        idle = 0 if len(found) > before or covering is not None else idle + 1
        if idle >= PATIENCE:
            break
    return found


def _architectures(space: SearchSpace) -> Iterator[Architecture]:
    choices = getattr(space, "gene_choices", ())
    for index in range(max(map(len, choices), default=0)):
        genes = tuple(values[min(index, len(values) - 1)] for values in choices)
        arch = Architecture(space.name, genes)
        if space.is_valid(arch):
            yield arch
    rng = np.random.default_rng(0)
    for _ in range(MAX_DRAWN):
        yield space.sample(rng)
