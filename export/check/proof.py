"""Prove that two models compute the same: run both on the same inputs, in one runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

Arrays = Mapping[str, np.ndarray[Any, Any]]
Results = list[tuple[str, np.ndarray[Any, Any]]]

SEEDS = (0, 1)
OPEN_SIDE = 3  # size of a dimension that the model leaves open
MOST_INTEGER = 4  # random integers are below it: they tend to be indices
MISMATCHES = (np.dtype(np.int64), np.dtype(np.int32))  # a type that a fix may change


@dataclass(frozen=True, slots=True)
class Proof:
    """State whether a changed model still computes the same.

    Attributes:
        same: Whether every output was equal on every sample that the original could run.
        samples: How many of these there were.
        reason: What differed, or why nothing could be run.
    """

    same: bool
    samples: int
    reason: str = ""


class Reference:
    """The outputs of a model on samples: noise, ten times larger noise, zeros.

    Args:
        model: The original.

    Raises:
        RuntimeError: onnxruntime cannot load it, or can run none of the samples.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        session = _session(model)
        self._types = {item.name: item.type for item in session.get_inputs()}
        self._runs: list[tuple[dict[str, np.ndarray[Any, Any]], Results]] = []
        reason = "it has no samples"
        for inputs in _samples(session):
            try:
                self._runs.append((inputs, _run(session, inputs)))
            except runtime_errors() as error:
                reason = _line(error)
        if not self._runs:
            raise RuntimeError(f"onnxruntime cannot run the model: {reason}")

    def prove(self, changed: onnx.ModelProto, tolerance: float = 0.0) -> Proof:
        """Compare a changed model with the original.

        Args:
            changed: The model to compare; integers may be INT32 where they were INT64.
            tolerance: Relative and absolute difference that is allowed; 0 means equal.
        """
        try:
            session = _session(changed)
            for inputs, expected in self._runs:
                found = _run(session, _typed(session, inputs))
                reason = _difference(expected, found, tolerance)
                if reason:
                    return Proof(False, len(self._runs), reason)
        except runtime_errors() as error:
            return Proof(False, len(self._runs), f"it no longer runs: {_line(error)}")
        return Proof(True, len(self._runs))


def runtime_errors() -> tuple[type[Exception], ...]:
    """Return what onnxruntime raises; its errors have no common base."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented")
    kinds = [getattr(state, name) for name in (*names, "RuntimeException", "EPFail")]
    return (*kinds, RuntimeError, ValueError)


def _session(model: onnx.ModelProto) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Optimised, two graphs may round differently though they say the same.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except runtime_errors() as error:
        raise RuntimeError(f"onnxruntime cannot load the model: {_line(error)}") from error


def _run(session: Any, inputs: Arrays) -> Results:
    names = [item.name for item in session.get_outputs()]
    return list(zip(names, map(np.asarray, session.run(names, dict(inputs))), strict=True))


def _samples(session: Any) -> Iterator[dict[str, np.ndarray[Any, Any]]]:
    infos = session.get_inputs()
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        yield {item.name: _noise(item, rng, scale=10.0**seed) for item in infos}
    yield {item.name: np.zeros(_sides(item), _dtype(item)) for item in infos}


def _noise(item: Any, rng: np.random.Generator, scale: float) -> np.ndarray[Any, Any]:
    sides, dtype = _sides(item), _dtype(item)
    if dtype.kind == "b":
        return rng.random(sides) < 0.5
    if dtype.kind in "iu":
        return rng.integers(0, MOST_INTEGER, sides).astype(dtype)
    return np.asarray(rng.standard_normal(sides) * scale).astype(dtype)


def _sides(item: Any) -> list[int]:
    return [side if isinstance(side, int) else OPEN_SIDE for side in item.shape]


def _dtype(item: Any) -> np.dtype[Any]:
    """Return the type of an input's samples.

    Raises:
        RuntimeError: There are none of that type, such as texts or sequences of tensors.
    """
    name = str(item.type).removeprefix("tensor(").removesuffix(")")
    try:
        dtype = np.dtype({"float": "float32", "double": "float64"}.get(name, name))
    except TypeError:
        dtype = np.dtype(np.object_)
    if dtype.kind not in "bfiu":
        raise RuntimeError(f"there are no samples of input {item.name!r}, which is {item.type}")
    return dtype


def _typed(session: Any, inputs: Arrays) -> dict[str, np.ndarray[Any, Any]]:
    return {item.name: inputs[item.name].astype(_dtype(item)) for item in session.get_inputs()}


def _difference(expected: Results, found: Results, tolerance: float) -> str:
    if [name for name, _ in expected] != [name for name, _ in found]:
        return "its outputs have other names"
    for (name, mine), (_, theirs) in zip(expected, found, strict=True):
        types = {mine.dtype, theirs.dtype}
        if len(types) > 1 and types != set(MISMATCHES):
            return f"output {name!r} is {theirs.dtype} instead of {mine.dtype}"
        if mine.shape != theirs.shape:
            return f"output {name!r} has the shape {theirs.shape} instead of {mine.shape}"
        if not _equal(mine, theirs, tolerance):
            return f"output {name!r} differs"
    return ""


def _equal(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], tolerance: float) -> bool:
    floats = a.dtype.kind == "f"
    if tolerance and floats:
        return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))
    return bool(np.array_equal(a, b, equal_nan=floats))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
