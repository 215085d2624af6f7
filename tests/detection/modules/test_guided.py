"""Guided anchoring: the head's layout, and its proposals against a selection written plainly."""

import math

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import clip_boxes_to_image, deform_conv2d, nms

from detection import GraphModel, build_module
from detection.modules.guided import GuidedProposals, GuidedRpnHead, reshape_squares
from engines import BACKENDS, TorchModel
from searchspaces import ModuleSpec, TensorSpec, chain, outputs_of

SIZES = ((8, 10), (4, 5), (2, 3))
CELLS = sum(h * w for h, w in SIZES)
CONTROL_FLOW = {"If", "Loop", "Scan", "NonZero", "Compress", "Unique"}


def head_spec(channels: int = 8, groups: int = 4, batch: int = 2) -> ModuleSpec:
    levels = [TensorSpec((batch, channels, *size)) for size in SIZES]
    return ModuleSpec.of(
        "guided_rpn_head", levels, batch=batch, channels=channels, deform_groups=groups
    )


def proposals_spec(
    pre_nms: int = 20, post_nms: int = 30, threshold: float = 0.5, batch: int = 2
) -> ModuleSpec:
    return ModuleSpec.of(
        "guided_proposals",
        outputs_of(head_spec(batch=batch)),
        batch=batch,
        image_h=64,
        image_w=80,
        strides="8:16:32",
        heights="8:4:2",
        widths="10:5:3",
        anchor_scales="4",
        ratios="1",
        loc_threshold=threshold,
        pre_nms=pre_nms,
        post_nms=post_nms,
        nms_iou=0.7,
    )


def build_head(spec: ModuleSpec) -> GuidedRpnHead:
    module = build_module(spec)
    assert isinstance(module, GuidedRpnHead)
    return module


def build_proposals(spec: ModuleSpec) -> GuidedProposals:
    module = build_module(spec)
    assert isinstance(module, GuidedProposals)
    return module


def predictions(spread: float = 1.0, batch: int = 2) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    shapes = [tensor.shape for tensor in proposals_spec(batch=batch).inputs]
    location, shape, logits, deltas = (torch.randn(s) for s in shapes)
    return location, spread * shape, logits, spread * deltas


def test_the_head_says_of_each_cell_what_its_layers_say() -> None:
    head = build_head(head_spec())
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.normal_(std=0.3)
    maps = [torch.randn(t.shape) for t in head_spec().inputs]
    given = head(*maps)
    x = torch.relu(head.conv(maps[1]))
    offsets = head.offset(head.shape(x))
    adapted = torch.relu(deform_conv2d(x, offsets, head.adaption.weight, padding=1))
    layers = (head.location(x), head.shape(x), head.objectness(adapted), head.deltas(adapted))
    y, column = 2, 3
    cell = SIZES[0][0] * SIZES[0][1] + y * SIZES[1][1] + column
    for prediction, expected in zip(given, layers, strict=True):
        wanted = expected[1, :, y, column]
        torch.testing.assert_close(prediction[1, cell].reshape(-1), wanted, rtol=1e-4, atol=1e-4)


def test_the_offsets_do_not_teach_the_shape() -> None:
    head = build_head(head_spec())
    maps = [torch.randn(t.shape) for t in head_spec().inputs]
    _, _, logits, deltas = head(*maps)
    (logits.sum() + deltas.sum()).backward()
    assert head.shape.weight.grad is not None
    assert not head.shape.weight.grad.any()
    assert head.offset.weight.grad is not None
    assert head.offset.weight.grad.any()


def test_an_untrained_head_expects_few_objects() -> None:
    location = build_head(head_spec())(*[torch.zeros(t.shape) for t in head_spec().inputs])[0]
    torch.testing.assert_close(location.sigmoid(), torch.full_like(location, 0.01))


def test_the_squares_are_as_many_strides_wide_as_the_scale_says() -> None:
    squares = build_proposals(proposals_spec()).anchors
    assert squares.shape == (CELLS, 4)
    assert squares[0].tolist() == [-16, -16, 16, 16]
    assert squares[1].tolist() == [-8, -16, 24, 16]
    assert squares[80].tolist() == [-32, -32, 32, 32]


def test_shapes_grow_squares_about_their_centres() -> None:
    squares = torch.tensor([[10.0, 20.0, 18.0, 28.0]])
    shapes = torch.tensor([[math.log(2) / 0.14, math.log(0.5) / 0.14]])
    assert reshape_squares(shapes, squares).tolist() == [pytest.approx([6, 22, 22, 26])]
    assert reshape_squares(torch.tensor([[1e9, 0.0]]), squares).isfinite().all()


def reference(
    module: GuidedProposals,
    rows: tuple[Tensor, ...],
    pre_nms: int,
    post_nms: int,
    threshold: float,
) -> Tensor:
    """Select for one image, level by level, with shapes that depend on the data."""
    location, shape, logits, deltas = rows
    sides = module.anchors[:, 2:] - module.anchors[:, :2]
    centres = module.anchors[:, :2] + sides / 2
    sides = sides * (shape * 0.14).exp()
    anchors = torch.cat((centres - sides / 2, centres + sides / 2), 1)
    coder = BoxCoder((1 / 0.07, 1 / 0.07, 1 / 0.11, 1 / 0.11))
    boxes, scores, start = [], [], 0
    for height, width in SIZES:
        stop = start + height * width
        cells = start + (location[start:stop].sigmoid() >= threshold).nonzero().squeeze(1)
        best = cells[logits[cells].topk(min(pre_nms, len(cells))).indices]
        found = clip_boxes_to_image(coder.decode_single(deltas[best], anchors[best]), (64, 80))
        large = ((found[:, 2:] - found[:, :2]) >= 0.01).all(1)
        found, score = found[large], logits[best][large].sigmoid()
        kept = nms(found, score, 0.7)
        boxes.append(found[kept])
        scores.append(score[kept])
        start = stop
    order = torch.cat(scores).argsort(descending=True)[:post_nms]
    return torch.cat(boxes)[order]


@pytest.mark.parametrize(("pre_nms", "post_nms"), [(20, 30), (1000, 10), (5, 100)])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.9])
def test_proposals_equal_a_plain_selection(pre_nms: int, post_nms: int, threshold: float) -> None:
    module = build_proposals(proposals_spec(pre_nms, post_nms, threshold))
    given = predictions(spread=2.0)
    boxes, count = module(*given)
    for image in range(2):
        rows = tuple(prediction[image] for prediction in given)
        expected = reference(module, rows, pre_nms, post_nms, threshold)
        assert int(count[image]) == len(expected)
        torch.testing.assert_close(boxes[image, : len(expected)], expected, rtol=1e-5, atol=1e-3)
        assert not boxes[image, len(expected) :].any()


def test_where_no_location_is_likely_there_are_no_proposals() -> None:
    module = build_proposals(proposals_spec(threshold=0.9))
    location, *others = predictions()
    boxes, count = module(torch.full_like(location, 2.1), *others)  # sigmoid 0.891
    assert count.tolist() == [0, 0]
    assert not boxes.any()
    assert module(torch.full_like(location, 2.3), *others)[1].tolist() == [30, 30]  # 0.909


@pytest.mark.parametrize("spec", [head_spec(), proposals_spec()], ids=["head", "proposals"])
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_engines_compute_the_same_without_control_flow(spec: ModuleSpec, backend: str) -> None:
    engine = BACKENDS[backend]
    if reason := engine.unavailable_reason():
        pytest.skip(reason)
    model = GraphModel(chain([spec]))
    inputs = model.example_inputs()
    module = model.torch_module()
    if spec.kind == "guided_rpn_head":
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.normal_(std=0.3)
    exported = TorchModel(module, inputs, model.output_names)
    graph = onnx.load_from_string(exported.onnx_bytes()).graph
    assert not CONTROL_FLOW & {node.op_type for node in graph.node}
    with torch.no_grad():
        expected = module(*map(torch.from_numpy, inputs.values()))
    with engine.build(exported) as built:
        given = list(built.run(inputs).values())
    for mine, theirs in zip(given, expected, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-3, atol=1e-3)
