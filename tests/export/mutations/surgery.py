"""Small operations on ONNX graphs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from latency import module_of_node

Array = npt.NDArray[Any]


def nodes_of(
    model: onnx.ModelProto, op_type: str, module: str | None = None
) -> list[onnx.NodeProto]:
    """Return the nodes of a type, of one module of the detector or of all; at least one."""
    found = [
        node
        for node in model.graph.node
        if node.op_type == op_type and module in (None, module_of_node(node.name))
    ]
    if not found:
        raise LookupError(f"no {op_type} in {module or 'the graph'}")
    return found


def attribute(node: onnx.NodeProto, name: str) -> Any:
    """Return an attribute's value."""
    (found,) = [one for one in node.attribute if one.name == name]
    return helper.get_attribute_value(found)


def set_attribute(node: onnx.NodeProto, name: str, value: Any) -> None:
    """Set an attribute, whether it is there or not."""
    drop_attributes(node, name)
    node.attribute.append(helper.make_attribute(name, value))


def drop_attributes(node: onnx.NodeProto, *names: str) -> None:
    """Remove attributes that are there."""
    kept = [one for one in node.attribute if one.name not in names]
    del node.attribute[:]
    node.attribute.extend(kept)


def constant(model: onnx.ModelProto, name: str) -> Array:
    """Return the value of an initializer or of a Constant node."""
    return numpy_helper.to_array(_holder(model, name))


def set_constant(model: onnx.ModelProto, name: str, value: Array) -> None:
    """Give an initializer or a Constant node another value."""
    holder = _holder(model, name)
    holder.CopyFrom(numpy_helper.from_array(np.array(value, order="C"), holder.name))


def _holder(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    for tensor in model.graph.initializer:
        if tensor.name == name:
            return tensor
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output[0] == name:
            return node.attribute[0].t
    raise LookupError(f"{name} is no constant")


def add_constant(model: onnx.ModelProto, name: str, value: Array) -> str:
    """Add an initializer and return its name."""
    model.graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def insert_after(
    model: onnx.ModelProto, tensor: str, *steps: tuple[str, list[str], dict[str, Any]]
) -> None:
    """Put a chain of operators between a tensor and all that read it.

    Args:
        model: Changed in place.
        tensor: Made by a node.
        steps: Operator, its further inputs, its attributes.
    """
    (index,) = [i for i, node in enumerate(model.graph.node) if tensor in node.output]
    maker = model.graph.node[index]
    readers = list(readers_of(model, tensor))
    source, made = tensor, []
    for number, (op_type, inputs, attributes) in enumerate(steps):
        output = f"{tensor}_{number}_{op_type}"
        name = f"{maker.name}_{number}_{op_type}"
        made.append(
            helper.make_node(op_type, [source, *inputs], [output], name=name, **attributes)
        )
        source = output
    for reader in readers:
        for place, name in enumerate(reader.input):
            if name == tensor:
                reader.input[place] = source
    for offset, node in enumerate(made, start=1):
        model.graph.node.insert(index + offset, node)


def readers_of(model: onnx.ModelProto, tensor: str) -> Iterator[onnx.NodeProto]:
    """Yield the nodes that read a tensor."""
    return (node for node in model.graph.node if tensor in node.input)


def maker_of(model: onnx.ModelProto, tensor: str) -> onnx.NodeProto:
    """Return the node that makes a tensor."""
    (found,) = [node for node in model.graph.node if tensor in node.output]
    return found


def become(node: onnx.NodeProto, op_type: str, *dropped: str, **attributes: Any) -> None:
    """Turn a node into one of another type."""
    node.op_type = op_type
    drop_attributes(node, *dropped)
    for name, value in attributes.items():
        set_attribute(node, name, value)
