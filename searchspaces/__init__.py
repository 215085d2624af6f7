"""Vocabulary of detector search: architectures, modules, whole detectors, spaces, counting.

Pure Python and NumPy; knows neither torch nor engines.
"""

from __future__ import annotations

from .arch_text import format_arch, format_size, parse_arch, parse_size
from .architecture import Architecture
from .coverage import CoverageWarning, count_distinct_modules, distinct_modules
from .describe import describe_detector, describe_spaces, describe_variant
from .detector import IMAGE, OUTPUTS, DetectorSpec
from .errors import (
    ArchitectureError,
    ModuleSpecError,
    SearchSpaceError,
    SizeError,
    UnknownSpaceError,
)
from .files import sha256_of_file, write_atomically
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
    "CoverageWarning",
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
    "SizeError",
    "TensorSpec",
    "UnknownSpaceError",
    "anchors_per_cell",
    "anchors_per_level",
    "chain",
    "cost_of",
    "count_distinct_modules",
    "describe_detector",
    "describe_spaces",
    "describe_variant",
    "distinct_modules",
    "format_arch",
    "format_size",
    "level_sizes",
    "make_space",
    "outputs_of",
    "parse_arch",
    "parse_size",
    "reference",
    "sha256_of_file",
    "write_atomically",
]
