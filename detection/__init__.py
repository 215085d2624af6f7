"""Detectors: build, train, load, run and score them.

Nothing heavy is loaded before it is used: ``from detection import Preprocess`` loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data.annotations import AnnotationReport, CocoAnnotations
    from .data.augment import Augment, TrainAugment
    from .data.coco import CocoDataset, Target
    from .data.coco_json import CocoCategory, CocoImage
    from .data.images import load_image
    from .data.layout import CocoSplit, find_coco, find_split, open_split
    from .data.letterbox import Letterbox
    from .data.loader import Batch, batch_order, collate, make_loader
    from .data.preprocess import Preprocess
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
    from .graph_model import GraphModel
    from .graph_module import GraphModule
    from .losses import LossConfig
    from .metric.coco_ap import CocoReport, evaluate_coco
    from .metric.detections import ImageDetections
    from .metric.inference import detect_dataset, run_engine, run_module
    from .metric.matching import MatchOptions, MatchReport, Orphan, match_all, match_detections
    from .metric.score import score_detector
    from .modules import MODULES, build_module
    from .recalibrate import recalibrate_bn, score_path
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
    "GraphModel",
    "GraphModule",
    "ImageDetections",
    "Letterbox",
    "LossConfig",
    "MatchOptions",
    "MatchReport",
    "MetricError",
    "Orphan",
    "Preprocess",
    "PreprocessError",
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
    "detect_dataset",
    "evaluate_coco",
    "find_coco",
    "find_split",
    "load_foreign_weights",
    "load_image",
    "load_weights",
    "make_loader",
    "match_all",
    "match_detections",
    "one_detector",
    "open_split",
    "open_training_data",
    "read_weights_info",
    "recalibrate_bn",
    "require_classes",
    "require_trainable",
    "run_engine",
    "run_module",
    "save_weights",
    "score_detector",
    "score_path",
    "train",
    "train_detector",
    "uniform_paths",
    "write_shapes",
]

_HOMES = {
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
    "GraphModel": ".graph_model",
    "GraphModule": ".graph_module",
    "ImageDetections": ".metric.detections",
    "Letterbox": ".data.letterbox",
    "LossConfig": ".losses",
    "MatchOptions": ".metric.matching",
    "MatchReport": ".metric.matching",
    "MetricError": ".errors",
    "Orphan": ".metric.matching",
    "Preprocess": ".data.preprocess",
    "PreprocessError": ".errors",
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
    "detect_dataset": ".metric.inference",
    "evaluate_coco": ".metric.coco_ap",
    "find_coco": ".data.layout",
    "find_split": ".data.layout",
    "load_foreign_weights": ".weights",
    "load_image": ".data.images",
    "load_weights": ".weights",
    "make_loader": ".data.loader",
    "match_all": ".metric.matching",
    "match_detections": ".metric.matching",
    "one_detector": ".training.paths",
    "open_split": ".data.layout",
    "open_training_data": ".training.standalone",
    "read_weights_info": ".weights",
    "recalibrate_bn": ".recalibrate",
    "require_classes": ".training.standalone",
    "require_trainable": ".training.standalone",
    "run_engine": ".metric.inference",
    "run_module": ".metric.inference",
    "save_weights": ".weights",
    "score_detector": ".metric.score",
    "score_path": ".recalibrate",
    "train": ".training.loop",
    "train_detector": ".training.standalone",
    "uniform_paths": ".training.paths",
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
