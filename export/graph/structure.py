"""The lowest rung of the gate: whether an ONNX file can be the detector that it is said to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import GraphError

if TYPE_CHECKING:
    import onnx

    from searchspaces import DetectorSpec

FP16_LARGEST = float(np.finfo(np.float16).max)
NAMED = 3  # faults that a sentence names


@dataclass(frozen=True, slots=True)
class StructureReport:
    """Hold what is wrong with a graph before anything of it is run.

    Attributes:
        nodes: Nodes of the graph.
        faults: In words; empty where nothing is wrong.
    """

    nodes: int
    faults: tuple[str, ...] = ()


def inspect_structure(onnx_path: Path, spec: DetectorSpec, batch: int) -> StructureReport:
    """Check a detector's graph against what the detector declares.

    Control flow, foreign operators and open shapes are faults, as are inputs and outputs of other
    sizes than the detector's, and weights that are not finite or stand at the end of fp16.

    Args:
        onnx_path: The file.
        spec: What it should be.
        batch: Images per run.
    """
    import onnx

    from .model import check_graph  # which loads torch

    try:
        model = onnx.load(onnx_path)
    except Exception as error:  # the parser's DecodeError moves between protobuf's versions
        return StructureReport(0, (f"{onnx_path.name} is no ONNX model: {error}",))
    faults = list(_faults_of_outputs(model, spec, batch))
    try:
        check_graph(model, batch=batch, input_hw=spec.input_hw)
    except GraphError as error:
        faults.insert(0, str(error))
    faults.extend(_faults_of_weights(model))
    return StructureReport(len(model.graph.node), tuple(faults))


def _faults_of_outputs(model: onnx.ModelProto, spec: DetectorSpec, batch: int) -> Iterator[str]:
    graph = spec.graph(batch)
    found = {
        value.name: tuple(side.dim_value for side in value.type.tensor_type.shape.dim)
        for value in model.graph.output
    }
    for name, ref in zip(spec.output_names, graph.outputs, strict=True):
        wanted = graph.tensors[ref].shape
        if name in found and found[name] != wanted:
            yield f"output {name!r} has the shape {found[name]}, the detector gives {wanted}"


def _faults_of_weights(model: onnx.ModelProto) -> Iterator[str]:
    from onnx import numpy_helper

    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype.kind != "f" or array.size < 2:
            continue  # a single infinity is how an operator is told of no limit
        wrong = int((~np.isfinite(array)).sum())
        if wrong:
            yield f"{wrong} of {array.size} numbers of {tensor.name} are not finite"
        elif (full := _saturated(array)) > 0:
            yield f"{full} of {array.size} numbers of {tensor.name} stand at the end of fp16"


def _saturated(array: npt.NDArray[Any]) -> int:
    """Return how many numbers a conversion to fp16 has cut to its largest."""
    return int((np.abs(array) == FP16_LARGEST).sum()) if array.dtype == np.float16 else 0
