"""Effective receptive fields against closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from detection import (
    BuildError,
    Detector,
    GraphModule,
    ReceptiveField,
    random_receptive_fields,
    receptive_fields,
)
from searchspaces import (
    BoxHead,
    DetectorSpec,
    ModuleSpec,
    RegionProposals,
    ResNetBackbone,
    SingleLevel,
    TensorSpec,
    chain,
)

SIDE = 33


def conv(kernel, channels=3, stride=1, side=SIDE):
    return ModuleSpec.of(
        "stem_conv",
        [TensorSpec((1, channels, side, side))],
        in_channels=channels,
        out_channels=2,
        kernel=kernel,
        stride=stride,
        bias=0,
        norm="bn",
        activation="relu",
    )


def of_ones(*specs):
    """Build a chain whose weights are all one; on images of ones every unit is active."""
    module = GraphModule(chain(specs))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1.0)
    return module


def field_of(module, side=SIDE):
    (field,) = receptive_fields(module, torch.ones(1, 3, side, side))
    return field


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_one_convolution_sees_its_kernel_evenly(kernel):
    field = field_of(of_ones(conv(kernel)))
    middle = SIDE // 2
    inside = slice(middle - kernel // 2, middle + kernel // 2 + 1)
    window = field.gradient[inside, inside]
    assert window.shape == (kernel, kernel)
    assert np.ptp(window) == 0
    assert window.sum() == field.gradient.sum() > 0
    assert field.centre == pytest.approx((middle, middle))
    assert field.side_px() == field.side_px(1.0) == kernel
    assert field.stride == 1


def test_two_convolutions_see_a_pyramid():
    field = field_of(of_ones(conv(3), conv(3, channels=2)))
    line = np.convolve(np.ones(3), np.ones(3))
    middle = slice(SIDE // 2 - 2, SIDE // 2 + 3)
    window = field.gradient[middle, middle]
    np.testing.assert_allclose(window / window.sum(), np.outer(line, line) / 81, rtol=1e-5)
    # Of 81 parts, 9 lie in the centre, 49 in its 3x3, all in its 5x5.
    assert [field.side_px(share / 81) for share in (9, 10, 49, 50, 81)] == [1, 3, 3, 5, 5]


def test_stride_spreads_what_the_next_layer_sees():
    module = of_ones(conv(3, stride=2), conv(3, channels=2, side=17))
    field = field_of(module)
    assert field.stride == 2
    assert field.side_px(1.0) == 3 + 2 * 2


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_dilation_widens_it(dilation):
    block = ModuleSpec.of(
        "basic_block",
        [TensorSpec((1, 3, SIDE, SIDE))],
        in_channels=3,
        out_channels=3,
        stride=1,
        dilation=dilation,
        norm="bn",
    )
    assert field_of(of_ones(block)).side_px(1.0) == pytest.approx(1 + 2 + 2 * dilation)


def detector_spec(dilations=None):
    backbone = ResNetBackbone("basic", (1, 1, 1, 1), dilations, base_channels=8)
    head = BoxHead(num_convs=0, fc_channels=8, norm="none")
    return DetectorSpec((96, 128), backbone, SingleLevel(), RegionProposals(), head, 3)


def test_every_level_has_a_field(make_spec):
    fields = random_receptive_fields(make_spec("fpn"), draws=2)
    assert [field.stride for field in fields] == [4, 8, 16, 32, 64]
    assert all(field.gradient.shape == (64, 64) for field in fields)
    assert all(field.gradient.sum() > 0 for field in fields)


def test_without_a_neck_it_is_the_last_map():
    (field,) = random_receptive_fields(detector_spec(), draws=1)
    assert field.stride == 16


def test_dilated_networks_look_further():
    (plain,) = random_receptive_fields(detector_spec(), draws=4)
    (dilated,) = random_receptive_fields(detector_spec(((3,), (3,), (3,), (1,))), draws=4)
    assert dilated.side_px() > plain.side_px() + 8


def test_equal_seeds_give_equal_fields(make_spec):
    spec = make_spec("retinanet")
    first, again, other = (random_receptive_fields(spec, draws=1, seed=s) for s in (3, 3, 4))
    for left, right, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(left.gradient, right.gradient)
        assert (left.gradient != different.gradient).any()


def test_random_fields_draw_nothing_from_the_global_generator(make_spec):
    before = torch.get_rng_state()
    random_receptive_fields(make_spec("fpn"), draws=1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_detector_is_left_as_it_was(make_spec):
    detector = Detector(make_spec("fpn")).train()
    next(iter(detector.nodes.values())).eval()
    modes = [m.training for m in detector.modules()]
    state = {k: v.clone() for k, v in detector.state_dict().items()}
    receptive_fields(detector, count=1)
    assert [m.training for m in detector.modules()] == modes
    assert all(torch.equal(state[k], v) for k, v in detector.state_dict().items())
    assert all(p.grad is None for p in detector.parameters())


def test_images_are_averaged(make_spec):
    detector, images = Detector(make_spec("fpn")), torch.randn(2, 3, 64, 64)
    both, one, two = (receptive_fields(detector, x) for x in (images, images[:1], images[1:]))
    for mean, left, right in zip(both, one, two, strict=True):
        np.testing.assert_allclose(mean.gradient, (left.gradient + right.gradient) / 2)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.01, 1.0), st.integers(0, 1000))
def test_the_square_is_the_least_that_holds_the_share(height, width, share, seed):
    gradient = np.random.default_rng(seed).random((height, width)) + 1e-6
    field = ReceptiveField(gradient, 1)
    (row, column), side = field.centre, field.side_px(share)

    def held(reach):
        rows = np.abs(np.arange(height) - row) <= reach
        columns = np.abs(np.arange(width) - column) <= reach
        return gradient[np.ix_(rows, columns)].sum() / gradient.sum()

    assert held((side - 1) / 2 + 1e-9) >= share - 1e-6
    assert held((side - 1) / 2 - 1e-9) < share + 1e-6


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5, float("nan")])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(BuildError, match="above 0 and at most 1"):
        ReceptiveField(np.ones((3, 3)), 1).side_px(share)


def test_nothing_to_average_is_refused(make_spec):
    detector = Detector(make_spec("fpn"))
    with pytest.raises(BuildError, match="at least one image, got none"):
        receptive_fields(detector, torch.zeros(0, 3, 64, 64))
    with pytest.raises(BuildError, match="at least one draw of weights, got 0"):
        random_receptive_fields(make_spec("fpn"), draws=0)


def test_a_dead_unit_is_reported():
    module = of_ones(conv(3))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    with pytest.raises(BuildError, match="no gradient"):
        field_of(module)
