"""Bring TensorRT's layers back to the ONNX nodes that they come from.

TensorRT fuses ONNX nodes to layers and names a layer after them: ``/stem/Conv + /stem/Relu``,
``PWN(/a/Sigmoid)``, ``{ForeignNode[/a/Exp.../b/Mul]}``, ``Reformatting CopyNode for Input Tensor 0
to /a/Conv``. An engine built in detail also tells each layer's nodes ("Metadata": ``[ONNX Layer:
/stem/Conv]``), which covers the layers whose name says nothing (``__myl_...``). Between the name
and the bracket there may be more: a doc string in 8.6, the local function from 10 on (both
``| ...``; onnx-tensorrt, ``processMetadata``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_METADATA = re.compile(r"\[ONNX Layer: ([^\]\x1e|]+?)(?: \|[^\]\x1e]*)?\]")
# What may stand next to a node's name in the name of a layer.
_BREAKS = re.compile(r"[\s+,()\[\]{}]+|\.\.\.")


def nodes_by_layer(
    information: str, layers: Iterable[str], nodes: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return the ONNX nodes of each layer: those that the engine tells, else those in its name.

    A reformatting copy belongs to the node that it is made for, which its name tells.

    Args:
        information: JSON of the engine inspector; may be empty.
        layers: Names of the layers as the profiler reports them.
        nodes: Names of the nodes of the ONNX model.
    """
    told = _told(information)
    known = set(nodes)
    return {layer: told.get(layer) or _named(layer, known) for layer in layers}


def nodes_in(metadata: str) -> tuple[str, ...]:
    r"""Return the nodes that a layer's metadata names.

    Example:
        >>> nodes_in("[ONNX Layer: /a/Conv]\x1e[ONNX Layer: /a/Relu | Local Function: f]")
        ('/a/Conv', '/a/Relu')
    """
    return tuple(_METADATA.findall(metadata))


def _told(information: str) -> dict[str, tuple[str, ...]]:
    found = json.loads(information).get("Layers", []) if information.strip() else []
    return {
        layer["Name"]: nodes_in(layer.get("Metadata", ""))
        for layer in found
        if isinstance(layer, dict) and "Name" in layer  # without detail a layer is its name alone
    }


def _named(layer: str, known: set[str]) -> tuple[str, ...]:
    parts = dict.fromkeys(part for part in _BREAKS.split(layer) if part)  # ordered, once each
    return tuple(part for part in parts if part in known)
