"""Detectors: build, train, load, run and score them.

Nothing heavy is loaded before it is used: ``from detection import Preprocess`` loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .candidates import spread_scores
    from .data.annotations import AnnotationReport, CocoAnnotations
    from .data.aspect import aspect_groups, grouped_batch_order
    from .data.augment import Augment, TrainAugment
    from .data.check.check import DataCheck, SplitCheck, check_data
    from .data.check.describe import describe_check, summarize_check
    from .data.classification import ClassificationDataset, classification_loader
    from .data.coco import CocoDataset, Target
    from .data.coco_json import CocoCategory, CocoImage
    from .data.coco_layout import CocoSplit, find_coco
    from .data.example_images import example_images
    from .data.image_folder import ClassifiedImages, find_classified
    from .data.images import load_image
    from .data.layout import LAYOUTS, detect_layout, find_split, find_splits, open_split
    from .data.letterbox import Letterbox
    from .data.loader import Batch, batch_order, collate, make_loader
    from .data.preprocess import Preprocess
    from .data.rle import Rle, decode_rle
    from .data.scene import ShapesRecipe
    from .data.shapes import write_shapes
    from .data.splits.drawing import SavedSplit, draw_split
    from .data.splits.kinds import SPLIT_KINDS
    from .data.splits.split import DataSplit
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
    from .extraction import ExtractedPath, extract_path
    from .foreign import ForeignDetector, fixed_shape, foreign_preprocess
    from .graph_model import GraphModel
    from .graph_module import GraphModule
    from .losses import LossConfig
    from .metric.class_ap import ClassAp, coco_rows, voc_rows
    from .metric.coco_ap import CocoReport, evaluate_coco
    from .metric.detections import ImageDetections
    from .metric.groups import MatchGroup
    from .metric.image_matches import ImageMatches, match_images
    from .metric.inference import detect_dataset, run_engine, run_module
    from .metric.match_report import MatchReport, Orphan
    from .metric.matching import MatchOptions, match_all, match_detections
    from .metric.pasting import paste_masks
    from .metric.score import detect_with, score_detections, score_detector
    from .metric.score_weights import WeightsScore, score_weights
    from .metric.voc_ap import VocClassAp, VocReport, evaluate_voc
    from .metric.weighted_ap import AP_NAMES, weighted_ap
    from .modules import MODULES, build_module
    from .modules.dynamic_batch import dynamic_batch
    from .norm_conversion import convert_norm
    from .pretrained import OfficialWeights, load_imagenet_backbone, official_weights
    from .recalibrate import recalibrate_bn, score_path
    from .receptive_field import ReceptiveField, random_receptive_fields, receptive_fields
    from .receptive_field_picture import draw_receptive_fields, picture_receptive_fields
    from .recipes.plain import resolve_settings
    from .recipes.plan import TrainingPlan, describe_plan, describe_recipes
    from .recipes.resolve import ResolvedRecipe, resolve_recipe
    from .recipes.schema import load_recipe, recipe_names
    from .renorming import ConvertedWeights, convert_weights
    from .supernet import Supernet
    from .torchvision_names import imagenet_network
    from .training.binned_paths import binned_paths
    from .training.by_recipe import TrainedWeights, train_by_recipe
    from .training.classifier import (
        BackboneClassifier,
        LabelledImages,
        classifier_for_step,
        make_linear,
        top1,
    )
    from .training.computable import require_computable
    from .training.config import TrainConfig
    from .training.images import augment_of, open_training_data, require_classes
    from .training.learnt import LearntImages, learnt_before, learnt_images
    from .training.loop import train
    from .training.paths import one_detector, uniform_paths
    from .training.processes import (
        Processes,
        current_processes,
        is_first_process,
        joined_processes,
    )
    from .training.recipe_task import RecipeTask, plan_training
    from .training.report import BestStep, TrainReport, TrainRow
    from .training.settings import ImageSettings, TrainSettings
    from .training.standalone import TrainedDetector, require_trainable, train_detector
    from .training.starts import load_start
    from .weights import (
        WeightsInfo,
        load_foreign_weights,
        load_weights,
        read_weights_info,
        save_weights,
    )

__all__ = [
    "AP_NAMES",
    "LAYOUTS",
    "MODULES",
    "SPLIT_KINDS",
    "AnnotationReport",
    "Augment",
    "BackboneClassifier",
    "Batch",
    "BestStep",
    "BuildError",
    "CheckpointError",
    "ClassAp",
    "ClassificationDataset",
    "ClassifiedImages",
    "CocoAnnotations",
    "CocoCategory",
    "CocoDataset",
    "CocoImage",
    "CocoReport",
    "CocoSplit",
    "ConvertedWeights",
    "DataCheck",
    "DataSplit",
    "DatasetError",
    "DetectionError",
    "Detector",
    "ExtractedPath",
    "ForeignDetector",
    "GraphModel",
    "GraphModule",
    "ImageDetections",
    "ImageMatches",
    "ImageSettings",
    "LabelledImages",
    "LearntImages",
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
    "Processes",
    "ReceptiveField",
    "RecipeTask",
    "ResolvedRecipe",
    "Rle",
    "SavedSplit",
    "ShapesRecipe",
    "SplitCheck",
    "Supernet",
    "Target",
    "TrainAugment",
    "TrainConfig",
    "TrainReport",
    "TrainRow",
    "TrainSettings",
    "TrainedDetector",
    "TrainedWeights",
    "TrainingError",
    "TrainingPlan",
    "VocClassAp",
    "VocReport",
    "WeightsInfo",
    "WeightsScore",
    "aspect_groups",
    "augment_of",
    "batch_order",
    "binned_paths",
    "build_module",
    "check_data",
    "classification_loader",
    "classifier_for_step",
    "coco_rows",
    "collate",
    "convert_norm",
    "convert_weights",
    "current_processes",
    "decode_rle",
    "describe_check",
    "describe_plan",
    "describe_recipes",
    "detect_dataset",
    "detect_layout",
    "detect_with",
    "draw_receptive_fields",
    "draw_split",
    "dynamic_batch",
    "evaluate_coco",
    "evaluate_voc",
    "example_images",
    "extract_path",
    "find_classified",
    "find_coco",
    "find_split",
    "find_splits",
    "fixed_shape",
    "foreign_preprocess",
    "grouped_batch_order",
    "imagenet_network",
    "is_first_process",
    "joined_processes",
    "learnt_before",
    "learnt_images",
    "load_foreign_weights",
    "load_image",
    "load_imagenet_backbone",
    "load_recipe",
    "load_start",
    "load_weights",
    "make_linear",
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
    "plan_training",
    "random_receptive_fields",
    "read_weights_info",
    "recalibrate_bn",
    "receptive_fields",
    "recipe_names",
    "require_classes",
    "require_computable",
    "require_trainable",
    "resolve_recipe",
    "resolve_settings",
    "run_engine",
    "run_module",
    "save_weights",
    "score_detections",
    "score_detector",
    "score_path",
    "score_weights",
    "spread_scores",
    "summarize_check",
    "top1",
    "train",
    "train_by_recipe",
    "train_detector",
    "uniform_paths",
    "voc_rows",
    "weighted_ap",
    "write_shapes",
]

_HOMES = {
    "AP_NAMES": ".metric.weighted_ap",
    "LAYOUTS": ".data.layout",
    "MODULES": ".modules",
    "SPLIT_KINDS": ".data.splits.kinds",
    "AnnotationReport": ".data.annotations",
    "Augment": ".data.augment",
    "BackboneClassifier": ".training.classifier",
    "Batch": ".data.loader",
    "BestStep": ".training.report",
    "BuildError": ".errors",
    "CheckpointError": ".errors",
    "ClassAp": ".metric.class_ap",
    "ClassificationDataset": ".data.classification",
    "ClassifiedImages": ".data.image_folder",
    "CocoAnnotations": ".data.annotations",
    "CocoCategory": ".data.coco_json",
    "CocoDataset": ".data.coco",
    "CocoImage": ".data.coco_json",
    "CocoReport": ".metric.coco_ap",
    "CocoSplit": ".data.coco_layout",
    "ConvertedWeights": ".renorming",
    "DataCheck": ".data.check.check",
    "DataSplit": ".data.splits.split",
    "DatasetError": ".errors",
    "DetectionError": ".errors",
    "Detector": ".detector",
    "ExtractedPath": ".extraction",
    "ForeignDetector": ".foreign",
    "GraphModel": ".graph_model",
    "GraphModule": ".graph_module",
    "ImageDetections": ".metric.detections",
    "ImageMatches": ".metric.image_matches",
    "ImageSettings": ".training.settings",
    "LabelledImages": ".training.classifier",
    "LearntImages": ".training.learnt",
    "Letterbox": ".data.letterbox",
    "LossConfig": ".losses",
    "MatchGroup": ".metric.groups",
    "MatchOptions": ".metric.matching",
    "MatchReport": ".metric.match_report",
    "MetricError": ".errors",
    "OfficialWeights": ".pretrained",
    "Orphan": ".metric.match_report",
    "Preprocess": ".data.preprocess",
    "Processes": ".training.processes",
    "PreprocessError": ".errors",
    "ReceptiveField": ".receptive_field",
    "RecipeTask": ".training.recipe_task",
    "ResolvedRecipe": ".recipes.resolve",
    "Rle": ".data.rle",
    "SavedSplit": ".data.splits.drawing",
    "ShapesRecipe": ".data.scene",
    "SplitCheck": ".data.check.check",
    "Supernet": ".supernet",
    "Target": ".data.coco",
    "TrainAugment": ".data.augment",
    "TrainConfig": ".training.config",
    "TrainReport": ".training.report",
    "TrainRow": ".training.report",
    "TrainSettings": ".training.settings",
    "TrainedDetector": ".training.standalone",
    "TrainedWeights": ".training.by_recipe",
    "TrainingError": ".errors",
    "TrainingPlan": ".recipes.plan",
    "VocClassAp": ".metric.voc_ap",
    "VocReport": ".metric.voc_ap",
    "WeightsInfo": ".weights",
    "WeightsScore": ".metric.score_weights",
    "aspect_groups": ".data.aspect",
    "augment_of": ".training.images",
    "batch_order": ".data.loader",
    "binned_paths": ".training.binned_paths",
    "build_module": ".modules",
    "check_data": ".data.check.check",
    "classification_loader": ".data.classification",
    "classifier_for_step": ".training.classifier",
    "coco_rows": ".metric.class_ap",
    "collate": ".data.loader",
    "convert_norm": ".norm_conversion",
    "convert_weights": ".renorming",
    "current_processes": ".training.processes",
    "decode_rle": ".data.rle",
    "describe_check": ".data.check.describe",
    "describe_plan": ".recipes.plan",
    "describe_recipes": ".recipes.plan",
    "detect_dataset": ".metric.inference",
    "detect_layout": ".data.layout",
    "detect_with": ".metric.score",
    "draw_receptive_fields": ".receptive_field_picture",
    "draw_split": ".data.splits.drawing",
    "dynamic_batch": ".modules.dynamic_batch",
    "evaluate_coco": ".metric.coco_ap",
    "evaluate_voc": ".metric.voc_ap",
    "extract_path": ".extraction",
    "example_images": ".data.example_images",
    "find_classified": ".data.image_folder",
    "find_coco": ".data.coco_layout",
    "find_split": ".data.layout",
    "find_splits": ".data.layout",
    "fixed_shape": ".foreign",
    "foreign_preprocess": ".foreign",
    "grouped_batch_order": ".data.aspect",
    "load_foreign_weights": ".weights",
    "load_image": ".data.images",
    "imagenet_network": ".torchvision_names",
    "is_first_process": ".training.processes",
    "joined_processes": ".training.processes",
    "learnt_before": ".training.learnt",
    "learnt_images": ".training.learnt",
    "load_imagenet_backbone": ".pretrained",
    "load_recipe": ".recipes.schema",
    "load_start": ".training.starts",
    "load_weights": ".weights",
    "make_linear": ".training.classifier",
    "make_loader": ".data.loader",
    "match_all": ".metric.matching",
    "match_detections": ".metric.matching",
    "match_images": ".metric.image_matches",
    "official_weights": ".pretrained",
    "one_detector": ".training.paths",
    "picture_receptive_fields": ".receptive_field_picture",
    "plan_training": ".training.recipe_task",
    "open_split": ".data.layout",
    "open_training_data": ".training.images",
    "paste_masks": ".metric.pasting",
    "random_receptive_fields": ".receptive_field",
    "read_weights_info": ".weights",
    "recalibrate_bn": ".recalibrate",
    "receptive_fields": ".receptive_field",
    "recipe_names": ".recipes.schema",
    "require_classes": ".training.images",
    "require_computable": ".training.computable",
    "require_trainable": ".training.standalone",
    "resolve_recipe": ".recipes.resolve",
    "resolve_settings": ".recipes.plain",
    "run_engine": ".metric.inference",
    "run_module": ".metric.inference",
    "save_weights": ".weights",
    "score_detections": ".metric.score",
    "score_detector": ".metric.score",
    "score_path": ".recalibrate",
    "score_weights": ".metric.score_weights",
    "spread_scores": ".candidates",
    "summarize_check": ".data.check.describe",
    "top1": ".training.classifier",
    "train": ".training.loop",
    "train_by_recipe": ".training.by_recipe",
    "train_detector": ".training.standalone",
    "uniform_paths": ".training.paths",
    "voc_rows": ".metric.class_ap",
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
