"""Faults of layers, pooling and arithmetic, operated into the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from .boxes import edit, given, wrapped
from .mutation import BOTH, TWO, Equivalent, Mutation, Workpiece
from .surgery import (
    add_constant,
    attribute,
    become,
    constant,
    insert_after,
    maker_of,
    nodes_of,
    set_attribute,
    set_constant,
)

FP16_LARGEST = 65504.0


def operated(operate: Callable[[onnx.ModelProto], None]) -> Callable[[Workpiece], None]:
    """Return the planting that operates on the graph."""
    return lambda work: operate(work.model)


def _roi(name: str, value: Any) -> Callable[[Workpiece], None]:
    def operate(model: onnx.ModelProto) -> None:
        for node in nodes_of(model, "RoiAlign"):
            set_attribute(node, name, value)

    return operated(operate)


def _level_places(change: Callable[[Tensor], Tensor]) -> Callable[[Workpiece], None]:
    def plant(modules: nn.ModuleDict) -> None:
        modules["roi_align"].places = change(modules["roi_align"].places)  # type: ignore[operator]

    return edit(plant)


def _level_limits(factor: float) -> Callable[[Workpiece], None]:
    def plant(modules: nn.ModuleDict) -> None:
        modules["roi_align"].min_sides = modules["roi_align"].min_sides * factor  # type: ignore[operator]

    return edit(plant)


def _finest_scale(places: Tensor) -> Tensor:
    return torch.cat((places[:, :2], places[:1, 2:].expand(len(places), 1)), 1)


def _without_level(index: int) -> Callable[..., tuple[Tensor, ...]]:
    return lambda levels, *_: tuple(
        level * 0 if place == index else level for place, level in enumerate(levels)
    )


def _pads_at_the_end(model: onnx.ModelProto) -> None:
    """Pad stride-2 convolutions as TensorFlow's SAME does: behind instead of around."""
    changed = 0
    for node in nodes_of(model, "Conv"):
        if list(attribute(node, "strides")) == [2, 2] and list(attribute(node, "pads")) == [1] * 4:
            set_attribute(node, "pads", [0, 0, 2, 2])
            changed += 1
    if not changed:
        raise LookupError("no convolution of stride 2 with padding")


def _linear_upsampling(model: onnx.ModelProto) -> None:
    for node in nodes_of(model, "Resize", "neck"):
        set_attribute(node, "mode", "linear")
        set_attribute(node, "coordinate_transformation_mode", "half_pixel")


def _ceiling_upsampling(model: onnx.ModelProto) -> None:
    for node in nodes_of(model, "Resize", "neck"):
        set_attribute(node, "nearest_mode", "ceil")


def _upsampling(mode: str) -> Callable[[Workpiece], None]:
    def operate(model: onnx.ModelProto) -> None:
        for node in nodes_of(model, "Resize", "neck"):
            set_attribute(node, "coordinate_transformation_mode", mode)
            set_attribute(node, "nearest_mode", "round_prefer_floor")

    return operated(operate)


def _no_top_down(model: onnx.ModelProto) -> None:
    """Give lateral connections alone: the coarser level is not added."""
    for node in nodes_of(model, "Add", "neck"):
        made = {source: maker_of(model, source).op_type for source in node.input}
        upsampled = [source for source, op_type in made.items() if op_type == "Resize"]
        if upsampled:
            (lateral,) = [source for source in node.input if source not in upsampled]
            del node.input[:]
            node.input.append(lateral)
            become(node, "Identity")
            return
    raise LookupError("no addition of an upsampled level")


def _no_activation(model: onnx.ModelProto) -> None:
    become(nodes_of(model, "Relu")[0], "Identity")


def _leaky_activations(model: onnx.ModelProto) -> None:
    for node in nodes_of(model, "Relu"):
        become(node, "LeakyRelu", alpha=0.01)


def _bounded_activations(model: onnx.ModelProto) -> None:
    """Turn every ReLU into a ReLU6."""
    low = add_constant(model, "relu6_low", np.float32(0))
    high = add_constant(model, "relu6_high", np.float32(6))
    for node in nodes_of(model, "Relu"):
        become(node, "Clip")
        node.input.extend([low, high])


def _neck_output(model: onnx.ModelProto) -> str:
    return str(nodes_of(model, "Conv", "neck")[0].output[0])


def _fp16_overflow(model: onnx.ModelProto) -> None:
    """Compute a tensor in fp16 after a scale that fp16 cannot hold."""
    up = add_constant(model, "scale_up", np.float32(2**20))
    down = add_constant(model, "scale_down", np.float32(2**-20))
    steps = (
        ("Mul", [up], {}),
        ("Cast", [], {"to": onnx.TensorProto.FLOAT16}),
        ("Cast", [], {"to": onnx.TensorProto.FLOAT}),
        ("Mul", [down], {}),
    )
    insert_after(model, _neck_output(model), *steps)


def _fp16_saturation(model: onnx.ModelProto) -> None:
    """The same on hardware that saturates instead of overflowing."""
    largest = FP16_LARGEST / 2**20
    low = add_constant(model, "saturated_low", np.float32(-largest))
    high = add_constant(model, "saturated_high", np.float32(largest))
    insert_after(model, _neck_output(model), ("Clip", [low, high], {}))


def _fp16_underflow(model: onnx.ModelProto) -> None:
    """Round a tensor to whole steps of fp16's smallest number after a wrong scale."""
    down = add_constant(model, "scale_down", np.float32(2**-20))
    up = add_constant(model, "scale_up", np.float32(2**20))
    steps = (
        ("Mul", [down], {}),
        ("Cast", [], {"to": onnx.TensorProto.FLOAT16}),
        ("Cast", [], {"to": onnx.TensorProto.FLOAT}),
        ("Mul", [up], {}),
    )
    insert_after(model, _neck_output(model), *steps)


def quantised(scale: float, zero_point: int) -> Callable[[Workpiece], None]:
    """Return the planting that quantises a tensor of the neck to uint8."""

    def operate(model: onnx.ModelProto) -> None:
        step = add_constant(model, "step", np.float32(scale))
        zero = add_constant(model, "zero", np.uint8(zero_point))
        steps = (("QuantizeLinear", [step, zero], {}), ("DequantizeLinear", [step, zero], {}))
        insert_after(model, _neck_output(model), *steps)

    return operated(operate)


def _control_flow(model: onnx.ModelProto) -> None:
    """Hide the scores behind an `If`."""
    name = model.graph.output[1].name
    maker = maker_of(model, name)
    inner = f"{name}_inner"
    maker.output[list(maker.output).index(name)] = inner
    branch = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", [inner], [f"{name}_branch"])],
        "branch",
        [],
        [onnx.helper.make_tensor_value_info(f"{name}_branch", onnx.TensorProto.FLOAT, None)],
    )
    condition = add_constant(model, "condition", np.bool_(True))
    model.graph.node.append(
        onnx.helper.make_node(
            "If", [condition], [name], name="branching", then_branch=branch, else_branch=branch
        )
    )


def _not_finite_weight(model: onnx.ModelProto) -> None:
    name = nodes_of(model, "Conv")[-1].input[1]
    weights = constant(model, name).copy()
    weights.flat[0] = np.nan
    set_constant(model, name, weights)


def _transposed_cells(modules: nn.ModuleDict) -> None:
    """Flatten maps by columns instead of rows where the head gives its predictions."""
    name = "rpn_head" if "rpn_head" in modules else "retinanet_head"
    module: Any = modules[name]
    before = module.forward

    def forward(*levels: Tensor) -> Any:
        # Transposed maps of transposed kernels hold the same numbers in another order.
        sizes = [level.shape[-2:] for level in levels]
        made = before(*levels)
        return tuple(_by_columns(output, sizes) for output in made)

    module.forward = forward


def _by_columns(output: Tensor, sizes: list[Any]) -> Tensor:
    cells = sum(h * w for h, w in sizes)
    rows = output.reshape(output.shape[0], cells, -1)
    parts = rows.split([h * w for h, w in sizes], 1)
    turned = [
        part.reshape(part.shape[0], h, w, -1).transpose(1, 2).reshape(part.shape)
        for part, (h, w) in zip(parts, sizes, strict=True)
    ]
    return torch.cat(turned, 1).reshape(output.shape)


def _rolled(output: Tensor, *_: Tensor) -> Tensor:
    return torch.roll(output, 1, 1)


CATALOGUE = (
    Mutation(
        "roialign-half-pixel",
        "RoIAlign samples half a pixel off",
        "graph",
        "tensors",
        TWO,
        _roi("coordinate_transformation_mode", "output_half_pixel"),
    ),
    Mutation(
        "roialign-one-sample",
        "RoIAlign takes one sample per bin and axis instead of two",
        "graph",
        "tensors",
        TWO,
        _roi("sampling_ratio", 1),
    ),
    Mutation(
        "roialign-adaptive-samples",
        "RoIAlign takes as many samples as fit",
        "graph",
        "tensors",
        TWO,
        _roi("sampling_ratio", 0),
    ),
    Mutation(
        "roialign-maximum",
        "RoIAlign takes the largest sample instead of the mean",
        "graph",
        "tensors",
        TWO,
        _roi("mode", "max"),
    ),
    Mutation(
        "level-assignment",
        "boxes are pooled from a level too fine",
        "graph",
        "tensors",
        TWO,
        _level_limits(2.0),
    ),
    Mutation(
        "level-assignment-slightly",
        "boxes change level at a size ten per cent too large",
        "graph",
        "tensors",
        TWO,
        _level_limits(1.1),
    ),
    Mutation(
        "roialign-scale",
        "boxes are scaled by five per cent too much where they are pooled",
        "graph",
        "tensors",
        TWO,
        _level_places(lambda places: places * places.new_tensor([1.0, 1.0, 1.05])),
    ),
    Mutation(
        "roialign-finest-scale",
        "boxes are scaled by the finest level's stride on every level",
        "graph",
        "tensors",
        TWO,
        _level_places(_finest_scale),
    ),
    Mutation(
        "rois-rounded",
        "boxes are rounded to whole pixels before they are pooled, as in RoIPool",
        "graph",
        "tensors",
        TWO,
        given("roi_align", lambda *inputs: (*inputs[:-1], inputs[-1].round())),
    ),
    Mutation(
        "pyramid-level-dropped",
        "the coarsest level of the pyramid is zero",
        "graph",
        "tensors",
        BOTH,
        wrapped("neck", _without_level(-1 + 5)),
    ),
    Mutation(
        "pyramid-middle-level-dropped",
        "the second level of the pyramid is zero",
        "graph",
        "tensors",
        BOTH,
        wrapped("neck", _without_level(1)),
    ),
    Mutation(
        "pyramid-without-top-down",
        "a coarser level is not added to the finer one",
        "graph",
        "tensors",
        BOTH,
        operated(_no_top_down),
    ),
    Mutation(
        "upsampling-linear",
        "levels are upsampled linearly instead of by repetition",
        "graph",
        "tensors",
        BOTH,
        operated(_linear_upsampling),
    ),
    Mutation(
        "upsampling-ceil",
        "levels are upsampled by the next cell instead of the one below",
        "graph",
        "tensors",
        BOTH,
        operated(_ceiling_upsampling),
    ),
    Mutation(
        "padding-behind",
        "convolutions of stride 2 are padded behind instead of around",
        "graph",
        "tensors",
        BOTH,
        operated(_pads_at_the_end),
    ),
    Mutation(
        "activation-dropped",
        "one ReLU is missing",
        "graph",
        "tensors",
        BOTH,
        operated(_no_activation),
    ),
    Mutation(
        "activations-leaky",
        "ReLU leaks one per cent",
        "graph",
        "tensors",
        BOTH,
        operated(_leaky_activations),
    ),
    Mutation(
        "activations-bounded",
        "ReLU6 instead of ReLU",
        "graph",
        "tensors",
        BOTH,
        operated(_bounded_activations),
    ),
    Mutation(
        "channels-rolled",
        "the channels of a block are one off",
        "graph",
        "tensors",
        BOTH,
        wrapped("backbone_s2_b0", _rolled),
    ),
    Mutation(
        "cells-transposed",
        "predictions are counted by columns, then rows",
        "graph",
        "tensors",
        BOTH,
        edit(_transposed_cells),
    ),
    Mutation(
        "fp16-overflow",
        "a tensor overflows in fp16",
        "graph",
        "tensors",
        BOTH,
        operated(_fp16_overflow),
    ),
    Mutation(
        "fp16-saturated",
        "a tensor is cut at what fp16 holds",
        "graph",
        "tensors",
        BOTH,
        operated(_fp16_saturation),
    ),
    Mutation(
        "fp16-underflow",
        "a tensor loses its small numbers in fp16",
        "graph",
        "tensors",
        BOTH,
        operated(_fp16_underflow),
    ),
    Mutation(
        "int8-zero-point",
        "a quantised tensor has the zero point of another",
        "graph",
        "tensors",
        BOTH,
        quantised(0.05, 64),
    ),
    Mutation(
        "int8-range",
        "a quantised tensor has a range a fifth as wide as its numbers",
        "graph",
        "tensors",
        BOTH,
        quantised(0.005, 128),
    ),
    Mutation(
        "control-flow",
        "the graph branches",
        "graph",
        "graph",
        BOTH,
        operated(_control_flow),
    ),
    Mutation(
        "weight-not-finite",
        "one weight is no number",
        "weights",
        "graph",
        BOTH,
        operated(_not_finite_weight),
    ),
)
"""Faults of layers, pooling and arithmetic."""

EQUIVALENT = (
    Equivalent(
        "upsampling-align-corners",
        "levels are upsampled with aligned corners",
        "From n to 2n cells, cell x reads x (n - 1) / (2n - 1), rounded, .5 down. For x = 2k this "
        "is k - k / (2n - 1), and k <= n - 1 makes it more than k - 1/2; for x = 2k + 1 it is "
        "k + 1/2 - (2k + 1) / (4n - 2), less than k + 1/2 and at least k. Both round to k, which "
        "is what repetition reads.",
        BOTH,
        _upsampling("align_corners"),
    ),
    Equivalent(
        "upsampling-half-pixel",
        "levels are upsampled from half pixels",
        "From n to 2n cells, cell x reads (x + 1/2) / 2 - 1/2, rounded: k - 1/4 for x = 2k, and "
        "k + 1/4 for x = 2k + 1. Both round to k, which is what repetition reads.",
        BOTH,
        _upsampling("half_pixel"),
    ),
)
"""Changes that change nothing: not counted."""
