"""Modules that no photograph tests to their ends, run alone on made-up inputs.

Clamps, clipping, padding, ties of levels: what a detector does with a box a thousand times too
large shows on the day that there is one. Every module that decodes, selects or pools boxes is cut
out of the ONNX model, built by the engine, and given the inputs of `probe_inputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from detection import ImageDetections, MatchOptions, match_detections
from engines import EngineError, OnnxModel
from searchspaces import reference

from ..gate.tensors import ProbeRow
from .probe_inputs import CROWDED, PROBES, probe_inputs

if TYPE_CHECKING:
    import onnx
    from torch import nn

    from detection import Detector
    from engines import Engine
    from searchspaces import Node

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
Build = Callable[[OnnxModel], "Engine"]

SAME_NUMBER = 1e-3
"""Numbers agree up to this share of the largest one."""

SAME_BOX_IOU = {"fp32": 0.99}
LOOSE_IOU = 0.9  # of lower precisions, whose boxes are rounded


def probe_modules(
    detector: Detector,
    model: onnx.ModelProto,
    names: Mapping[str, str],
    build: Build,
    precision: str = "fp32",
) -> tuple[ProbeRow, ...]:
    """Run every module of `PROBES` alone, in torch and in the engine.

    Args:
        detector: The torch model, in eval mode.
        model: The ONNX model with inferred shapes.
        names: ONNX name of every tensor between modules, by the detector's reference.
        build: Builds an engine of a part of the model.
        precision: Of the engine.

    Returns:
        A row per module and case; none of modules that cannot be cut out of the model because
        the engine's optimiser or another exporter has mixed them with others.
    """
    rows: list[ProbeRow] = []
    for node in detector.graph.nodes:
        if node.spec.kind not in PROBES or not all(name in names for name in node.inputs):
            continue
        part = _cut_out(model, node, names)
        if part is None:
            continue
        rows.extend(_probe(detector.nodes[node.name], node, part, build, precision))
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class _Part:
    """A module cut out of an ONNX model: names of what it takes and gives, by position."""

    model: onnx.ModelProto
    inputs: tuple[str, ...]
    outputs: dict[int, str]

    def types(self) -> dict[str, np.dtype[Any]]:
        """Return the types of the inputs."""
        import onnx

        return {
            value.name: onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            for value in self.model.graph.input
        }


def _cut_out(model: onnx.ModelProto, node: Node, names: Mapping[str, str]) -> _Part | None:
    """Return a module as a model of its own; ``None`` where it is not separate."""
    from onnx.utils import Extractor

    outputs = {
        index: names[reference(node.name, index)]
        for index in range(len(OUTPUTS_OF_KIND[node.spec.kind]))
        if reference(node.name, index) in names
    }
    inputs = tuple(names[name] for name in node.inputs)
    if len(outputs) < len(OUTPUTS_OF_KIND[node.spec.kind]):
        return None
    part = Extractor(model).extract_model(list(dict.fromkeys(inputs)), list(outputs.values()))
    part.metadata_props.extend(model.metadata_props)  # they say which precision is written in
    made = {name for one in part.graph.node for name in one.output}
    made |= {tensor.name for tensor in part.graph.initializer} | set(inputs)
    needed = {name for one in part.graph.node for name in one.input if name}
    return _Part(part, inputs, outputs) if needed <= made else None


def _probe(
    module: nn.Module, node: Node, part: _Part, build: Build, precision: str
) -> Iterator[ProbeRow]:
    """Compare a module in every case; nothing where the engine does not take it alone."""
    cases = probe_inputs(node.spec)
    types = part.types()
    first = {n: a.astype(types[n]) for n, a in zip(part.inputs, cases[CROWDED], strict=True)}
    try:
        engine = build(OnnxModel(part.model.SerializeToString(), first, name=node.name))
    except EngineError:
        return  # an engine may refuse a part that it takes within the whole
    with engine:
        for case, inputs in cases.items():
            given = {n: a.astype(types[n]) for n, a in zip(part.inputs, inputs, strict=True)}
            made = engine.run(given)
            found = [made[part.outputs[index]] for index in sorted(part.outputs)]
            taken = [
                given[name].astype(a.dtype) for name, a in zip(part.inputs, inputs, strict=True)
            ]
            wanted = _run(module, taken)
            agreement = _agreement(node.spec.kind, wanted, found, precision)
            yield ProbeRow(node.name, node.spec.kind, case, agreement)


def _run(module: nn.Module, inputs: Sequence[Array]) -> list[Array]:
    import torch

    with torch.inference_mode():
        made = module(*(torch.from_numpy(array) for array in inputs))
    return [tensor.numpy() for tensor in (made if isinstance(made, tuple) else (made,))]


BOXES, SCORES, LABELS, COUNT, NUMBERS = "boxes", "scores", "labels", "count", "numbers"
OUTPUTS_OF_KIND = {
    "proposals": (BOXES, COUNT),
    "rcnn_detections": (BOXES, SCORES, LABELS, COUNT),
    "refine_boxes": (NUMBERS,),
    "retinanet_detections": (BOXES, SCORES, LABELS, COUNT),
    "roi_align": (NUMBERS,),
}
"""Kind -> what it gives, in order."""


def _agreement(
    kind: str, wanted: Sequence[Array], found: Sequence[Array], precision: str
) -> float:
    """Return the share that agrees; 0 where the engine gives a number that is not finite."""
    if any(not np.isfinite(array).all() for array in found):
        return 0.0
    meaning = OUTPUTS_OF_KIND[kind]
    if meaning == (NUMBERS,):
        return _equal_share(wanted[0], found[0])
    options = MatchOptions(iou=SAME_BOX_IOU.get(precision, LOOSE_IOU))
    pairs = zip(_sets(meaning, wanted), _sets(meaning, found), strict=True)
    reports = [match_detections(mine, theirs, options) for mine, theirs in pairs]
    return min(max(0.0, report.f1 - report.max_score_diff) for report in reports)


def _equal_share(wanted: Array, found: Array) -> float:
    one, other = wanted.astype(np.float64), found.astype(np.float64)
    tolerance = SAME_NUMBER * float(np.abs(one).max(initial=0.0))
    return float((np.abs(one - other) <= tolerance).mean()) if one.size else 1.0


def _sets(meaning: tuple[str, ...], outputs: Sequence[Array]) -> Iterator[ImageDetections]:
    """Return the boxes of each image that count."""
    named = dict(zip(meaning, outputs, strict=True))
    for image, count in enumerate(named[COUNT].tolist()):
        boxes = named[BOXES][image, : max(count, 0)]
        scores = named[SCORES][image, : len(boxes)] if SCORES in named else np.ones(len(boxes))
        labels = (
            named[LABELS][image, : len(boxes)]
            if LABELS in named
            else np.zeros(len(boxes), np.int64)
        )
        yield ImageDetections(image, boxes, scores, labels)
