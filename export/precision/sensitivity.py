"""How much noise each node makes when it alone is lowered: the order in which a search looks.

Every candidate is put into the graph a second time, lowered, beside itself and on the same exact
inputs. One run of one model then gives the signal-to-noise ratio of all of them: a hundred nodes
cost two runs' time, and nothing but sums leaves the engine.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from engines import MAX_HALF, OnnxModel, data_inputs, get_backend

from .lowerings import Lowering

BESIDE = "/beside"
ENGINE = "onnxruntime"

Batch = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class NodeNoise:
    """Say what lowering one node does to its output.

    Attributes:
        name: The node.
        op: Its operator.
        sqnr_db: Ratio of signal to noise in decibels; minus infinity where a number is not
            finite any more, infinity where nothing changes.
        reach: Largest magnitude of what it gives, in fp32.
        reach_in: Largest magnitude of what it takes, in fp32, weights apart.
        taken_db: Signal to noise, in decibels, of what it takes on the engine of the whole lowered
            model, beside what onnxruntime makes of it; ``None`` where both agree.
    """

    name: str
    op: str
    sqnr_db: float
    reach: float
    reach_in: float
    taken_db: float | None = None

    @property
    def why(self) -> str:
        """Return what lowering does to it, in words and numbers."""
        if self.taken_db is not None:
            return (
                "the engine quantises what it takes otherwise than the model says: "
                f"{self.taken_db:.1f} dB of signal to noise beside {ENGINE}"
            )
        if self.sqnr_db > -math.inf:
            return f"alone it gives {self.sqnr_db:.1f} dB of signal to noise"
        if self.reach > MAX_HALF:
            return f"it saturates: it gives up to {self.reach:.3g}, beyond {MAX_HALF:.0f}"
        if self.reach_in > MAX_HALF:
            return f"it saturates: it takes up to {self.reach_in:.3g}, beyond {MAX_HALF:.0f}"
        return "a number that it gives is not finite any more"


def node_noise(
    lowering: Lowering, batches: Iterable[Batch], *, threads: int = 1
) -> tuple[NodeNoise, ...]:
    """Return the noise of every candidate, the worst first; ties stay in running order.

    Args:
        lowering: The model and how it is lowered.
        batches: Inputs by name, of real images.
        threads: CPU threads.

    Raises:
        EngineError: onnxruntime does not run the doubled model.
    """
    arrays = list(batches)
    if not arrays or not lowering.candidates:
        return ()
    watched = _Watched.of(lowering)
    totals: dict[str, float] = dict.fromkeys(watched.outputs, 0.0)
    name = "each node beside itself, lowered"
    model = OnnxModel(watched.content, arrays[0], name=name, written_in="fp32")
    with get_backend(ENGINE).build(model, threads=threads) as engine:
        for batch in arrays:
            found = engine.run(batch)
            for name, is_largest in watched.outputs.items():
                value = float(found[name])
                totals[name] = max(totals[name], value) if is_largest else totals[name] + value
    rows = [watched.noise(name, totals) for name in lowering.candidates]
    return tuple(sorted(rows, key=lambda row: row.sqnr_db))


@dataclass(frozen=True, slots=True)
class _Watched:
    """Hold the doubled model and which of its outputs tell what."""

    content: bytes
    outputs: Mapping[str, bool]  # name -> whether it is a largest magnitude, else a sum
    nodes: Mapping[str, onnx.NodeProto]
    weights: Collection[str]

    @classmethod
    def of(cls, lowering: Lowering) -> _Watched:
        model = onnx.load_from_string(lowering.content)
        weights = {tensor.name for tensor in model.graph.initializer}
        chosen = set(lowering.candidates)
        nodes = {node.name: node for node in model.graph.node if node.name in chosen}
        doubled = lowering.convert(_doubled(model, chosen), [name + BESIDE for name in chosen])
        content, outputs = _with_statistics(onnx.load_from_string(doubled), nodes, weights)
        return cls(content, outputs, nodes, weights)

    def noise(self, name: str, totals: Mapping[str, float]) -> NodeNoise:
        node = self.nodes[name]
        taken = [totals[_largest(name)] for name in _read(node, self.weights)]
        return NodeNoise(
            name,
            node.op_type,
            decibels(totals[_sum(name, "signal")], totals[_sum(name, "noise")]),
            totals[_largest(node.output[0])],
            max(taken, default=0.0),
        )


def _doubled(model: onnx.ModelProto, chosen: Collection[str]) -> bytes:
    """Return a model in which chosen nodes have a twin each, that nothing reads."""
    double = onnx.ModelProto()
    double.CopyFrom(model)
    nodes = []
    for node in model.graph.node:
        nodes.append(node)
        if node.name in chosen:
            twin = onnx.NodeProto()
            twin.CopyFrom(node)
            twin.name = node.name + BESIDE
            twin.output[:] = [output + BESIDE for output in node.output]
            nodes.append(twin)
    del double.graph.node[:]
    double.graph.node.extend(nodes)
    return bytes(double.SerializeToString())


def _with_statistics(
    model: onnx.ModelProto, nodes: Mapping[str, onnx.NodeProto], weights: Collection[str]
) -> tuple[bytes, dict[str, bool]]:
    """Return the model with sums and largest magnitudes as its only outputs, and their names."""
    outputs: dict[str, bool] = {}
    added: list[onnx.NodeProto] = []
    for name, node in nodes.items():
        exact, difference = node.output[0], f"{name}/difference"
        added.append(helper.make_node("Sub", [exact + BESIDE, exact], [difference]))
        for tensor, kind in ((exact, "signal"), (difference, "noise")):
            outputs[_sum(name, kind)] = False
            added.append(
                helper.make_node("ReduceSumSquare", [tensor], [_sum(name, kind)], keepdims=0)
            )
        for tensor in (exact, *_read(node, weights)):
            if _largest(tensor) not in outputs:
                outputs[_largest(tensor)] = True
                size = f"{tensor}/size"
                added.append(helper.make_node("Abs", [tensor], [size]))
                added.append(helper.make_node("ReduceMax", [size], [_largest(tensor)], keepdims=0))
    model.graph.node.extend(added)
    del model.graph.output[:]
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in outputs
    )
    return bytes(model.SerializeToString()), outputs


def _read(node: onnx.NodeProto, weights: Collection[str]) -> list[str]:
    """Return the tensors of numbers that a node takes, weights apart."""
    return [name for name in node.input[: data_inputs(node)] if name and name not in weights]


def _sum(name: str, kind: str) -> str:
    return f"{name}/{kind}"


def _largest(tensor: str) -> str:
    return f"{tensor}/largest"


def decibels(signal: float, noise: float) -> float:
    """Return the ratio of signal to noise in decibels, from sums of squares.

    Minus infinity where one is not finite, infinity where there is no noise.
    """
    if not math.isfinite(noise) or not math.isfinite(signal):
        return -math.inf
    if noise == 0:
        return math.inf
    return 10 * float(np.log10(signal / noise)) if signal > 0 else -math.inf
