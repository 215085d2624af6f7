"""The deformable convolution against torchvision's, in torch and as an exported graph."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torch.utils.flop_counter import FlopCounterMode
from torchvision.ops import deform_conv2d

from detection.modules.deform import DeformConv
from engines import BACKENDS, TorchModel, to_onnx

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def draw(
    seed: int, batch: int, c_in: int, groups: int, hw: tuple[int, int], spread: float
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, c_in, *hw, generator=generator)
    return x, spread * torch.randn(batch, groups * 18, *hw, generator=generator)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    batch=st.integers(1, 3),
    per_group=st.integers(1, 3),
    groups=st.integers(1, 4),
    c_out=st.integers(1, 5),
    hw=SIZES,
    spread=st.sampled_from([0.0, 0.3, 2.0, 10.0, 1e4]),
)
def test_it_equals_torchvisions(
    seed: int,
    batch: int,
    per_group: int,
    groups: int,
    c_out: int,
    hw: tuple[int, int],
    spread: float,
) -> None:
    x, offsets = draw(seed, batch, per_group * groups, groups, hw, spread)
    layer = DeformConv(per_group * groups, c_out, groups, [(2, 3), hw])
    expected = deform_conv2d(x, offsets, layer.weight, padding=1)
    torch.testing.assert_close(layer(x, offsets, 1), expected, rtol=1e-4, atol=1e-4)


@given(hw=SIZES, down=st.integers(-12, 12), right=st.integers(-12, 12))
@settings(max_examples=30, deadline=None)
def test_whole_offsets_shift_the_map(hw: tuple[int, int], down: int, right: int) -> None:
    """An oracle without interpolation: what lies outside of the map is zero."""
    x, offsets = draw(0, 1, 2, 1, hw, 0.0)
    offsets[:, 0::2] = down
    offsets[:, 1::2] = right
    layer = DeformConv(2, 3, 1, [hw])
    padded = F.pad(x, (13, 13, 13, 13))
    shifted = padded.roll((-down, -right), (2, 3))
    expected = F.conv2d(shifted, layer.weight, padding=1)[..., 13:-13, 13:-13]
    torch.testing.assert_close(layer(x, offsets), expected, rtol=1e-4, atol=1e-4)


def test_without_offsets_it_is_a_plain_convolution_of_the_same_weights() -> None:
    x, offsets = draw(0, 2, 8, 4, (6, 7), 0.0)
    layer = DeformConv(8, 5, 4, [(6, 7)])
    expected = F.conv2d(x, layer.weight, padding=1)
    torch.testing.assert_close(layer(x, offsets), expected, rtol=1e-4, atol=1e-4)
    assert layer.state_dict().keys() == {"weight"}


def test_far_outside_everything_is_zero() -> None:
    x, offsets = draw(0, 1, 4, 2, (5, 5), 0.0)
    assert not DeformConv(4, 4, 2, [(5, 5)])(x, offsets + 100).any()


def test_half_outside_counts_half() -> None:
    layer = DeformConv(1, 1, 1, [(1, 1)])
    with torch.no_grad():
        layer.weight.fill_(1.0)
    offsets = torch.zeros(1, 18, 1, 1)
    offsets[0, 8] = -0.5  # the middle tap, half a pixel up
    given_ = layer(torch.full((1, 1, 1, 1), 4.0), offsets)
    assert given_.item() == pytest.approx(2.0)


def test_gradients_are_torchvisions() -> None:
    x, offsets = draw(3, 2, 4, 2, (5, 6), 1.5)
    layer = DeformConv(4, 3, 2, [(5, 6)])
    given_, wanted = [], []
    for run, found in (
        (lambda a, b: layer(a, b), given_),
        (lambda a, b: deform_conv2d(a, b, layer.weight, padding=1), wanted),
    ):
        leaves = [x.clone().requires_grad_(), offsets.clone().requires_grad_(), layer.weight]
        loss = run(leaves[0], leaves[1]).square().sum()
        found.extend(torch.autograd.grad(loss, leaves))
    for mine, theirs in zip(given_, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)


def test_torch_counts_a_plain_convolution() -> None:
    x, offsets = draw(0, 2, 8, 4, (6, 7), 1.0)
    layer = DeformConv(8, 5, 4, [(6, 7)])
    with FlopCounterMode(display=False) as counter:
        layer(x, offsets)
    assert counter.get_total_flops() == 2 * (2 * 6 * 7 * 9 * 8 * 5)


def as_model(hw: tuple[int, int], spread: float) -> tuple[TorchModel, np.ndarray]:
    x, offsets = draw(1, 2, 8, 4, hw, spread)
    layer = DeformConv(8, 6, 4, [hw]).eval()
    with torch.no_grad():
        expected = deform_conv2d(x, offsets, layer.weight, padding=1).numpy()
    return TorchModel(layer, {"x": x.numpy(), "offsets": offsets.numpy()}, ("y",)), expected


def test_the_exported_graph_is_one_sampling_and_one_convolution() -> None:
    model, _ = as_model((7, 9), 1.0)
    exported = to_onnx(model.torch_module(), model.example_inputs(), ("y",))
    operators = [n.op_type for n in exported.graph.node if n.op_type != "Constant"]
    assert sorted(operators) == sorted(
        ["Reshape"] * 4 + ["Transpose", "Gather", "Mul", "Add", "GridSample", "Conv"]
    )


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(("hw", "spread"), [((7, 9), 1.0), ((1, 5), 3.0), ((8, 8), 1e3)])
def test_engines_compute_the_same(backend: str, hw: tuple[int, int], spread: float) -> None:
    engine = BACKENDS[backend]
    if reason := engine.unavailable_reason():
        pytest.skip(reason)
    model, expected = as_model(hw, spread)
    with engine.build(model) as built:
        (given_,) = built.run(model.example_inputs()).values()
    np.testing.assert_allclose(given_, expected, rtol=1e-4, atol=1e-4)
