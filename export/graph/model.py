"""A whole detector as an ONNX file that every engine takes: fixed shapes, no control flow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detection import dynamic_batch as detection_dynamic_batch
from engines import DYNAMIC_BATCH, OnnxExportError, to_onnx
from latency import module_of_node
from searchspaces import IMAGE, MASKS, OUTPUTS

from ..errors import GraphError
from ..files import sha256_of, write_atomically
from ..machine import detfit_version
from ..records.engine import Artifact

if TYPE_CHECKING:
    import onnx

    from detection import Detector, ForeignDetector

DEFAULT_OPSET = 17
"""TensorRT 8.6, the oldest release that detfit builds engines with, reads opsets up to 17."""

CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")
"""TensorRT up to 10.10 refuses `If` branches of different shapes; loops cost everywhere."""

STANDARD_DOMAINS = ("", "ai.onnx")

Side = int | str | None  # a size; the name of an open one; any size, or one without a name


def export_onnx(
    detector: Detector | ForeignDetector,
    path: str | Path,
    *,
    batch: int = 1,
    opset: int = DEFAULT_OPSET,
    dynamic_batch: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> Artifact:
    """Write a detector as an ONNX file with input ``image`` and the detector's outputs.

    Args:
        detector: In whatever mode; it is exported as in eval mode and left as it was. One of
            torchvision goes through :func:`detection.fixed_shape`.
        path: The file to write.
        batch: Images per run, fixed in the graph.
        opset: ONNX operator set, 17 to 20 for a detector that TensorRT is to read.
        dynamic_batch: Let the graph take any number of images; ``batch`` must then be 1.
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
    model = detector_to_onnx(detector, batch=batch, opset=opset, dynamic_batch=dynamic_batch)
    standard = _standard_metadata(detector, DYNAMIC_BATCH if dynamic_batch else str(batch))
    _set_metadata(model, {**standard, **(metadata or {})})
    content = model.SerializeToString(deterministic=True)
    write_atomically(path, content)
    return Artifact(path, sha256_of(content), len(content))


def detector_to_onnx(
    detector: Detector | ForeignDetector,
    *,
    batch: int = 1,
    opset: int = DEFAULT_OPSET,
    dynamic_batch: bool = False,
) -> onnx.ModelProto:
    """Return a detector as a checked, simplified ONNX model with inferred shapes.

    Raises:
        GraphError: As in `export_onnx`.
    """
    from .simplify import simplified

    if batch < 1:
        raise GraphError(f"batch must be at least 1, got {batch}")
    if dynamic_batch and batch != 1:
        raise GraphError(f"a graph of dynamic batch takes any: batch must be 1, got {batch}")
    # Noise, not zeros: a trace on an image without detections would be a poor example. Two
    # images, if any number is to fit: of one image, a trace takes the one for granted.
    shape = (2 if dynamic_batch else batch, 3, *detector.spec.input_hw)
    image = np.random.default_rng(0).standard_normal(shape, np.float32)
    names = detector.spec.output_names
    try:
        with detection_dynamic_batch() if dynamic_batch else nullcontext():
            model = to_onnx(
                detector, {IMAGE: image}, names, opset=opset, dynamic_batch=dynamic_batch
            )
    except OnnxExportError as error:
        raise GraphError(str(error)) from error
    check_graph(
        model,
        batch=None if dynamic_batch else batch,
        input_hw=detector.spec.input_hw,
        dynamic_batch=dynamic_batch,
    )
    return simplified(model)


def check_graph(
    model: onnx.ModelProto,
    *,
    batch: int | None = None,
    input_hw: tuple[int, int] | None = None,
    dynamic_batch: bool = False,
) -> None:
    """Refuse a detector graph that not every engine takes.

    Args:
        model: With inferred shapes.
        batch: Images per run that the graph must have; any if ``None``.
        input_hw: Input size that the graph must have; any if ``None``.
        dynamic_batch: Whether the batch must be open, and nothing else.

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
    images: Side = DYNAMIC_BATCH if dynamic_batch else batch
    _check_tensors("input", model.graph.input, {IMAGE: (images, 3, height, width)})
    _check_tensors("output", model.graph.output, _expected_outputs(model, images))


def _all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    # Branches need no descent: the node that holds them is refused first.
    yield from model.graph.node
    for function in model.functions:
        yield from function.node


def _expected_outputs(model: onnx.ModelProto, batch: Side) -> dict[str, tuple[Side, ...]]:
    """Return the shapes of a detector's outputs; masks are there or not, of any size."""
    rows = _rows(model)
    shapes = ((batch, rows, 4), (batch, rows), (batch, rows), (batch,))
    expected: dict[str, tuple[Side, ...]] = dict(zip(OUTPUTS, shapes, strict=True))
    if any(value.name == MASKS for value in model.graph.output):
        expected[MASKS] = (batch, rows, None, None)
    return expected


def _rows(model: onnx.ModelProto) -> Side:
    """Return the number of detections that the scores have, if they have one."""
    for value in model.graph.output:
        if value.name == OUTPUTS[1]:
            shape = _shape(value)
            return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else None
    return None


def _check_tensors(
    kind: str,
    values: Iterable[onnx.ValueInfoProto],
    expected: Mapping[str, tuple[Side, ...]],
) -> None:
    found = {value.name: _shape(value) for value in values}
    if list(found) != list(expected):
        raise GraphError(
            f"the graph's {kind}s are {', '.join(found) or 'none'}, a detector has "
            f"{', '.join(expected)}"
        )
    for name, wanted in expected.items():
        shape = found[name]
        if any(not isinstance(side, int) and side not in wanted[:1] for side in shape) or (
            None in shape
        ):
            text = ", ".join(str(side) if isinstance(side, int) else "?" for side in shape)
            raise GraphError(f"{kind} {name!r} has the shape ({text}): every size must be fixed")
        fits = len(shape) == len(wanted) and all(
            want in (None, side) for want, side in zip(wanted, shape, strict=True)
        )
        if not fits:
            raise GraphError(f"{kind} {name!r} has the shape {shape}, expected {wanted}")


def _shape(value: onnx.ValueInfoProto) -> tuple[Side, ...]:
    sides = value.type.tensor_type.shape.dim
    return tuple(
        side.dim_value if side.HasField("dim_value") else side.dim_param or None for side in sides
    )


def _standard_metadata(detector: Detector | ForeignDetector, batch: str) -> dict[str, str]:
    height, width = detector.spec.input_hw
    return {
        "input_size": f"{width}x{height}",
        "num_classes": str(detector.spec.num_classes),
        "batch": batch,
        "detfit_version": detfit_version(),
    }


def _set_metadata(model: onnx.ModelProto, metadata: Mapping[str, str]) -> None:
    del model.metadata_props[:]
    for key, value in sorted(metadata.items()):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
