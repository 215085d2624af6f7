"""Detectors: build, train, load, run and score them.

Nothing heavy is loaded before it is used: ``from detection import Preprocess`` loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .candidates import spread_scores
    from .convert_norm import convert_norm
    from .data.annotations import AnnotationReport, CocoAnnotations
    from .data.augment import Augment, TrainAugment
    from .data.coco import CocoDataset, Target
    from .data.coco_json import CocoCategory, CocoImage
    from .data.example_images import example_images
    from .data.images import load_image
    from .data.layout import CocoSplit, find_coco, find_split, open_split
    from .data.letterbox import Letterbox
    from .data.loader import Batch, batch_order, collate, make_loader
    from .data.preprocess import Preprocess
    from .data.rle import Rle, decode_rle
    from .data.scene import ShapesRecipe
    from .data.shapes import write_shapes
    from .detector import Detector
    from .errors import (
        BuildError,
        CheckpointError,
        DatasetError,
        DetectionError,
        MetricError,
        PreprocessError,
        TrainingError,
    )
    from .foreign import ForeignDetector, fixed_shape, foreign_preprocess
    from .graph_model import GraphModel
    from .graph_module import GraphModule
    from .losses import LossConfig
    from .metric.coco_ap import CocoReport, evaluate_coco
    from .metric.detections import ImageDetections
    from .metric.groups import MatchGroup
    from .metric.image_matches import ImageMatches, match_images
    from .metric.inference import detect_dataset, run_engine, run_module
    from .metric.matching import MatchOptions, MatchReport, Orphan, match_all, match_detections
    from .metric.pasting import paste_masks
    from .metric.score import score_detections, score_detector
    from .metric.weighted_ap import AP_NAMES, weighted_ap
    from .modules import MODULES, build_module
    from .modules.dynamic_batch import dynamic_batch
    from .pretrained import OfficialWeights, load_imagenet_backbone, official_weights
    from .recalibrate import recalibrate_bn, score_path
    from .receptive_field import ReceptiveField, random_receptive_fields, receptive_fields
    from .receptive_field_picture import draw_receptive_fields, picture_receptive_fields
    from .supernet import Supernet
    from .training.config import TrainConfig
    from .training.loop import train
    from .training.paths import one_detector, uniform_paths
    from .training.report import TrainReport, TrainRow
    from .training.standalone import (
        TrainedDetector,
        open_training_data,
        require_classes,
        require_trainable,
        train_detector,
    )
    from .weights import (
        WeightsInfo,
        load_foreign_weights,
        load_weights,
        read_weights_info,
        save_weights,
    )

__all__ = [
    "AP_NAMES",
    "MODULES",
    "AnnotationReport",
    "Augment",
    "Batch",
    "BuildError",
    "CheckpointError",
    "CocoAnnotations",
    "CocoCategory",
    "CocoDataset",
    "CocoImage",
    "CocoReport",
    "CocoSplit",
    "DatasetError",
    "DetectionError",
    "Detector",
    "ForeignDetector",
    "GraphModel",
    "GraphModule",
    "ImageDetections",
    "ImageMatches",
    "Letterbox",
    "LossConfig",
    "MatchGroup",
    "MatchOptions",
    "MatchReport",
    "MetricError",
    "OfficialWeights",
    "Orphan",
    "Preprocess",
    "PreprocessError",
    "ReceptiveField",
    "Rle",
    "ShapesRecipe",
    "Supernet",
    "Target",
    "TrainAugment",
    "TrainConfig",
    "TrainReport",
    "TrainRow",
    "TrainedDetector",
    "TrainingError",
    "WeightsInfo",
    "batch_order",
    "build_module",
    "collate",
    "convert_norm",
    "decode_rle",
    "detect_dataset",
    "draw_receptive_fields",
    "dynamic_batch",
    "evaluate_coco",
    "example_images",
    "find_coco",
    "find_split",
    "fixed_shape",
    "foreign_preprocess",
    "load_foreign_weights",
    "load_image",
    "load_imagenet_backbone",
    "load_weights",
    "make_loader",
    "match_all",
    "match_detections",
    "match_images",
    "official_weights",
    "one_detector",
    "open_split",
    "open_training_data",
    "paste_masks",
    "picture_receptive_fields",
    "random_receptive_fields",
    "read_weights_info",
    "recalibrate_bn",
    "receptive_fields",
    "require_classes",
    "require_trainable",
    "run_engine",
    "run_module",
    "save_weights",
    "score_detections",
    "score_detector",
    "score_path",
    "spread_scores",
    "train",
    "train_detector",
    "uniform_paths",
    "weighted_ap",
    "write_shapes",
]

_HOMES = {
    "AP_NAMES": ".metric.weighted_ap",
    "MODULES": ".modules",
    "AnnotationReport": ".data.annotations",
    "Augment": ".data.augment",
    "Batch": ".data.loader",
    "BuildError": ".errors",
    "CheckpointError": ".errors",
    "CocoAnnotations": ".data.annotations",
    "CocoCategory": ".data.coco_json",
    "CocoDataset": ".data.coco",
    "CocoImage": ".data.coco_json",
    "CocoReport": ".metric.coco_ap",
    "CocoSplit": ".data.layout",
    "DatasetError": ".errors",
    "DetectionError": ".errors",
    "Detector": ".detector",
    "ForeignDetector": ".foreign",
    "GraphModel": ".graph_model",
    "GraphModule": ".graph_module",
    "ImageDetections": ".metric.detections",
    "ImageMatches": ".metric.image_matches",
    "Letterbox": ".data.letterbox",
    "LossConfig": ".losses",
    "MatchGroup": ".metric.groups",
    "MatchOptions": ".metric.matching",
    "MatchReport": ".metric.matching",
    "MetricError": ".errors",
    "OfficialWeights": ".pretrained",
    "Orphan": ".metric.matching",
    "Preprocess": ".data.preprocess",
    "PreprocessError": ".errors",
    "ReceptiveField": ".receptive_field",
    "Rle": ".data.rle",
    "ShapesRecipe": ".data.scene",
    "Supernet": ".supernet",
    "Target": ".data.coco",
    "TrainAugment": ".data.augment",
    "TrainConfig": ".training.config",
    "TrainReport": ".training.report",
    "TrainRow": ".training.report",
    "TrainedDetector": ".training.standalone",
    "TrainingError": ".errors",
    "WeightsInfo": ".weights",
    "batch_order": ".data.loader",
    "build_module": ".modules",
    "collate": ".data.loader",
    "convert_norm": ".convert_norm",
    "decode_rle": ".data.rle",
    "detect_dataset": ".metric.inference",
    "draw_receptive_fields": ".receptive_field_picture",
    "dynamic_batch": ".modules.dynamic_batch",
    "evaluate_coco": ".metric.coco_ap",
    "example_images": ".data.example_images",
    "find_coco": ".data.layout",
    "find_split": ".data.layout",
    "fixed_shape": ".foreign",
    "foreign_preprocess": ".foreign",
    "load_foreign_weights": ".weights",
    "load_image": ".data.images",
    "load_imagenet_backbone": ".pretrained",
    "load_weights": ".weights",
    "make_loader": ".data.loader",
    "match_all": ".metric.matching",
    "match_detections": ".metric.matching",
    "match_images": ".metric.image_matches",
    "official_weights": ".pretrained",
    "one_detector": ".training.paths",
    "picture_receptive_fields": ".receptive_field_picture",
    "open_split": ".data.layout",
    "open_training_data": ".training.standalone",
    "paste_masks": ".metric.pasting",
    "random_receptive_fields": ".receptive_field",
    "read_weights_info": ".weights",
    "recalibrate_bn": ".recalibrate",
    "receptive_fields": ".receptive_field",
    "require_classes": ".training.standalone",
    "require_trainable": ".training.standalone",
    "run_engine": ".metric.inference",
    "run_module": ".metric.inference",
    "save_weights": ".weights",
    "score_detections": ".metric.score",
    "score_detector": ".metric.score",
    "score_path": ".recalibrate",
    "spread_scores": ".candidates",
    "train": ".training.loop",
    "train_detector": ".training.standalone",
    "uniform_paths": ".training.paths",
    "weighted_ap": ".metric.weighted_ap",
    "write_shapes": ".data.shapes",
}
"""Public name -> the module that holds it, loaded when the name is first used."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
