"""Vocabulary of detector search: architectures, modules, whole detectors, spaces, counting.

Pure Python and NumPy; knows neither torch nor engines.
"""

from __future__ import annotations

from .arch_text import format_arch, format_size, parse_arch, parse_option, parse_size
from .architecture import Architecture
from .counting import CostCounter, Counts
from .coverage import CoverageWarning, count_distinct_modules, distinct_modules
from .describe import describe_detector, describe_spaces, describe_variant
from .detector import IMAGE, MASKS, OUTPUTS, DetectorSpec
from .errors import (
    ArchitectureError,
    ModuleSpecError,
    SearchSpaceError,
    SizeError,
    UnknownSpaceError,
)
from .files import append_whole, sha256_of_file, write_atomically, writing
from .graph import PARTS, Graph, Node, chain, reference
from .kinds import (
    KINDS,
    NAS_FPN_CELLS,
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
    BOX_STDS,
    C4_ANCHOR_SCALES,
    CASCADE_STDS,
    CODED_BLOCKS,
    SHUFFLE_OPS,
    BoxHead,
    CodedBackbone,
    Fpn,
    GuidedRegionProposals,
    MaskBranch,
    MobileNetV2Backbone,
    NasFpn,
    RegionProposals,
    ResNetBackbone,
    RetinaNetHead,
    ShuffleBackbone,
    SingleLevel,
    octave_scales,
)
from .sketch import SvgCanvas, draw_architectures, fit_text
from .space import SearchSpace
from .spaces import (
    ALIASES,
    SPACES,
    BackboneCode,
    CrNasOperations,
    CrNasSpace,
    CrNasStages,
    DetNasSpace,
    SmNasModularSpace,
    SmNasStructuralSpace,
    is_deeper_or_wider,
    make_space,
)
from .token_table import TokenTable
from .zoo import ZOO, Figure, ZooModel, ZooSpace

__all__ = [
    "ALIASES",
    "BOX_STDS",
    "C4_ANCHOR_SCALES",
    "CASCADE_STDS",
    "CODED_BLOCKS",
    "IMAGE",
    "KINDS",
    "MASKS",
    "NAS_FPN_CELLS",
    "OUTPUTS",
    "PARTS",
    "PRECISIONS",
    "SHUFFLE_OPS",
    "SPACES",
    "ZOO",
    "Architecture",
    "ArchitectureError",
    "BackboneCode",
    "BoxHead",
    "CodedBackbone",
    "Cost",
    "CostCounter",
    "Counts",
    "CoverageWarning",
    "CrNasOperations",
    "CrNasSpace",
    "CrNasStages",
    "DetNasSpace",
    "DetectorSpec",
    "Figure",
    "Fpn",
    "Graph",
    "GuidedRegionProposals",
    "MaskBranch",
    "MobileNetV2Backbone",
    "ModuleKind",
    "ModuleSpec",
    "ModuleSpecError",
    "NasFpn",
    "Node",
    "RegionProposals",
    "ResNetBackbone",
    "RetinaNetHead",
    "SearchSpace",
    "SearchSpaceError",
    "ShuffleBackbone",
    "SingleLevel",
    "SizeError",
    "SmNasModularSpace",
    "SmNasStructuralSpace",
    "SvgCanvas",
    "TensorSpec",
    "TokenTable",
    "UnknownSpaceError",
    "ZooModel",
    "ZooSpace",
    "anchors_per_cell",
    "anchors_per_level",
    "append_whole",
    "chain",
    "cost_of",
    "count_distinct_modules",
    "describe_detector",
    "describe_spaces",
    "describe_variant",
    "distinct_modules",
    "draw_architectures",
    "fit_text",
    "format_arch",
    "format_size",
    "is_deeper_or_wider",
    "level_sizes",
    "make_space",
    "octave_scales",
    "outputs_of",
    "parse_arch",
    "parse_option",
    "parse_size",
    "reference",
    "sha256_of_file",
    "write_atomically",
    "writing",
]
