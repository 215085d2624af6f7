"""A whole detector as an ONNX file that every engine takes: fixed shapes, no control flow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines import OnnxExportError, to_onnx
from latency import module_of_node
from searchspaces import IMAGE, MASKS, OUTPUTS

from .errors import GraphError
from .files import sha256_of, write_atomically
from .machine import detfit_version
from .records import Artifact

if TYPE_CHECKING:
    import onnx

    from detection import Detector

DEFAULT_OPSET = 17
"""TensorRT 8.6, the last but one line that runs on a V100, reads opsets up to 17."""

CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")
"""TensorRT up to 10.10 refuses `If` branches of different shapes; loops cost everywhere."""

STANDARD_DOMAINS = ("", "ai.onnx")


def export_onnx(
    detector: Detector,
    path: str | Path,
    *,
    batch: int = 1,
    opset: int = DEFAULT_OPSET,
    metadata: Mapping[str, str] | None = None,
) -> Artifact:
    """Write a detector as an ONNX file with input ``image`` and the detector's outputs.

    Args:
        detector: In whatever mode; it is exported as in eval mode and left as it was.
        path: The file to write.
        batch: Images per run, fixed in the graph.
        opset: ONNX operator set.
        metadata: Texts for the file's ``metadata_props``, beside input size, classes, batch and
            detfit's version.

    Returns:
        The file and its hash.

    Raises:
        GraphError: The detector cannot be exported, or its graph has control flow, dynamic shapes
            or operators of a foreign domain; the message names the node.
        ExportError: The file cannot be written.
    """
    path = Path(path)
    model = detector_to_onnx(detector, batch=batch, opset=opset)
    _set_metadata(model, {**_standard_metadata(detector, batch), **(metadata or {})})
    content = model.SerializeToString(deterministic=True)
    write_atomically(path, content)
    return Artifact(path, sha256_of(content), len(content))


def detector_to_onnx(
    detector: Detector, *, batch: int = 1, opset: int = DEFAULT_OPSET
) -> onnx.ModelProto:
    """Return a detector as a checked ONNX model with inferred shapes.

    Raises:
        GraphError: As in `export_onnx`.
    """
    if batch < 1:
        raise GraphError(f"batch must be at least 1, got {batch}")
    # Noise, not zeros: a trace on an image without detections would be a poor example.
    shape = (batch, 3, *detector.spec.input_hw)
    image = np.random.default_rng(0).standard_normal(shape, np.float32)
    try:
        model = to_onnx(detector, {IMAGE: image}, detector.spec.output_names, opset=opset)
    except OnnxExportError as error:
        raise GraphError(str(error)) from error
    check_graph(model, batch=batch, input_hw=detector.spec.input_hw)
    return model


def check_graph(
    model: onnx.ModelProto,
    *,
    batch: int | None = None,
    input_hw: tuple[int, int] | None = None,
) -> None:
    """Refuse a detector graph that not every engine takes.

    Args:
        model: With inferred shapes.
        batch: Images per run that the graph must have; any if ``None``.
        input_hw: Input size that the graph must have; any if ``None``.

    Raises:
        GraphError: Control flow, an operator of a foreign domain, other inputs or outputs than a
            detector's, or a shape that is not fixed; the message names node or tensor.
    """
    for node in _all_nodes(model):
        where = f"node {node.name or node.output[0]!r}"
        module = module_of_node(node.name)
        if module:
            where += f" of module {module}"
        if node.op_type in CONTROL_FLOW:
            raise GraphError(
                f"{where} is a {node.op_type}: control flow cannot go to TensorRT before 10.11; "
                "write the module without branches on data"
            )
        if node.domain not in STANDARD_DOMAINS:
            raise GraphError(f"{where} is {node.domain}.{node.op_type}, not a standard operator")
    (height, width) = input_hw or (None, None)
    _check_tensors("input", model.graph.input, {IMAGE: (batch, 3, height, width)})
    _check_tensors("output", model.graph.output, _expected_outputs(model, batch))


def _all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    # Branches need no descent: the node that holds them is refused first.
    yield from model.graph.node
    for function in model.functions:
        yield from function.node


def _expected_outputs(
    model: onnx.ModelProto, batch: int | None
) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of a detector's outputs; masks are there or not, of any size."""
    rows = _rows(model)
    shapes = ((batch, rows, 4), (batch, rows), (batch, rows), (batch,))
    expected: dict[str, tuple[int | None, ...]] = dict(zip(OUTPUTS, shapes, strict=True))
    if any(value.name == MASKS for value in model.graph.output):
        expected[MASKS] = (batch, rows, None, None)
    return expected


def _rows(model: onnx.ModelProto) -> int | None:
    """Return the number of detections that the scores have, if they have one."""
    for value in model.graph.output:
        if value.name == OUTPUTS[1]:
            shape = _shape(value)
            return shape[1] if len(shape) == 2 else None
    return None


def _check_tensors(
    kind: str,
    values: Iterable[onnx.ValueInfoProto],
    expected: Mapping[str, tuple[int | None, ...]],
) -> None:
    found = {value.name: _shape(value) for value in values}
    if list(found) != list(expected):
        raise GraphError(
            f"the graph's {kind}s are {', '.join(found) or 'none'}, a detector has "
            f"{', '.join(expected)}"
        )
    for name, wanted in expected.items():
        shape = found[name]
        if None in shape:
            text = ", ".join("?" if side is None else str(side) for side in shape)
            raise GraphError(f"{kind} {name!r} has the shape ({text}): every size must be fixed")
        fits = len(shape) == len(wanted) and all(
            want in (None, side) for want, side in zip(wanted, shape, strict=True)
        )
        if not fits:
            raise GraphError(f"{kind} {name!r} has the shape {shape}, expected {wanted}")


def _shape(value: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") else None for side in sides)


def _standard_metadata(detector: Detector, batch: int) -> dict[str, str]:
    height, width = detector.spec.input_hw
    return {
        "input_size": f"{width}x{height}",
        "num_classes": str(detector.spec.num_classes),
        "batch": str(batch),
        "detfit_version": detfit_version(),
    }


def _set_metadata(model: onnx.ModelProto, metadata: Mapping[str, str]) -> None:
    del model.metadata_props[:]
    for key, value in sorted(metadata.items()):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
