"""Time the layers of an OpenVINO model one by one, by its performance counters."""

from __future__ import annotations

from statistics import median
from typing import Any

from ..errors import EngineRunError
from ..layer_times import LayerTime

WARMUP_RUNS = 5
_BARE = "/WithoutBiases"
"""What OpenVINO appends to the name of a convolution whose bias it made an addition."""


def layer_times(compiled: Any, request: Any, content: bytes, runs: int) -> tuple[LayerTime, ...]:
    """Return the median time of every layer that was executed, in order.

    Args:
        compiled: A model compiled with ``PERF_COUNT``.
        request: One of its requests, with inputs.
        content: The ONNX model that it was compiled from.
        runs: Timed runs.

    Raises:
        EngineRunError: No layer was executed.
    """
    samples: dict[str, list[float]] = {}
    for run in range(WARMUP_RUNS + runs):
        request.infer(share_outputs=True)
        if run >= WARMUP_RUNS:
            for name, ms in _executed(request):
                samples.setdefault(name, []).append(ms)
    if not samples:
        raise EngineRunError("OpenVINO reports no layer times for this model")
    for taken in samples.values():  # a layer below the resolution counts as not executed
        taken.extend([0.0] * (runs - len(taken)))
    nodes = _nodes_by_layer(compiled, content)
    return tuple(LayerTime(name, median(ms), nodes.get(name, ())) for name, ms in samples.items())


def _executed(request: Any) -> list[tuple[str, float]]:
    """Return name and milliseconds of each layer of the last run; counters count microseconds."""
    return [
        (str(layer.node_name), layer.real_time.total_seconds() * 1e3)
        for layer in request.profiling_info
        if layer.status == layer.Status.EXECUTED
    ]


def _nodes_by_layer(compiled: Any, content: bytes) -> dict[str, tuple[str, ...]]:
    """Return the ONNX nodes of each layer; none for a reordering that OpenVINO put in."""
    known = _node_names(content)
    found = {}
    for layer in compiled.get_runtime_model().get_ordered_ops():
        told = layer.rt_info["originalLayersNames"].astype(str).split(",")
        names = (name.removesuffix(_BARE) for name in told)
        nodes = dict.fromkeys(known[name] for name in names if name in known)
        found[str(layer.get_friendly_name())] = tuple(nodes)
    return found


def _node_names(content: bytes) -> dict[str, str]:
    """Return node names by what OpenVINO may call a node: its name, or the model's output."""
    import onnx

    graph = onnx.load_from_string(content).graph
    outputs = {value.name for value in graph.output}
    by_output = {name: node.name for node in graph.node for name in node.output if name in outputs}
    return {**by_output, **{node.name: node.name for node in graph.node}}
