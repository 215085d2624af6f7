"""Graphs of modules as JSON-able fields."""

from __future__ import annotations

from searchspaces import Graph, ModuleSpec, Node, TensorSpec


def graph_to_dict(graph: Graph) -> dict[str, object]:
    """Return inputs, nodes and outputs as plain texts."""
    return {
        "inputs": {name: str(tensor) for name, tensor in graph.inputs},
        "nodes": list(graph.lines()),
        "outputs": list(graph.outputs),
    }


def graph_from_dict(fields: object) -> Graph:
    """Read back what :func:`graph_to_dict` gave.

    Raises:
        ValueError: A field is missing or says something that no graph says.
    """
    if not isinstance(fields, dict) or not {"inputs", "nodes", "outputs"} <= fields.keys():
        raise ValueError("graph must hold inputs, nodes and outputs")
    inputs = tuple((str(name), TensorSpec.parse(text)) for name, text in fields["inputs"].items())
    return Graph(inputs, tuple(map(_node, fields["nodes"])), tuple(fields["outputs"]))


def _node(line: str) -> Node:
    pieces = line.split("|", 3)
    if len(pieces) != 4:
        raise ValueError(f"node {line!r} does not read name|part|inputs|module")
    name, part, inputs, key = pieces
    return Node(name, part, ModuleSpec.parse(key), tuple(inputs.split("+")))
