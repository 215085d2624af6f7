"""Which quantised tensors an engine makes something else of than onnxruntime does.

A model says how its tensors are quantised, but an engine may move that, or compute it on another
scale. The noise of a node beside itself does not show it: it depends on what stands around. So the
whole lowered model is run by the engine and by onnxruntime, and what its products read compared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx

from engines import OnnxModel, get_backend

from .lowerings import Lowering
from .sensitivity import ENGINE, Batch, decibels

LEAST_DB = 15.0
"""Signal over noise from which two engines agree. Single steps that are rounded the other way add
up from layer to layer: 60 dB at the stem of a ShuffleNet, 16 dB at its end, where OpenVINO and
onnxruntime agree on every module to a cosine of 0.999. A wrong scale left 12 dB at its first
reader and 5 dB at the end."""

SELECTING = frozenset({"NonMaxSuppression", "TopK"})
"""Behind them, equal scores come in any order, so that positions say nothing."""


class Runs(Protocol):
    """An engine, built."""

    def run(self, inputs: Batch) -> Mapping[str, npt.NDArray[Any]]:
        """Return all outputs by name."""


Build = Callable[[bytes], AbstractContextManager[Runs]]


def strayed_nodes(
    lowering: Lowering, build: Build, batches: Iterable[Batch], *, threads: int = 1
) -> dict[str, float]:
    """Return the nodes whose input an engine makes something else of, in running order.

    What lies behind such a node is off as well; the first of them is where it begins.

    Args:
        lowering: The model and how it is lowered.
        build: Builds a lowered model on the engine.
        batches: Inputs by name, of real images.
        threads: CPU threads of onnxruntime.

    Returns:
        Signal to noise in decibels by node, onnxruntime taken as exact; only those below
        `LEAST_DB`.

    Raises:
        EngineError: One of both does not run the model.
    """
    arrays = list(batches)
    content, read = _watched(lowering.write(()), lowering.candidates)
    if not arrays or not read:
        return {}
    signal = dict.fromkeys(read.values(), 0.0)
    noise = dict(signal)
    model = OnnxModel(content, arrays[0], name="what is quantised", written_in=lowering.precision)
    backend = get_backend(ENGINE)
    with (
        build(content) as engine,
        backend.build(model, precision=lowering.precision, threads=threads) as reference,
    ):
        for batch in arrays:
            found, wanted = engine.run(batch), reference.run(batch)
            for name in signal:
                exact = np.asarray(wanted[name], np.float64)
                signal[name] += float((exact**2).sum())
                noise[name] += float(((np.asarray(found[name], np.float64) - exact) ** 2).sum())
    rows = {node: decibels(signal[name], noise[name]) for node, name in read.items()}
    return {node: row for node, row in rows.items() if not row >= LEAST_DB}


def _watched(content: bytes, candidates: Collection[str]) -> tuple[bytes, dict[str, str]]:
    """Return a model that also gives what its products read, and that by product."""
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content))
    known = {value.name: value for value in model.graph.value_info}
    behind: set[str] = set()
    read: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type in SELECTING or not behind.isdisjoint(node.input):
            behind.update(node.output)
        elif node.name in candidates and node.input[0] in known:
            read[node.name] = node.input[0]
    present = {value.name for value in model.graph.output}
    added = dict.fromkeys(name for name in read.values() if name not in present)
    model.graph.output.extend(known[name] for name in added)
    return bytes(model.SerializeToString()), read
