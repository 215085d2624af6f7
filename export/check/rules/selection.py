"""Layer 2: choosing boxes: TopK, NonMaxSuppression, RoiAlign."""

from __future__ import annotations

import numpy as np

from ..finding import Severity
from ..graph import Node
from ..rule import NODE, Rule, each, registry
from ..versions import Span, Target
from .sources import (
    CHECKERS_101,
    HEADER_104,
    IMPORTERS_84,
    IMPORTERS_86,
    IMPORTERS_101,
    OPERATORS_84,
    OPERATORS_101,
    issue,
)

MOST_K = 3840
MOST_NMS_BOXES = 5000


def _k_too_large(node: Node, target: Target) -> str | None:
    value = node.constant(1)
    if value is None or value.size != 1 or value.item() <= MOST_K:
        return None
    return f"K is {value.item()}, TensorRT chooses at most {MOST_K}"


def _side_too_large(node: Node, target: Target) -> str | None:
    if node.constant(1) is not None or node.input(1) is None:
        return None
    shape, axis = node.shape(), node.attribute("axis", -1)
    side = shape[axis] if shape else None
    if not isinstance(side, int) or side <= MOST_K:
        return None
    return f"K is computed and may reach {side}; above {MOST_K} TensorRT fails while running"


def _unsorted(node: Node, target: Target) -> str | None:
    return None if node.attribute("sorted", 1) else "sorted is 0, the order is left open"


def _padded(node: Node, target: Target) -> str | None:
    return (
        "its output is padded to max_output_boxes_per_class rows, which later nodes take for boxes"
    )


def _many_boxes(node: Node, target: Target) -> str | None:
    shape = node.shape()
    if shape is None or len(shape) != 3 or not isinstance(shape[1], int):
        return None
    if shape[1] <= MOST_NMS_BOXES:
        return None
    return f"{shape[1]} boxes go in, only the {MOST_NMS_BOXES} of best score are looked at"


def _not_three_dimensional(node: Node, target: Target) -> str | None:
    for index, name in enumerate(("boxes", "scores")):
        rank = node.rank(index)
        if rank not in (None, 3):
            return f"{name} has {rank} dimensions instead of 3"
    return None


def _slow(node: Node, target: Target) -> str | None:
    return "NonMaxSuppression of these releases is slower than that of 8.6, measured 2 to 3 times"


def _implicit_sampling(node: Node, target: Target) -> str | None:
    if "sampling_ratio" in node.attributes:
        return None
    return "sampling_ratio is left out: ONNX then takes 0 (adaptive), TensorRT's parser 1"


def _bad_roi_align(node: Node, target: Target) -> str | None:
    mode = node.attribute("mode", "avg")
    if mode not in ("avg", "max"):
        return f"mode is {mode!r}, TensorRT has avg and max"
    if node.attribute("sampling_ratio", 0) < 0:
        return f"sampling_ratio is {node.attribute('sampling_ratio')}, it must not be negative"
    shape = node.shape(1)
    if shape is not None and (len(shape) != 2 or shape[1] not in (4, None)):
        return f"rois have the shape {shape} instead of (n, 4)"
    return None


def _threshold_out_of_range(node: Node, target: Target) -> str | None:
    value = node.constant(3)
    if value is None or not value.size or 0 <= float(np.ravel(value)[0]) <= 1:
        return None
    return f"iou_threshold is {float(np.ravel(value)[0]):g}, it must be in [0, 1]"


RULES = registry(
    Rule(
        "topk-limit",
        NODE,
        f"K of TopK must be at most {MOST_K}.",
        f"{HEADER_104} (ITopKLayer::setK); {OPERATORS_101}",
        each("TopK", _k_too_large),
        "choose in two steps, or from fewer candidates",
    ),
    Rule(
        "topk-limit-computed",
        NODE,
        f"A computed K of TopK should not be able to exceed {MOST_K}.",
        f"{HEADER_104} (ITopKLayer::setInput)",
        each("TopK", _side_too_large),
        "make K a constant",
        severity=Severity.WARN,
        span=Span((8, 6)),
    ),
    Rule(
        "topk-sorted",
        NODE,
        "TopK must have sorted = 1.",
        OPERATORS_101,
        each("TopK", _unsorted),
        "set sorted to 1, one of the orders that 0 allows",
        span=Span((10, 1)),
    ),
    Rule(
        "nms-padded",
        NODE,
        "NonMaxSuppression pads its output.",
        f"{OPERATORS_84}; {IMPORTERS_84} (EfficientNMS_ONNX_TRT)",
        each("NonMaxSuppression", _padded),
        "use TensorRT 8.5 or later, or keep NMS out of the engine",
        span=Span(before=(8, 5)),
    ),
    Rule(
        "nms-ranks",
        NODE,
        "Boxes and scores of NonMaxSuppression must have three dimensions.",
        IMPORTERS_101,
        each("NonMaxSuppression", _not_three_dimensional),
        "add the dimensions of batch and class",
    ),
    Rule(
        "nms-boxes",
        NODE,
        f"NonMaxSuppression considers at most {MOST_NMS_BOXES} boxes.",
        f"{HEADER_104} (INMSLayer; 2000 on SM 5.3 and 6.2)",
        each("NonMaxSuppression", _many_boxes),
        "choose the best boxes with TopK before NMS",
        severity=Severity.WARN,
        span=Span((8, 5)),
    ),
    Rule(
        "nms-iou-range",
        NODE,
        "The IoU threshold of NonMaxSuppression must be in [0, 1].",
        f"{HEADER_104} (INMSLayer)",
        each("NonMaxSuppression", _threshold_out_of_range),
        "set the threshold that the model was trained with",
        span=Span((8, 5)),
    ),
    Rule(
        "nms-slow",
        NODE,
        "NonMaxSuppression is slow in these releases.",
        issue(4248),
        each("NonMaxSuppression", _slow),
        "prefer TensorRT 8.6 on a V100, or keep NMS out of the engine",
        severity=Severity.WARN,
        span=Span((10, 0), (10, 7)),
    ),
    Rule(
        "roi-align-sampling",
        NODE,
        "RoiAlign must say its sampling_ratio.",
        f"{IMPORTERS_86}; {IMPORTERS_101} (default 1, ONNX's is 0)",
        each("RoiAlign", _implicit_sampling),
        "write sampling_ratio = 0",
        span=Span((8, 5)),
    ),
    Rule(
        "roi-align-values",
        NODE,
        "RoiAlign must have a mode, sampling ratio and boxes that the plugin takes.",
        CHECKERS_101,
        each("RoiAlign", _bad_roi_align),
        "export RoiAlign as torchvision does",
        span=Span((8, 5)),
    ),
)
