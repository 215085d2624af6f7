"""Types and shapes of a model's tensors, without carrying its weights through the inference."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
import onnx.inliner

from .errors import CheckError

Side = int | str | None
SMALL = 1024  # elements; smaller constants may be shapes, which the inference needs


@dataclass(frozen=True, slots=True)
class Tensor:
    """Type and shape of a tensor.

    Attributes:
        dtype: Element type, as `onnx.TensorProto` numbers them; None if it is not known.
        shape: Sides, each a number, a symbol or None; None if the rank is not known.
    """

    dtype: int | None
    shape: tuple[Side, ...] | None

    @classmethod
    def of_value(cls, value: onnx.ValueInfoProto) -> Tensor:
        """Read what a graph says of a tensor."""
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            return cls(None, None)
        tensor = value.type.tensor_type
        shape = tuple(map(_side, tensor.shape.dim)) if tensor.HasField("shape") else None
        return cls(tensor.elem_type or None, shape)

    @classmethod
    def of_data(cls, data: onnx.TensorProto) -> Tensor:
        """Read type and shape of an initializer."""
        return cls(data.data_type, tuple(data.dims))

    @property
    def elements(self) -> int | None:
        """Return the number of elements if every side is known."""
        count = 1
        for side in self.shape if self.shape is not None else (None,):
            if not isinstance(side, int):
                return None
            count *= side
        return count


def _side(dim: onnx.TensorShapeProto.Dimension) -> Side:
    if dim.HasField("dim_value"):
        return dim.dim_value
    return dim.dim_param or None


def inferred(model: onnx.ModelProto) -> onnx.GraphProto:
    """Return the model's graph with the types and shapes that can be inferred.

    Large initializers are left out of it.

    Raises:
        CheckError: It is no graph that the inference can read.
    """
    skeleton = onnx.ModelProto(ir_version=max(model.ir_version, 4))
    skeleton.opset_import.extend(model.opset_import)
    graph = skeleton.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    named = {value.name for value in model.graph.input}
    for data in model.graph.initializer:
        if _size(data) <= SMALL:
            graph.initializer.append(data)
        elif data.name not in named:
            info = onnx.helper.make_tensor_value_info(data.name, data.data_type, list(data.dims))
            graph.input.append(info)
    result = _infer(skeleton)
    del result.graph.input[len(model.graph.input) :]
    return result.graph


def _infer(skeleton: onnx.ModelProto) -> onnx.ModelProto:
    errors = (ValueError, RuntimeError, onnx.shape_inference.InferenceError)
    try:
        return onnx.shape_inference.infer_shapes(skeleton, data_prop=True)
    except errors:  # following values is stricter than following shapes, which may be enough
        try:
            return onnx.shape_inference.infer_shapes(skeleton)
        except errors as error:
            raise CheckError(f"the model's shapes cannot be inferred: {error}") from error


def inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with its functions in the places of their calls.

    Raises:
        CheckError: A function is wrong.
    """
    if not model.functions:
        return model
    try:
        return onnx.inliner.inline_local_functions(model)
    except (ValueError, RuntimeError) as error:
        raise CheckError(f"the model's functions cannot be inlined: {error}") from error


def _size(data: onnx.TensorProto) -> int:
    count = 1
    for side in data.dims:
        count *= side
    return count
