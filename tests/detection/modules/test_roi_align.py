"""Pooling from the atlas against pooling from each level."""

import pytest
import torch
from torch import Tensor
from torchvision.ops import roi_align
from torchvision.ops.poolers import LevelMapper

from detection import BuildError, build_module
from engines import TorchModel
from searchspaces import ModuleSpec, TensorSpec

SIZE, CANONICAL = 7, 56


def make_spec(hw: tuple[int, int], strides: tuple[int, ...], boxes: int) -> ModuleSpec:
    sizes = [(-(-hw[0] // s), -(-hw[1] // s)) for s in strides]
    maps = [TensorSpec((2, 3, *size)) for size in sizes]
    return ModuleSpec.of(
        "roi_align",
        [*maps, TensorSpec((2, boxes, 4))],
        batch=2,
        channels=3,
        size=SIZE,
        sampling=2,
        strides=":".join(map(str, strides)),
        canonical_size=CANONICAL,
        canonical_level=4,
    )


def some_boxes(height: float, width: float) -> Tensor:
    """Return random boxes of all sizes and those at the image's corners and edges."""
    sides = torch.tensor([width, height])
    extent = 0.01 * (sides / 0.01) ** torch.rand(2, 60, 2)
    corner = torch.rand(2, 60, 2) * (sides - extent)
    fixed = torch.tensor(
        [
            [0, 0, width, height],
            [0, 0, 0, 0],
            [width, height, width, height],
            [width - 1, height - 1, width, height],
            [0, height / 2, width, height],
            [width / 2, 0, width, height / 3],
        ]
    )
    return torch.cat((torch.cat((corner, corner + extent), -1), fixed.expand(2, -1, -1)), 1)


def reference(maps: list[Tensor], strides: tuple[int, ...], boxes: Tensor) -> Tensor:
    """Pool every box from its own level, as torchvision chooses it by FPN's equation 1."""
    finest = strides[0].bit_length() - 1
    mapper = LevelMapper(finest, finest + len(strides) - 1, CANONICAL, 4)
    rows = []
    for image, of_image in enumerate(boxes):
        levels = mapper([of_image])
        for box, level in zip(of_image, levels.tolist(), strict=True):
            region = torch.cat((torch.tensor([float(image)]), box))
            rows.append(roi_align(maps[level], region[None], SIZE, 1 / strides[level], 2, True))
    return torch.cat(rows)


@pytest.mark.parametrize(
    ("hw", "strides"),
    [
        ((128, 128), (4, 8, 16, 32)),
        ((75, 93), (4, 8, 16, 32)),  # odd sizes on every level
        ((333, 201), (4, 8, 16, 32)),
        ((32, 32), (4, 8, 16, 32)),  # the coarser levels are wider together than the finest
        ((64, 200), (4, 8)),
        ((90, 90), (8,)),
    ],
)
def test_pooling_equals_pooling_from_the_level(
    hw: tuple[int, int], strides: tuple[int, ...]
) -> None:
    boxes = some_boxes(*hw)
    spec = make_spec(hw, strides, boxes.shape[1])
    maps = [torch.randn(t.shape) for t in spec.inputs[:-1]]
    pooled = build_module(spec)(*maps, boxes)
    torch.testing.assert_close(pooled, reference(maps, strides, boxes), rtol=0, atol=1e-4)


def test_a_constant_level_is_pooled_exactly_by_the_boxes_of_its_size() -> None:
    spec = make_spec((128, 128), (4, 8, 16, 32), 5)
    maps = [torch.full(t.shape, float(index)) for index, t in enumerate(spec.inputs[:-1])]
    sides = torch.tensor([13.9, 14.0, 28.0, 56.0, 128.0])  # 56 / 2**(4 - k) opens level k
    boxes = torch.stack((sides * 0, sides * 0, sides, sides), -1).expand(2, -1, -1)
    pooled = build_module(spec)(*maps, boxes).reshape(2, 5, -1)
    assert pooled.amin(-1).tolist() == pooled.amax(-1).tolist() == [[0, 0, 1, 2, 3]] * 2


def test_any_number_of_boxes_and_gradients() -> None:
    spec = make_spec((64, 64), (4, 8, 16, 32), 5)
    maps = [torch.randn(t.shape, requires_grad=True) for t in spec.inputs[:-1]]
    boxes = some_boxes(64, 64)
    build_module(spec)(*maps, boxes).sum().backward()
    assert all(x.grad is not None and bool(x.grad.isfinite().all()) for x in maps)


def test_strides_must_double() -> None:
    with pytest.raises(BuildError, match=r"double, got \(4, 12\)"):
        build_module(make_spec((64, 64), (4, 12), 3))


@pytest.mark.parametrize("hw", [(224, 160), (800, 1088)], ids=["widened", "fits"])
def test_the_atlas_keeps_channels_last_on_openvino(hw: tuple[int, int]) -> None:
    openvino = pytest.importorskip("openvino")
    spec = make_spec(hw, (4, 8, 16, 32), 4)
    maps = [torch.rand(tensor.shape) for tensor in spec.inputs[:-1]]
    first = torch.nn.ModuleList(torch.nn.Conv2d(3, 3, 1) for _ in maps)  # as in a detector

    class Behind(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.pooling = first, build_module(spec)

        def forward(self, *inputs: Tensor) -> Tensor:
            *levels, boxes = inputs
            levels = [conv(level) for conv, level in zip(self.first, levels, strict=True)]
            pooled: Tensor = self.pooling(*levels, boxes)
            return pooled

    arrays = {f"level_{i}": level.numpy() for i, level in enumerate(maps)}
    arrays["boxes"] = some_boxes(*hw)[:, :4].numpy()
    content = TorchModel(Behind().eval(), arrays, ("pooled",)).onnx_bytes()
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(content), "CPU")
    layouts = {
        op.rt_info["layerType"].astype(str): op.rt_info["outputLayouts"].astype(str)
        for op in compiled.get_runtime_model().get_ordered_ops()
    }
    if not layouts["Convolution"].startswith("acdb"):
        pytest.skip("on this processor OpenVINO computes in another layout")
    assert layouts["ROIAlign"].startswith("acdb")
