"""Lives of the plugins that ship with TensorRT and that detectors use.

When each came, was deprecated and was removed, by the names under which plugin/ of NVIDIA/TensorRT
registers it at 3e345efc (8.4), 68b5072f (8.5), a0215c1a (8.6), ccf11997 (10.0), 08ad45bf (10.4),
9255eb39 (10.11), d0faf303 (10.16), 93842ac9 (11.0), and CHANGELOG.md at 90536162.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..rule import words
from ..versions import Release


@dataclass(frozen=True, slots=True)
class Life:
    """Say when a plugin came and went.

    Attributes:
        since: First release with it, of those that the rules speak of.
        deprecated: Release that announced its end; None if none did.
        removed: First release without it; None if the newest has it.
    """

    since: Release = (8, 4)
    deprecated: Release | None = None
    removed: Release | None = None


_OLD = Life(deprecated=(9, 0), removed=(11, 0))
_AGEING = Life(deprecated=(10, 12))
_LASTING = Life()

LIVES: dict[str, Life] = {
    "BatchTilePlugin_TRT": _OLD,
    "BatchedNMSDynamic_TRT": _OLD,
    "BatchedNMS_TRT": _OLD,
    "Clip_TRT": _OLD,
    "CoordConvAC": _OLD,
    "CropAndResize": _OLD,
    "CropAndResizeDynamic": _LASTING,
    "CustomGeluPluginDynamic": _OLD,
    "DetectionLayer_TRT": _AGEING,
    "DisentangledAttention_TRT": _LASTING,
    "EfficientNMS_Explicit_TF_TRT": _LASTING,
    "EfficientNMS_Implicit_TF_TRT": _LASTING,
    "EfficientNMS_ONNX_TRT": _OLD,
    "EfficientNMS_TRT": _AGEING,
    "FlattenConcat_TRT": _AGEING,
    "GenerateDetection_TRT": _AGEING,
    "GridAnchorRect_TRT": _LASTING,
    "GridAnchor_TRT": _AGEING,
    "GroupNormalizationPlugin": _AGEING,
    "InstanceNormalization_TRT": _LASTING,
    "LReLU_TRT": _OLD,
    "ModulatedDeformConv2d": Life((8, 6), (10, 12)),
    "MultilevelCropAndResize_TRT": _AGEING,
    "MultilevelProposeROI_TRT": _AGEING,
    "MultiscaleDeformableAttnPlugin_TRT": _LASTING,
    "NMSDynamic_TRT": _OLD,
    "NMS_TRT": _OLD,
    "Normalize_TRT": _OLD,
    "PriorBox_TRT": _AGEING,
    "Proposal": _OLD,
    "ProposalDynamic": Life(deprecated=(10, 12), removed=(11, 0)),
    "ProposalLayer_TRT": _AGEING,
    "PyramidROIAlign_TRT": _LASTING,
    "ROIAlign_TRT": Life((8, 5)),
    "RPROI_TRT": _AGEING,
    "Region_TRT": _AGEING,
    "Reorg_TRT": _AGEING,
    "ResizeNearest_TRT": _AGEING,
    "ScatterElements": Life((10, 0)),
    "SpecialSlice_TRT": _OLD,
    "Split": _OLD,
}

FOREIGN: dict[str, str] = {
    "TRTBatchedNMS": "mmdeploy",
    "TRTBatchedRotatedNMS": "mmdeploy",
    "MMCVMultiLevelRoiAlign": "mmdeploy",
    "MMCVMultiLevelRotatedRoiAlign": "mmdeploy",
    "MMCVDeformConv2d": "mmdeploy",
    "MMCVModulatedDeformConv2d": "mmdeploy",
    "MMCVRoiAlign": "mmdeploy",
    "GatherTopk": "mmdeploy",
    "YoloLayer_TRT": "an application",
    "deform_conv2d": "torchvision",
    "DeformConv2d": "torchvision",
}
"""Operators of libraries that bring plugins of their own, which have to be loaded first."""

TENSORRT_OPS: frozenset[str] = words(
    "TRT_FP8QuantizeLinear TRT_FP8DequantizeLinear TRT_INT4QuantizeLinear TRT_INT4DequantizeLinear"
)
"""Operators that the parser itself adds, from 10.0 on."""
