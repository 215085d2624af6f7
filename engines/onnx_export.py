"""Write a torch module as an ONNX model of fixed shapes, or of dynamic batch; imports torch."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy.typing as npt
import onnx
import torch

from .base import default_output_names
from .errors import OnnxExportError, foreign_errors
from .tensors import DYNAMIC_BATCH
from .torch.engine import flat_outputs

EXPORTERS = ("torchscript", "dynamo")
# TensorRT 8.6 reads up to opset 17; the dynamo exporter writes 18 and up.
DEFAULT_OPSET = {"torchscript": 17, "dynamo": 18}
LEAST_OPSET = {"torchscript": 11, "dynamo": 18}
_HAS_DYNAMO = "dynamo" in inspect.signature(torch.onnx.export).parameters  # since torch 2.5


def to_onnx(
    module: torch.nn.Module,
    inputs: Mapping[str, npt.NDArray[Any]],
    output_names: Sequence[str] = (),
    *,
    opset: int | None = None,
    exporter: str = "torchscript",
    check: bool = True,
    dynamic_batch: bool = False,
) -> onnx.ModelProto:
    """Export a module in eval mode, with the shapes of its example inputs fixed.

    The TorchScript exporter is the default: it is some twenty times faster than the dynamo
    exporter and names every node by the module that it comes from.

    Args:
        module: Takes the inputs in order, by position; gives a tensor or a tuple of tensors. Its
            train or eval mode, and that of all its parts, is left as it was.
        inputs: Input name to example array; the graph takes exactly these, in this order.
        output_names: One per output; ``output`` or ``output_0``, ... if empty.
        opset: ONNX operator set; 17, or 18 with the dynamo exporter, if None.
        exporter: ``torchscript`` or ``dynamo``.
        check: Check the model and infer shapes. Half of the export's time; whoever only builds an
            engine leaves it to the engine.
        dynamic_batch: Leave the first side of every input and output open, named ``batch``; the
            module must not unroll it. Only the TorchScript exporter does.

    Returns:
        A model that, if checked, ``onnx.checker`` accepts in full, with the inferred shapes of all
        tensors.

    Raises:
        OnnxExportError: An argument is unknown, or the module cannot be exported validly.
    """
    opset = _check_options(exporter, opset, dynamic_batch)
    examples = tuple(torch.tensor(array) for array in inputs.values())
    with _eval_mode(module), torch.no_grad():
        outputs = _outputs(module, examples, output_names)
        try:
            model = _export(
                module, examples, list(inputs), list(outputs), opset, exporter, dynamic_batch
            )
        except Exception as error:  # both exporters raise errors of many unrelated kinds
            raise OnnxExportError(
                f"the {exporter} exporter of torch {torch.__version__} failed at opset {opset}: "
                f"{type(error).__name__}: {error}"
            ) from error
    _restore_inputs(model, inputs)
    if dynamic_batch:
        _free_first_sides(model, {name: array.shape for name, array in inputs.items()} | outputs)
    return checked(model) if check else model


def checked(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with inferred shapes after checking it in full.

    Raises:
        OnnxExportError: The model is invalid.
    """
    with foreign_errors(OnnxExportError, "the ONNX model is invalid"):
        onnx.checker.check_model(model, full_check=True)
        return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)


def _restore_inputs(model: onnx.ModelProto, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
    """Give the graph exactly the inputs of the module, in order.

    The TorchScript exporter drops an input whose values the module does not use, such as a feature
    map that only lends its size; whoever runs the graph would have to know.
    """
    kept = {entry.name: entry for entry in model.graph.input}
    entries = [
        kept.get(name) or onnx.helper.make_tensor_value_info(name, _onnx_type(array), array.shape)
        for name, array in inputs.items()
    ]
    del model.graph.input[:]
    model.graph.input.extend(entries)


def _free_first_sides(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """State which sides are open, the first, and which are not: the exporter leaves more open."""
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        del dims[:]
        dims.add().dim_param = DYNAMIC_BATCH
        for side in shapes[value.name][1:]:
            dims.add().dim_value = side


def _onnx_type(array: npt.NDArray[Any]) -> int:
    return onnx.helper.np_dtype_to_tensor_dtype(array.dtype)


def _check_options(exporter: str, opset: int | None, dynamic_batch: bool) -> int:
    if exporter not in EXPORTERS:
        raise OnnxExportError(
            f"unknown exporter {exporter!r}; write one of {', '.join(EXPORTERS)}"
        )
    if exporter == "dynamo" and not _HAS_DYNAMO:
        raise OnnxExportError(
            f"torch {torch.__version__} has no dynamo exporter; use exporter='torchscript' or "
            "torch >= 2.5"
        )
    if exporter == "dynamo" and dynamic_batch:
        raise OnnxExportError("a dynamic batch needs exporter='torchscript', got 'dynamo'")
    chosen = DEFAULT_OPSET[exporter] if opset is None else opset
    if chosen < LEAST_OPSET[exporter]:
        raise OnnxExportError(
            f"the {exporter} exporter writes opset {LEAST_OPSET[exporter]} and up, got {chosen}"
        )
    return chosen


def _outputs(
    module: torch.nn.Module, examples: tuple[torch.Tensor, ...], given: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the outputs by name, in order."""
    with foreign_errors(OnnxExportError, "the module does not run on its example inputs"):
        shapes = [tuple(tensor.shape) for tensor in flat_outputs(module(*examples))]
    if given and len(given) != len(shapes):
        raise OnnxExportError(
            f"the module gives {len(shapes)} outputs but {len(given)} names ({', '.join(given)})"
        )
    if len(set(given)) != len(given):
        raise OnnxExportError(f"output names must differ, got {', '.join(given)}")
    return dict(zip(given or default_output_names(len(shapes)), shapes, strict=True))


def _export(
    module: torch.nn.Module,
    examples: tuple[torch.Tensor, ...],
    input_names: list[str],
    output_names: list[str],
    opset: int,
    exporter: str,
    dynamic_batch: bool,
) -> onnx.ModelProto:
    options: dict[str, Any] = {
        "input_names": input_names,
        "output_names": output_names,
        "opset_version": opset,
    }
    if exporter == "dynamo":
        program = torch.onnx.export(module, examples, dynamo=True, verbose=False, **options)
        if program is None:
            raise OnnxExportError("the exporter gave no model")
        return program.model_proto
    if dynamic_batch:
        names = (*input_names, *output_names)
        options["dynamic_axes"] = {name: {0: DYNAMIC_BATCH} for name in names}
    if _HAS_DYNAMO:
        options["dynamo"] = False
    buffer: Any = io.BytesIO()  # allowed for this exporter; the annotation speaks of the other
    with _quiet_torchscript():
        torch.onnx.export(module, examples, buffer, **options)
    return onnx.load_from_string(buffer.getvalue())


@contextmanager
def _quiet_torchscript() -> Iterator[None]:
    """Silence what the TorchScript exporter says about itself and about Python constants.

    It announces its successor at every call (torch >= 2.9), and warns of every shape that becomes
    a constant, which is what fixed shapes mean here. Other warnings pass.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "You are using the legacy TorchScript-based ONNX", DeprecationWarning
        )
        warnings.filterwarnings(
            "ignore", category=DeprecationWarning, module=r"torch\.onnx\._internal"
        )
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        yield


@contextmanager
def _eval_mode(module: torch.nn.Module) -> Iterator[None]:
    """Put the module in eval mode, then give every part its own mode back."""
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training
