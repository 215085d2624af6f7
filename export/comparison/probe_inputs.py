"""Inputs that lead modules to their limits: boxes of every size, deltas beyond every clamp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from searchspaces import ModuleSpec

Array = npt.NDArray[Any]

SEED = 0
CROWDED, SPARSE, EMPTY = "many", "few", "no"
LOGIT_STD = 2.0
EXTREME = 0.1
"""Share of the boxes whose deltas lead far beyond any that a detector learns."""

EXTREME_GROWTH = (5.0, 12.0)  # the logarithm is to be clamped at 4.1
SMALLEST_PX = 0.5
NEAR = 0.3  # shift of an overlapping box, as a share of its sides


@dataclass(frozen=True, slots=True)
class Case:
    """Say what inputs are like.

    Attributes:
        background: By how much the logits speak against objects.
        spread: Standard deviation of box deltas.
        slope: By how much the logits fall from the first anchor to the last: objects then stand
            side by side, overlap, and are suppressed.
    """

    background: float
    spread: float = 0.5
    slope: float = 0.0


CASES = {CROWDED: Case(0.0), SPARSE: Case(3.0, spread=0.2, slope=30.0), EMPTY: Case(20.0)}
"""What is tried, by name: how many objects the logits speak for."""


def probe_inputs(spec: ModuleSpec) -> dict[str, list[Array]]:
    """Return a module's inputs by case, of the types that torch takes.

    Args:
        spec: Of a kind of `PROBES`.
    """
    return {
        case: PROBES[spec.kind](spec, CASES[case], np.random.default_rng(SEED))
        for case in CASES_OF_KIND.get(spec.kind, tuple(CASES))
    }


def _one_stage(spec: ModuleSpec, case: Case, rng: np.random.Generator) -> list[Array]:
    logits, deltas = (tensor.shape for tensor in spec.inputs)
    made = _logits(rng, logits, case.background + LOGIT_STD)
    fall = case.slope * np.linspace(0, 1, logits[1], dtype=np.float32)
    made -= fall.reshape(1, -1, *[1] * (made.ndim - 2))
    return [made, _deltas(rng, deltas, 1.0, case)]


def _second_stage(spec: ModuleSpec, case: Case, rng: np.random.Generator) -> list[Array]:
    logits, deltas, boxes, count = (tensor.shape for tensor in spec.inputs)
    made = _logits(rng, logits, 0.0)
    made[:, -1] += case.background
    present = max(1, boxes[1] * 9 // 10)
    return [
        made,
        _deltas(rng, deltas, spec.get_float("std_wh"), case),
        _boxes(rng, spec, boxes, present),
        np.full(count, present, np.int64),
    ]


def _refinement(spec: ModuleSpec, case: Case, rng: np.random.Generator) -> list[Array]:
    deltas, boxes = (tensor.shape for tensor in spec.inputs)
    present = max(1, boxes[1] * 9 // 10)
    return [
        _deltas(rng, deltas, spec.get_float("std_wh"), case),
        _boxes(rng, spec, boxes, present),
    ]


def _pooling(spec: ModuleSpec, _: Case, rng: np.random.Generator) -> list[Array]:
    *levels, boxes = (tensor.shape for tensor in spec.inputs)
    maps = [rng.standard_normal(shape, np.float32) for shape in levels]
    return [*maps, _boxes(rng, spec, boxes, boxes[1])]


def _logits(rng: np.random.Generator, shape: tuple[int, ...], background: float) -> Array:
    return (LOGIT_STD * rng.standard_normal(shape) - background).astype(np.float32)


def _deltas(rng: np.random.Generator, shape: tuple[int, ...], std_wh: float, case: Case) -> Array:
    """Return deltas in units of their standard deviation, some of them far too large."""
    boxes = case.spread * rng.standard_normal((int(np.prod(shape)) // 4, 4))
    extreme = rng.random(len(boxes)) < EXTREME
    boxes[extreme, 2:] = rng.uniform(*EXTREME_GROWTH, (int(extreme.sum()), 2)) / std_wh
    far = rng.random(len(boxes)) < EXTREME
    boxes[far, :2] *= 10
    return boxes.reshape(shape).astype(np.float32)


def _boxes(
    rng: np.random.Generator, spec: ModuleSpec, shape: tuple[int, ...], present: int
) -> Array:
    """Return boxes of every size inside of the image; rows from ``present`` on are zero.

    Every second one nearly covers the one before it, so that some are suppressed.
    """
    height, width = _image_hw(spec)
    largest = np.array([width, height])
    sides = np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(largest), (*shape[:2], 2)))
    corner = rng.uniform(0, 1, sides.shape) * (largest - sides)
    half = shape[1] // 2
    sides[:, 1 : 2 * half : 2] = sides[:, 0 : 2 * half : 2]
    moved = rng.uniform(-NEAR, NEAR, (shape[0], half, 2)) * sides[:, 1 : 2 * half : 2]
    corner[:, 1 : 2 * half : 2] = corner[:, 0 : 2 * half : 2] + moved
    boxes = np.concatenate([corner, corner + sides], -1).clip(0, np.tile(largest, 2))
    boxes[:, present:] = 0
    return np.asarray(boxes, np.float32)


def _image_hw(spec: ModuleSpec) -> tuple[int, int]:
    """Return the size of the image that boxes lie in."""
    if spec.kind != "roi_align":
        return spec.get_int("image_h"), spec.get_int("image_w")
    stride, (height, width) = spec.get_ints("strides")[0], spec.inputs[0].shape[2:]
    return stride * height, stride * width


PROBES: dict[str, Callable[[ModuleSpec, Case, np.random.Generator], list[Array]]] = {
    "proposals": _one_stage,
    "rcnn_detections": _second_stage,
    "refine_boxes": _refinement,
    "retinanet_detections": _one_stage,
    "roi_align": _pooling,
}
"""Kind -> function of specification, case and rng that gives the module's inputs."""

CASES_OF_KIND = {
    "proposals": (CROWDED, SPARSE),
    "refine_boxes": (CROWDED,),
    "roi_align": (CROWDED,),
}
"""Kinds whose boxes are given whatever their scores; kinds for which logits play no part."""
