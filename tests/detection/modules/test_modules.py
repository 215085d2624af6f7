"""Every kind: shapes, parameters and multiply-adds are those that the vocabulary says."""

from itertools import product as _product

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.utils.flop_counter import FlopCounterMode

from detection import BuildError, GraphModel, build_module
from detection.modules import MODULES
from searchspaces import (
    KINDS,
    SPACES,
    DetNasSpace,
    ModuleSpec,
    TensorSpec,
    chain,
    cost_of,
    outputs_of,
)


def product(*values: tuple[object, ...]) -> list[tuple[object, ...]]:
    return list(_product(*values))


def run_checked(spec: ModuleSpec) -> None:
    """Run one module; compare what it gives, holds and does with the vocabulary's formulas."""
    model = GraphModel(chain([spec]))
    module = model.torch_module()
    inputs = [torch.from_numpy(array) for array in model.example_inputs().values()]
    assert [tuple(t.shape) for t in inputs] == [t.shape for t in spec.inputs]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        made = module(*inputs)
    expected = outputs_of(spec)
    assert [tuple(t.shape) for t in made] == [t.shape for t in expected]
    assert [str(t.dtype) for t in made] == [f"torch.{t.dtype}" for t in expected]
    assert counter.get_total_flops() == 2 * cost_of(spec).macs
    assert sum(p.numel() for p in module.parameters()) == cost_of(spec).params


def test_every_kind_has_an_implementation() -> None:
    assert MODULES.keys() == KINDS.keys()


def test_an_unknown_kind_lists_the_known() -> None:
    with pytest.raises(BuildError, match=r"'warp'.*box_head.*stem_conv"):
        build_module(ModuleSpec.of("warp", [TensorSpec((1, 3, 8, 8))]))


@pytest.mark.parametrize(("head", "batch"), product(("fpn", "retinanet"), (1, 2)))
def test_modules_of_random_detectors(head: str, batch: int) -> None:
    space = DetNasSpace("detnas-nano", head, (70, 94), 5)
    rng = np.random.default_rng(batch)
    specs = {
        node.spec
        for _ in range(3)
        for node in space.detector(space.sample(rng)).graph(batch).nodes
    }
    for spec in specs:
        run_checked(spec)


@pytest.mark.slow
@pytest.mark.parametrize(("head", "name"), product(("fpn", "retinanet"), SPACES))
def test_modules_of_every_space(head: str, name: str) -> None:
    space = DetNasSpace(name, head, (128, 160), 80, "interleave")
    for spec in space.detector(space.sample(np.random.default_rng(0))).graph().counts():
        run_checked(spec)


@settings(max_examples=40, deadline=None)
@given(
    op=st.sampled_from(["conv", "xception"]),
    kernel=st.sampled_from([3, 5, 7]),
    channels=st.integers(1, 6),
    wider=st.integers(1, 9),
    mid=st.integers(1, 9),
    stride=st.sampled_from([1, 2]),
    shuffle=st.sampled_from(["even_odd", "interleave"]),
    hw=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    batch=st.integers(1, 2),
)
def test_shuffle_blocks(
    op: str,
    kernel: int,
    channels: int,
    wider: int,
    mid: int,
    stride: int,
    shuffle: str,
    hw: tuple[int, int],
    batch: int,
) -> None:
    c_in = 4 * channels
    run_checked(
        ModuleSpec.of(
            "shuffle_block",
            [TensorSpec((batch, c_in, *hw))],
            batch=batch,
            op=op,
            kernel=3 if op == "xception" else kernel,
            in_channels=c_in,
            mid_channels=mid,
            out_channels=c_in + wider if stride == 2 else c_in,
            stride=stride,
            shuffle=shuffle,
        )
    )


@pytest.mark.parametrize(("extra", "norm"), product(("none", "pool", "p6p7"), ("none", "bn")))
@pytest.mark.parametrize("finest", [(9, 13), (16, 16), (1, 1)])
def test_pyramids(extra: str, norm: str, finest: tuple[int, int]) -> None:
    height, width = finest
    maps = [TensorSpec((2, 4 * (i + 1), -(-height // 2**i), -(-width // 2**i))) for i in range(3)]
    run_checked(
        ModuleSpec.of(
            "fpn", maps, batch=2, in_channels="4:8:12", out_channels=6, extra=extra, norm=norm
        )
    )


@pytest.mark.parametrize(
    ("convs", "fcs", "norm", "agnostic"),
    product((0, 2), (0, 2), ("none", "bn"), (0, 1)),
)
def test_box_heads(convs: int, fcs: int, norm: str, agnostic: int) -> None:
    run_checked(
        ModuleSpec.of(
            "box_head",
            [TensorSpec((6, 4, 7, 5))],
            batch=2,
            num_convs=convs,
            conv_channels=8,
            num_fcs=fcs,
            fc_channels=10,
            norm=norm,
            num_classes=3,
            class_agnostic=agnostic,
        )
    )


@pytest.mark.parametrize(("norm", "convs"), product(("none", "bn"), (0, 1, 3)))
def test_retinanet_heads(norm: str, convs: int) -> None:
    run_checked(
        ModuleSpec.of(
            "retinanet_head",
            [TensorSpec((2, 6, 5, 7)), TensorSpec((2, 6, 3, 4))],
            batch=2,
            channels=6,
            num_convs=convs,
            num_anchors=3,
            num_classes=4,
            norm=norm,
        )
    )
