"""A model with its constants folded and what nobody reads dropped, proven to compute the same.

The exporter writes shapes as arithmetic and constants as nodes: half of a detector's nodes. That
arithmetic is done once here, by onnxruntime's basic optimisations, which write standard operators
only and leave nodes their names; the extended ones do neither. See docs/decisions.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx

from ..check.proof import Reference, runtime_errors
from ..errors import GraphError


def simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a smaller model of equal outputs; the one given is not changed.

    Inputs, outputs and their shapes stay, and every node that stays keeps its name.

    Args:
        model: Of standard operators, all of its weights in it.

    Raises:
        GraphError: onnxruntime does not load it, or the outputs differ on noise or zeros.
    """
    try:
        reference = Reference(model)
        smaller = _folded(model)
    except _errors() as error:
        raise GraphError(f"the graph cannot be simplified: {error}") from error
    proof = reference.prove(smaller)
    if not proof.same:
        raise GraphError(
            f"simplified by onnxruntime, the graph computes something else: {proof.reason}"
        )
    return smaller


def _errors() -> tuple[type[Exception], ...]:
    invalid = (onnx.checker.ValidationError, onnx.shape_inference.InferenceError)
    return (*runtime_errors(), *invalid)


def _folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return what onnxruntime's basic optimisations make of a model, of the same interface."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory(prefix="detfit-simplify-") as name:
        path = Path(name) / "model.onnx"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        written = onnx.load(path)
    return _with_interface(written, model)


def _with_interface(written: onnx.ModelProto, model: onnx.ModelProto) -> onnx.ModelProto:
    """Give a model another's inputs, outputs, versions and notes, and infer its shapes."""
    for mine, theirs in (
        (written.graph.input, model.graph.input),
        (written.graph.output, model.graph.output),
    ):
        del mine[:]
        mine.extend(theirs)
    del written.opset_import[:]  # onnxruntime adds all domains that it knows
    written.opset_import.extend(model.opset_import)
    written.ir_version = model.ir_version
    written.producer_name, written.producer_version = model.producer_name, model.producer_version
    del written.metadata_props[:]
    written.metadata_props.extend(model.metadata_props)
    del written.graph.value_info[:]
    onnx.checker.check_model(written, full_check=True)
    return onnx.shape_inference.infer_shapes(written, strict_mode=True, data_prop=True)
