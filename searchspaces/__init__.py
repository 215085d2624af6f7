"""Vocabulary of detector search: architectures, modules, whole detectors, spaces, counting.

Pure Python and NumPy; knows neither torch nor engines.
"""

from __future__ import annotations

from .architecture import Architecture
from .detector import IMAGE, OUTPUTS, DetectorSpec
from .errors import ArchitectureError, ModuleSpecError, SearchSpaceError, UnknownSpaceError
from .graph import PARTS, Graph, Node, chain, reference
from .kinds import (
    KINDS,
    Cost,
    ModuleKind,
    anchors_per_cell,
    anchors_per_level,
    cost_of,
    level_sizes,
    outputs_of,
)
from .modules import PRECISIONS, ModuleSpec, TensorSpec
from .parts import (
    SHUFFLE_OPS,
    BoxHead,
    Fpn,
    RegionProposals,
    RetinaNetHead,
    ShuffleBackbone,
)
from .space import SearchSpace
from .spaces import SPACES, DetNasSpace, make_space

__all__ = [
    "IMAGE",
    "KINDS",
    "OUTPUTS",
    "PARTS",
    "PRECISIONS",
    "SHUFFLE_OPS",
    "SPACES",
    "Architecture",
    "ArchitectureError",
    "BoxHead",
    "Cost",
    "DetNasSpace",
    "DetectorSpec",
    "Fpn",
    "Graph",
    "ModuleKind",
    "ModuleSpec",
    "ModuleSpecError",
    "Node",
    "RegionProposals",
    "RetinaNetHead",
    "SearchSpace",
    "SearchSpaceError",
    "ShuffleBackbone",
    "TensorSpec",
    "UnknownSpaceError",
    "anchors_per_cell",
    "anchors_per_level",
    "chain",
    "cost_of",
    "level_sizes",
    "make_space",
    "outputs_of",
    "reference",
]
