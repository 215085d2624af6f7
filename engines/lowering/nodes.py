"""What is done to every graph before its precision is lowered. Imports onnx."""

from __future__ import annotations

import onnx

from ..models import PRECISION_NOTE


def note_precision(model: onnx.ModelProto, precision: str) -> None:
    """Note in a model's metadata which precision it is written in; `OnnxModel` reads it."""
    kept = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**kept, PRECISION_NOTE: precision})


def name_nodes(graph: onnx.GraphProto) -> None:
    """Give every node without a name one of its own."""
    for index, node in enumerate(graph.node):
        node.name = node.name or f"{node.op_type}_{index}"


def prepared_model(content: bytes) -> bytes:
    """Return a model whose weights are initializers and whose nodes all have names.

    What :func:`half_nodes` and :func:`quantizable` name is then what the conversions convert.
    """
    model = onnx.load_from_string(fold_identities(content))
    name_nodes(model.graph)
    return bytes(model.SerializeToString())


def fold_identities(content: bytes) -> bytes:
    """Replace every ``Identity`` of an initializer by the initializer.

    The TorchScript exporter writes weights that two modules share like this, and a convolution
    whose weights are no initializer is built by TensorRT as one with weights computed at run time.
    """
    model = onnx.load_from_string(content)
    graph = model.graph
    outputs = {value.name for value in graph.output}
    weights = {tensor.name for tensor in graph.initializer}
    renamed: dict[str, str] = {}
    for node in graph.node:
        if node.op_type == "Identity" and node.output[0] not in outputs:
            source = renamed.get(node.input[0], node.input[0])
            if source in weights:
                renamed[node.output[0]] = source
    if not renamed:
        return content
    kept = [node for node in graph.node if node.output[0] not in renamed]
    for node in kept:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    del graph.node[:]
    graph.node.extend(kept)
    return bytes(model.SerializeToString())
