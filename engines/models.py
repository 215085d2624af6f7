"""Ready-made models: a torch module with example inputs, and an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .base import Array, Arrays
from .errors import EngineBuildError, EngineInputError
from .tensors import TensorInfo, check_arrays

if TYPE_CHECKING:
    import onnx
    import torch


PRECISION_NOTE = "precision"
"""Key of an ONNX model's metadata that says which precision it is written in."""


class TorchModel:
    """Offer a torch module in every form that a backend asks for.

    Args:
        module: The module; put into eval mode when a backend takes it. None serves backends that
            need neither module nor ONNX, such as the fake one.
        inputs: Input name to example array, in the order in which the module takes them.
        output_names: One per output; ``output`` or ``output_0``, ``output_1``, ... if empty.
        name: A name for messages and files.
        macs: Multiply-adds of one run, 0 if unknown.

    Raises:
        EngineInputError: There are no inputs, or one is not an array.
    """

    def __init__(
        self,
        module: torch.nn.Module | None,
        inputs: Arrays,
        output_names: Sequence[str] = (),
        *,
        name: str = "model",
        macs: int = 0,
    ) -> None:
        if not inputs:
            raise EngineInputError(f"model {name!r} needs at least one example input")
        for key, array in inputs.items():
            if not isinstance(array, np.ndarray):
                raise EngineInputError(
                    f"example input {key!r} must be a NumPy array, got {type(array).__name__}"
                )
        self._module = module
        self._inputs = dict(inputs)
        self._onnx: bytes | None = None
        self.output_names = tuple(output_names)
        self.name = name
        self.macs = macs

    def example_inputs(self) -> dict[str, Array]:
        """Return the example arrays by input name."""
        return dict(self._inputs)

    def torch_module(self) -> torch.nn.Module:
        """Return the module in eval mode.

        Raises:
            EngineBuildError: The model was made without a module.
        """
        if self._module is None:
            raise EngineBuildError(
                f"model {self.name!r} was made without a torch module; give it one, or use "
                "engine 'fake'"
            )
        return self._module.eval()

    def onnx_bytes(self) -> bytes:
        """Return the exported model; exported once.

        Raises:
            OnnxExportError: The module cannot be exported.
            EngineBuildError: The model was made without a module.
        """
        if self._onnx is None:
            from .onnx_export import to_onnx

            model = to_onnx(self.torch_module(), self._inputs, self.output_names)
            self._onnx = model.SerializeToString()
        return self._onnx


class OnnxModel:
    """Offer an ONNX model; it can be built by every backend that reads ONNX.

    Args:
        source: A file, or the serialised model.
        inputs: Input name to example array; random arrays of the graph's types if None (never
            zeros, on which some hardware is faster).
        name: A name for messages; the file's stem if None.
        macs: Multiply-adds of one run, 0 if unknown.
        seed: Seed of the random inputs.
        written_in: Precision that the graph is written in: an engine of that precision takes it
            as it is, and none of another can be built from it. If None what the model's own
            metadata say, ``fp32`` without: no precision was written into it.

    Raises:
        EngineBuildError: The file cannot be read, is no ONNX model, or keeps its weights in other
            files.
        EngineInputError: ``inputs`` do not fit the graph, or are None while a size is not fixed.
    """

    def __init__(
        self,
        source: Path | str | bytes,
        inputs: Arrays | None = None,
        *,
        name: str | None = None,
        macs: int = 0,
        seed: int = 0,
        written_in: str | None = None,
    ) -> None:
        is_file = not isinstance(source, bytes)
        self.name = name or (Path(source).stem if is_file else "model")  # type: ignore[arg-type]
        self.macs = macs
        self._content = _read(Path(source)) if is_file else bytes(source)  # type: ignore[arg-type]
        model = _parse(self._content, self.name)
        noted = {entry.key: entry.value for entry in model.metadata_props}
        self.written_in = written_in or noted.get(PRECISION_NOTE, "fp32")
        graph = model.graph
        weights = {tensor.name for tensor in graph.initializer}
        infos = tuple(_describe(v) for v in graph.input if v.name not in weights)
        self.output_names = tuple(value.name for value in graph.output)
        given = _random_arrays(infos, seed) if inputs is None else inputs
        self._inputs = check_arrays(infos, given)

    def example_inputs(self) -> dict[str, Array]:
        """Return the example arrays by input name."""
        return dict(self._inputs)

    def torch_module(self) -> torch.nn.Module:
        """Refuse: an ONNX model has no torch module.

        Raises:
            EngineBuildError: Always.
        """
        raise EngineBuildError(
            f"model {self.name!r} is an ONNX model and has no torch module; "
            "use an engine that reads ONNX, such as 'onnxruntime'"
        )

    def onnx_bytes(self) -> bytes:
        """Return the serialised model, byte for byte as it was given."""
        return self._content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EngineBuildError(f"cannot read the ONNX model {path}: {error.strerror}") from error


def _parse(content: bytes, name: str) -> onnx.ModelProto:
    import onnx

    try:
        model = onnx.load_from_string(content)
    except Exception as error:  # the parser's DecodeError moves between protobuf's versions
        raise EngineBuildError(f"model {name!r} is no ONNX model: {error}") from error
    if not model.graph.node and not model.graph.output:
        raise EngineBuildError(f"model {name!r} is no ONNX model: it has no graph")
    outside = [t.name for t in model.graph.initializer if t.data_location == t.EXTERNAL]
    if outside:
        raise EngineBuildError(
            f"model {name!r} keeps {len(outside)} weights in other files; store it in one: "
            "onnx.save(onnx.load(path), new_path)"
        )
    return model


def _describe(value: onnx.ValueInfoProto) -> TensorInfo:
    import onnx

    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
        raise EngineBuildError(
            f"input {value.name!r} of the ONNX model is no tensor of known rank"
        )
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    shape = (d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
    return TensorInfo(value.name, tuple(shape), np.dtype(dtype).name)


def _random_arrays(infos: Sequence[TensorInfo], seed: int) -> Mapping[str, Array]:
    rng = np.random.default_rng(seed)
    return {info.name: _random_array(info, rng) for info in infos}


def _random_array(info: TensorInfo, rng: np.random.Generator) -> Array:
    shape = tuple(side for side in info.shape if side is not None)
    if len(shape) != len(info.shape):
        raise EngineInputError(
            f"input {info.name!r} is {info}: a size is not fixed; give OnnxModel the inputs"
        )
    kind = np.dtype(info.dtype)
    if kind.kind == "f":
        return np.asarray(rng.standard_normal(shape)).astype(kind)
    return np.asarray(rng.integers(0, 2, shape)).astype(kind)  # small: they are mostly indices
