"""Which layers of a weakly typed network stay in float32: up to TensorRT 10.

Half precision has 11 bits: from 1024 on it holds whole pixels only, and int8 has 255 values for
all of them. A builder that may use either takes it wherever it is faster, copies of boxes
included. So every layer of numbers is held in float32 but those that come of nodes which may be
lowered; a layer that no node names (broadcasts, casts that the parser adds) is as what it reads.

Layers are known by the node that the parser notes in their metadata (onnx-tensorrt,
``ImporterContext::registerLayer``, 8.6 and 10); which of them have a precision to set is what
trtexec asks before it sets one (NVIDIA/TensorRT release/10.4, samples/common/sampleEngines.cpp,
``setLayerPrecisions``). Strongly typed networks reject all of this.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from .attribution import nodes_in

if TYPE_CHECKING:
    import tensorrt as trt

    from .api import Api

RUN_BY = ("Api8", "Api10")
"""Releases for which this module runs; the contract tests read it."""


def hold_exact(
    api: Api, network: trt.INetworkDefinition, free: Collection[str], *, borders: bool
) -> None:
    """Prefer float32 in every layer of numbers but those of some nodes.

    Args:
        api: What drives the installed release.
        network: As parsed.
        free: Names of the nodes that the builder may lower.
        borders: Also give what they hand to the others in float32: in int8 a last layer would
            otherwise have 255 values for all scores and offsets.
    """
    lowered: set[str] = set()
    read = {network.get_output(index).name for index in range(network.num_outputs)}
    for index in range(network.num_layers):
        layer: trt.ILayer = network.get_layer(index)
        if _may_be_lowered(layer, free, lowered):
            lowered.update(_names(layer, inputs=False))
        elif _has_precision(api, layer):
            layer.precision = api.trt.DataType.FLOAT
            read.update(_names(layer, inputs=True))
    if borders:
        _give_exactly(api, network, lowered & read)


def _give_exactly(api: Api, network: trt.INetworkDefinition, tensors: Collection[str]) -> None:
    for index in range(network.num_layers):
        layer: trt.ILayer = network.get_layer(index)
        for number in range(layer.num_outputs):
            tensor: trt.ITensor = layer.get_output(number)
            if tensor.name in tensors:
                layer.set_output_type(number, api.trt.DataType.FLOAT)


def _may_be_lowered(layer: trt.ILayer, free: Collection[str], lowered: Collection[str]) -> bool:
    nodes = nodes_in(layer.metadata)
    if nodes:
        return all(node in free for node in nodes)
    first: trt.ITensor | None = layer.get_input(0) if layer.num_inputs else None
    return first is not None and first.name in lowered


def _has_precision(api: Api, layer: trt.ILayer) -> bool:
    """Tell whether a layer computes with numbers: not with sizes, indices or truths alone."""
    if layer.type == api.trt.LayerType.CONSTANT or not layer.num_inputs:
        return False
    first: trt.ITensor | None = layer.get_input(0)
    if first is None or first.is_shape_tensor:
        return False
    made: trt.ITensor = layer.get_output(0)
    return api.trt.DataType.FLOAT in (first.dtype, made.dtype)


def _names(layer: trt.ILayer, *, inputs: bool) -> Iterator[str]:
    for index in range(layer.num_inputs if inputs else layer.num_outputs):
        tensor: trt.ITensor | None = layer.get_input(index) if inputs else layer.get_output(index)
        if tensor is not None:
            yield tensor.name
