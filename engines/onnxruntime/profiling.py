"""Time the nodes of an ONNX Runtime session one by one, by its own profiler.

A session runs another graph than the one it was given: nodes are fused, folded, and laid out in
blocks of channels (NCHWc), with reorderings between. The optimised graph is read back and each of
its nodes traced to the nodes it was made of, by the tensors that both graphs know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from ..errors import EngineRunError
from ..layer_times import LayerTime

if TYPE_CHECKING:
    import onnx

WARMUP_RUNS = 5
_KERNEL = "_kernel_time"
_BLOCKED = "_nchwc"
"""What ONNX Runtime appends to a tensor's name to name the node that makes it in blocks."""

_FREE = frozenset(
    {"Constant", "Flatten", "Gather", "Identity", "Reshape", "Shape", "Squeeze", "Unsqueeze"}
)
"""Operators that cost nothing where they vanished: no layer is shared with their module."""

_ABSORBED = frozenset(
    {"Add", "BatchNormalization", "Clip", "HardSigmoid", "LeakyRelu", "Relu", "Sigmoid", "Tanh"}
)
"""Operators that a convolution before them computes as well."""


def node_times(events: Path, runs: int) -> dict[str, float]:
    """Return the median milliseconds of every node, in running order, from a profile.

    Args:
        events: The file that the session wrote.
        runs: Of the last runs.

    Raises:
        EngineRunError: The profile tells of no node.
    """
    samples: dict[str, list[float]] = {}
    for event in json.loads(events.read_bytes()):
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith(_KERNEL):
            samples.setdefault(name.removesuffix(_KERNEL), []).append(event["dur"] / 1e3)
    if not samples:
        raise EngineRunError("onnxruntime reports no layer times for this model")
    return {name: median(taken[-runs:]) for name, taken in samples.items()}


def layer_times(
    times: Mapping[str, float], content: bytes, optimised: Path
) -> tuple[LayerTime, ...]:
    """Return the time of every layer with the nodes of the given graph that it computes.

    Args:
        times: Milliseconds by node of the optimised graph.
        content: The model that the session was made from.
        optimised: File of the model that it runs.
    """
    import onnx

    nodes = _origins(onnx.load_from_string(content).graph, onnx.load(optimised).graph)
    return tuple(LayerTime(name, ms, tuple(nodes.get(name, ()))) for name, ms in times.items())


def _origins(given: onnx.GraphProto, optimised: onnx.GraphProto) -> dict[str, list[str]]:
    """Return the given nodes of each optimised one; none for a reordering."""
    makers = {tensor: node for node in given.node for tensor in node.output if tensor}
    by_name = {node.name: node for node in given.node}
    ends = {node.name: _last_of(node, makers, by_name) for node in optimised.node}
    made = {tensor for nodes in ends.values() for node in nodes for tensor in node.output}
    made |= {tensor for node in optimised.node for tensor in node.output}
    owner: dict[str, str] = {}  # given node -> optimised node that computes it
    for name, nodes in ends.items():
        for node in _upstream(nodes, makers, made):
            if node.op_type not in _FREE or node in nodes:
                owner.setdefault(node.name, name)
    _absorb(given, makers, owner, {node.name: i for i, node in enumerate(optimised.node)})
    found: dict[str, list[str]] = {}
    for node in given.node:
        if node.name in owner:
            found.setdefault(owner[node.name], []).append(node.name)
    return found


def _last_of(
    node: onnx.NodeProto, makers: Mapping[str, Any], by_name: Mapping[str, Any]
) -> list[onnx.NodeProto]:
    """Return the given nodes whose outputs an optimised node gives."""
    tensors = [*node.output, node.name.removesuffix(_BLOCKED)]
    ends = [makers[tensor] for tensor in tensors if tensor in makers]
    if node.op_type.startswith("Reorder"):
        return []
    return ends or ([by_name[node.name]] if node.name in by_name else [])


def _upstream(
    ends: Iterable[onnx.NodeProto], makers: Mapping[str, Any], made: set[str]
) -> list[onnx.NodeProto]:
    """Return nodes with those before them whose outputs no optimised node gives."""
    found: dict[str, onnx.NodeProto] = {}
    waiting = list(ends)
    while waiting:  # ends: every node is taken once
        node = waiting.pop()
        if node.name in found:
            continue
        found[node.name] = node
        before = (tensor for tensor in node.input if tensor in makers and tensor not in made)
        waiting.extend(makers[tensor] for tensor in before)
    return list(found.values())


def _absorb(
    given: onnx.GraphProto,
    makers: Mapping[str, Any],
    owner: dict[str, str],
    order: Mapping[str, int],
) -> None:
    """Give nodes that vanished behind a convolution to the last layer that feeds them."""
    for node in given.node:
        if node.name in owner or node.op_type not in _ABSORBED:
            continue
        before = (makers[tensor].name for tensor in node.input if tensor in makers)
        feeding = [owner[name] for name in before if name in owner]
        if feeding:
            owner[node.name] = max(feeding, key=lambda name: order.get(name, -1))
