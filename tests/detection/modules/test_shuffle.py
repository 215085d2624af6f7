"""The blocks' wiring against index-by-index definitions of the two shuffles."""

import pytest
import torch
from torch import nn

from detection import build_module
from searchspaces import ModuleSpec, TensorSpec


def block(stride: int, shuffle: str, op: str = "conv") -> nn.Module:
    c_out = 8 if stride == 1 else 20
    return build_module(
        ModuleSpec.of(
            "shuffle_block",
            [TensorSpec((1, 8, 6, 6))],
            op=op,
            kernel=3,
            in_channels=8,
            mid_channels=5,
            out_channels=c_out,
            stride=stride,
            shuffle=shuffle,
        )
    ).eval()


def test_even_channels_pass_and_odd_ones_are_computed() -> None:
    module, x = block(1, "even_odd"), torch.randn(2, 8, 6, 6)
    out = module(x)
    assert torch.equal(out[:, :4], x[:, [0, 2, 4, 6]])
    assert torch.equal(out[:, 4:], module.get_submodule("branch")(x[:, [1, 3, 5, 7]]))


def test_interleaving_transposes_two_groups_and_splits_in_halves() -> None:
    module, x = block(1, "interleave"), torch.randn(2, 8, 6, 6)
    out = module(x)
    shuffled = [group * 4 + index for index in range(4) for group in range(2)]
    assert torch.equal(out[:, :4], x[:, shuffled[:4]])
    assert torch.equal(out[:, 4:], module.get_submodule("branch")(x[:, shuffled[4:]]))


def test_the_two_shuffles_differ() -> None:
    assert not torch.equal(
        block(1, "even_odd")(torch.arange(8.0).reshape(1, 8, 1, 1)),
        block(1, "interleave")(torch.arange(8.0).reshape(1, 8, 1, 1)),
    )


@pytest.mark.parametrize("shuffle", ["even_odd", "interleave"])
def test_stride_two_concatenates_projection_and_branch_of_the_whole_input(shuffle: str) -> None:
    module, x = block(2, shuffle), torch.randn(1, 8, 6, 6)
    out = module(x)
    assert torch.equal(out[:, :8], module.get_submodule("projection")(x))
    assert torch.equal(out[:, 8:], module.get_submodule("branch")(x))


@pytest.mark.parametrize(("op", "relus", "convs"), [("conv", 2, 3), ("xception", 3, 6)])
def test_the_branch_is_laid_out_as_released(op: str, relus: int, convs: int) -> None:
    branch = block(2, "even_odd", op).get_submodule("branch")
    layers = [m for m in branch.modules() if not isinstance(m, nn.Sequential)]
    assert sum(isinstance(m, nn.ReLU) for m in layers) == relus
    assert sum(isinstance(m, nn.Conv2d) for m in layers) == convs
    assert all(m.bias is None for m in layers if isinstance(m, nn.Conv2d))
    assert [m.stride for m in layers if isinstance(m, nn.Conv2d)].count((2, 2)) == 1
    assert isinstance(layers[-1], nn.ReLU)
    depthwise = [m for m in layers if isinstance(m, nn.Conv2d) and m.groups > 1]
    assert all(isinstance(layers[layers.index(m) + 1], nn.BatchNorm2d) for m in depthwise)
    assert not any(isinstance(layers[layers.index(m) + 2], nn.ReLU) for m in depthwise)


def test_a_deep_untrained_stack_neither_vanishes_nor_explodes() -> None:
    x = torch.randn(1, 8, 6, 6)
    for _ in range(40):
        x = block(1, "even_odd")(x)
    assert 1e-3 < x.abs().mean().item() < 1e3
