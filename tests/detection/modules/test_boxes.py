"""Box maths against torchvision's."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from detection.modules.boxes import clip, decode, is_large_enough, make_anchors
from searchspaces import ModuleSpec, TensorSpec, octave_scales


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), spread=st.sampled_from([0.1, 1.0, 30.0]))
def test_decoding_equals_box_coder(seed: int, spread: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(50, 2, generator=generator) * 100
    boxes = torch.cat((corner, corner + torch.rand(50, 2, generator=generator) * 50), 1)
    deltas = torch.randn(50, 4, generator=generator) * spread
    for stds in ((1.0, 1.0), (0.1, 0.2), (0.033, 0.067)):
        coder = BoxCoder((1 / stds[0], 1 / stds[0], 1 / stds[1], 1 / stds[1]))
        expected = coder.decode_single(deltas, boxes)
        torch.testing.assert_close(decode(deltas, boxes, stds), expected, rtol=1e-5, atol=1e-3)
        batched = decode(deltas.reshape(5, 10, 4), boxes.reshape(5, 10, 4), stds)
        torch.testing.assert_close(batched.reshape(50, 4), decode(deltas, boxes, stds))


def test_decoding_inverts_encoding() -> None:
    boxes = torch.tensor([[10.0, 20, 50, 80], [0, 0, 5, 5]])
    targets = torch.tensor([[12.0, 18, 60, 70], [1, 2, 9, 30]])
    deltas = BoxCoder((10.0, 10.0, 5.0, 5.0)).encode_single(targets, boxes)
    torch.testing.assert_close(decode(deltas, boxes, (0.1, 0.2)), targets)


def spec_of_anchors(sizes: list[tuple[int, int]], scales: tuple[float, ...]) -> ModuleSpec:
    return ModuleSpec.of(
        "proposals",
        [TensorSpec((1, 1))],
        image_h=64,
        image_w=96,
        strides="8:16:32",
        heights=":".join(str(h) for h, _ in sizes),
        widths=":".join(str(w) for _, w in sizes),
        anchor_scales=":".join(map(repr, scales)),
        ratios="0.5:1:2",
    )


@pytest.mark.parametrize("scales", [(4.0,), octave_scales(4.0), (8.0, 3.3)])
def test_anchors_equal_torchvisions(scales: tuple[float, ...]) -> None:
    sizes = [(8, 12), (4, 6), (2, 3)]
    sides = tuple(tuple(scale * stride for scale in scales) for stride in (8, 16, 32))
    generator = AnchorGenerator(sides, ((0.5, 1.0, 2.0),) * 3)
    images = ImageList(torch.zeros(1, 3, 64, 96), [(64, 96)])
    (expected,) = generator(images, [torch.zeros(1, 1, *size) for size in sizes])
    assert torch.equal(make_anchors(spec_of_anchors(sizes, scales)), expected)


def test_anchors_run_over_level_row_column_and_ratio() -> None:
    anchors = make_anchors(spec_of_anchors([(2, 2), (1, 1), (1, 1)], (4.0,))).reshape(-1, 3, 4)
    centres = (anchors[:, 1, :2] + anchors[:, 1, 2:]) / 2
    assert centres.tolist() == [[0, 0], [8, 0], [0, 8], [8, 8], [0, 0], [0, 0]]
    wide, square, tall = anchors[0] @ torch.tensor([[-1.0, 0], [0, -1], [1, 0], [0, 1]])
    assert square.tolist() == [32, 32]
    assert wide.tolist() == tall.flip(0).tolist() == [46, 22]


def test_clipping_moves_corners_onto_the_border() -> None:
    limits = torch.tensor([20.0, 10, 20, 10])
    boxes = torch.tensor([[-5.0, -5, 30, 30], [3, 4, 5, 6], [25, 2, 30, 4]])
    clipped = clip(boxes, limits)
    assert clipped.tolist() == [[0, 0, 20, 10], [3, 4, 5, 6], [20, 2, 20, 4]]
    assert is_large_enough(clipped).tolist() == [True, True, False]


def test_clipping_leaves_no_corner_that_is_no_number() -> None:
    boxes = torch.tensor([[math.nan, -math.inf, math.inf, math.nan], [1, math.nan, 2, 3]])
    clipped = clip(boxes, torch.tensor([20.0, 10, 20, 10]))
    assert clipped.tolist() == [[0, 0, 20, 0], [1, 0, 2, 3]]
