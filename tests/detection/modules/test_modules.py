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

NORMS_OR_NONE = ("none", "bn", "gn", "gn_ws")


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


@pytest.mark.parametrize(
    ("norm", "activation", "bias"), product(NORMS_OR_NONE[1:], ("relu", "relu6"), (0, 1))
)
def test_stems(norm: str, activation: str, bias: int) -> None:
    run_checked(
        ModuleSpec.of(
            "stem_conv",
            [TensorSpec((2, 3, 9, 14))],
            batch=2,
            in_channels=3,
            out_channels=12,
            kernel=3,
            stride=2,
            bias=bias,
            norm=norm,
            activation=activation,
        )
    )


@pytest.mark.parametrize(("kernel", "stride", "groups"), product((1, 3, 7), (1, 2), (1, 2, 8)))
@pytest.mark.parametrize(("dilation", "fused_add"), product((1, 2), (0, 1)))
def test_single_convolutions(
    kernel: int, stride: int, groups: int, dilation: int, fused_add: int
) -> None:
    image, out = TensorSpec((2, 8, 9, 14)), TensorSpec((2, 16, -(-9 // stride), -(-14 // stride)))
    run_checked(
        ModuleSpec.of(
            "conv",
            [image, out] if fused_add else [image],
            batch=2,
            in_channels=8,
            out_channels=16,
            kernel=kernel,
            stride=stride,
            groups=groups,
            dilation=dilation,
            fused_add=fused_add,
        )
    )


@pytest.mark.parametrize("norm", NORMS_OR_NONE[1:])
def test_resnet_stems(norm: str) -> None:
    image = TensorSpec((2, 3, 33, 46))
    run_checked(
        ModuleSpec.of("resnet_stem", [image], batch=2, in_channels=3, out_channels=8, norm=norm)
    )


@pytest.mark.parametrize(("stride", "c_out", "dilation"), product((1, 2), (8, 12), (1, 2, 3)))
@pytest.mark.parametrize("norm", NORMS_OR_NONE[1:])
@pytest.mark.parametrize("hw", [(9, 14), (1, 1)])
def test_residual_blocks(
    stride: int, c_out: int, dilation: int, norm: str, hw: tuple[int, int]
) -> None:
    for kind, extra in (
        ("basic_block", {}),
        ("bottleneck", {"mid_channels": 6, "groups": 3}),
        ("inverted_residual", {"hidden_channels": 48}),
        ("inverted_residual", {"hidden_channels": 8}),
    ):
        run_checked(
            ModuleSpec.of(
                kind,
                [TensorSpec((2, 8, *hw))],
                batch=2,
                in_channels=8,
                out_channels=c_out,
                stride=stride,
                dilation=dilation,
                norm=norm,
                **extra,
            )
        )


@pytest.mark.parametrize("norm", NORMS_OR_NONE)
@pytest.mark.parametrize(
    ("extra", "added"),
    [("none", 0), ("pool", 1), ("pool", 2), ("pool", 3), ("conv", 1), ("conv", 2), ("conv", 3)],
)
@pytest.mark.parametrize("finest", [(9, 13), (16, 16), (1, 1)])
def test_pyramids(extra: str, added: int, norm: str, finest: tuple[int, int]) -> None:
    height, width = finest
    maps = [TensorSpec((2, 4 * (i + 1), -(-height // 2**i), -(-width // 2**i))) for i in range(3)]
    run_checked(
        ModuleSpec.of(
            "fpn",
            maps,
            batch=2,
            in_channels="4:8:12",
            out_channels=6,
            extra=extra,
            extra_levels=added,
            norm=norm,
        )
    )


@pytest.mark.parametrize(
    ("convs", "fcs", "norm", "agnostic"),
    [
        *product((2,), (0, 2), NORMS_OR_NONE, (0, 1)),
        *product((0,), (0, 2), ("none",), (0, 1)),
    ],
)
def test_box_heads(convs: int, fcs: int, norm: str, agnostic: int) -> None:
    for average in (0,) if convs else (0, 1):
        run_checked(
            ModuleSpec.of(
                "box_head",
                [TensorSpec((6, 4, 7, 5))],
                batch=2,
                average=average,
                num_convs=convs,
                conv_channels=8 if convs else 0,
                num_fcs=fcs,
                fc_channels=10 if fcs else 0,
                norm=norm,
                num_classes=3,
                class_agnostic=agnostic,
            )
        )


@pytest.mark.parametrize("batch", [1, 2])
def test_cascades(batch: int) -> None:
    logits, deltas = TensorSpec((6 * batch, 4)), TensorSpec((6 * batch, 4))
    boxes = TensorSpec((batch, 6, 4))
    run_checked(
        ModuleSpec.of(
            "refine_boxes",
            [deltas, boxes],
            batch=batch,
            std_xy=0.05,
            std_wh=0.1,
            image_h=40,
            image_w=60,
        )
    )
    for stages in (2, 3, 4):
        run_checked(ModuleSpec.of("average_scores", [logits] * stages, batch=batch))


@pytest.mark.parametrize(("norm", "convs", "channels"), product(NORMS_OR_NONE, (0, 1, 3), (6, 9)))
def test_retinanet_heads(norm: str, convs: int, channels: int) -> None:
    run_checked(
        ModuleSpec.of(
            "retinanet_head",
            [TensorSpec((2, 6, 5, 7)), TensorSpec((2, 6, 3, 4))],
            batch=2,
            in_channels=6,
            channels=channels,
            num_convs=convs,
            num_anchors=3,
            num_classes=4,
            norm=norm,
        )
    )


@pytest.mark.parametrize("norm", ["none", "bn", "gn", "gn_ws"])
@pytest.mark.parametrize("finest", [(9, 13), (16, 16), (1, 1)])
def test_nas_fpn_necks(norm: str, finest: tuple[int, int]) -> None:
    height, width = finest
    maps = [TensorSpec((2, 4 * (i + 1), -(-height // 2**i), -(-width // 2**i))) for i in range(3)]
    run_checked(
        ModuleSpec.of(
            "nas_fpn",
            maps,
            batch=2,
            in_channels="4:8:12",
            out_channels=6,
            extra_levels=2,
            cells=2,
            norm=norm,
        )
    )


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("finest", [(9, 13), (1, 1)])
def test_guided_anchoring(groups: int, finest: tuple[int, int]) -> None:
    sizes = [tuple(-(-side // 2**i) for side in finest) for i in range(3)]
    levels = [TensorSpec((2, 8, *size)) for size in sizes]
    head = ModuleSpec.of("guided_rpn_head", levels, batch=2, channels=8, deform_groups=groups)
    run_checked(head)
    run_checked(
        ModuleSpec.of(
            "guided_proposals",
            outputs_of(head),
            batch=2,
            image_h=4 * finest[0],
            image_w=4 * finest[1],
            strides="4:8:16",
            heights=":".join(str(h) for h, _ in sizes),
            widths=":".join(str(w) for _, w in sizes),
            anchor_scales="8",
            ratios="1",
            loc_threshold=0.01,
            pre_nms=20,
            post_nms=30,
            nms_iou=0.7,
        )
    )


@pytest.mark.parametrize(("norm", "convs"), product(NORMS_OR_NONE, (0, 2)))
def test_mask_heads(norm: str, convs: int) -> None:
    head = ModuleSpec.of(
        "mask_head",
        [TensorSpec((6, 5, 7, 4))],
        batch=2,
        num_convs=convs,
        channels=8,
        norm=norm,
        num_classes=3,
    )
    run_checked(head)
    labels = TensorSpec((2, 3), "int64")
    for heads in (1, 3):
        inputs = [*outputs_of(head) * heads, labels]
        run_checked(ModuleSpec.of("mask_detections", inputs, batch=2, num_classes=3))
