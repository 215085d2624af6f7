"""Which module a layer of an exported network comes from, by its name."""

from __future__ import annotations

import re

# The exporter names a node by the path of modules around it: /backbone_s1_b0/branch/.../Conv.
_MODULE = re.compile(r"/(?:nodes[./])?(?P<name>\w+)/")


def module_of_node(onnx_node_name: str) -> str | None:
    """Return the detector module that an ONNX node comes from.

    Args:
        onnx_node_name: Such as ``/backbone_s1_b0/branch/branch.0/Conv``.

    Returns:
        The name of the node in the detector's graph, ``None`` for constants and wiring.

    Example:
        >>> module_of_node("/backbone_s1_b0/branch/branch.0/Conv")
        'backbone_s1_b0'
    """
    match = _MODULE.match(onnx_node_name)
    return match["name"] if match else None


def modules_of_layer(layer_name: str) -> frozenset[str]:
    """Return every module that an engine's layer, which may be fused of several nodes, is of.

    Args:
        layer_name: As TensorRT composes it: ``/a/Conv + /a/Relu``, ``PWN(/a/Sigmoid)``,
            ``{ForeignNode[/a/Conv.../b/Add]}``, ``Reformatting CopyNode for ... to /a/Conv``.

    Example:
        >>> sorted(modules_of_layer("PWN(/neck/Add) + /head/conv/Conv"))
        ['head', 'neck']
    """
    nodes = re.findall(r"(?<![\w/.])/[\w./]*?(?=\.\.\.|[^\w./]|$)", layer_name.replace("...", " "))
    return frozenset(name for node in nodes if (name := module_of_node(node)))
