import pytest

from searchspaces import ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from tests.searchspaces.reference_layers import ShuffleBlock, Stem, observe

SIZES = [(1, 1), (1, 2), (7, 8), (33, 50), (334, 200)]


def stem(shape=(2, 3, 33, 50), **changes):
    params = {
        "in_channels": 3,
        "out_channels": 16,
        "kernel": 3,
        "stride": 2,
        "bias": 1,
        "norm": "bn",
        "activation": "relu",
    }
    return ModuleSpec.of("stem_conv", [TensorSpec(shape)], **{**params, **changes})


def block(shape=(2, 16, 33, 50), **changes):
    params = {
        "op": "conv",
        "kernel": 3,
        "in_channels": 16,
        "mid_channels": 10,
        "out_channels": 16,
        "stride": 1,
        "shuffle": "even_odd",
    }
    return ModuleSpec.of("shuffle_block", [TensorSpec(shape)], **{**params, **changes})


def check(spec, make):
    shapes, cost = observe(make, [t.shape for t in spec.inputs])
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert cost_of(spec) == cost


@pytest.mark.parametrize("hw", SIZES)
@pytest.mark.parametrize(
    ("kernel", "stride", "bias"), [(3, 2, 1), (3, 1, 0), (7, 2, 0), (5, 3, 1)]
)
def test_stem_conv_counts_as_torch_does(hw, kernel, stride, bias):
    spec = stem((2, 3, *hw), kernel=kernel, stride=stride, bias=bias)
    check(spec, lambda: Stem(3, 16, kernel, stride, bias))


@pytest.mark.parametrize("norm", ["bn", "gn", "gn_ws"])
@pytest.mark.parametrize("activation", ["relu", "relu6"])
@pytest.mark.parametrize("bias", [0, 1])
def test_stem_conv_of_any_norm_counts_as_torch_does(norm, activation, bias):
    spec = stem(norm=norm, activation=activation, bias=bias)
    check(spec, lambda: Stem(3, 16, 3, 2, bias, norm, activation))


@pytest.mark.parametrize("hw", SIZES)
@pytest.mark.parametrize(
    ("op", "kernel"), [("conv", 3), ("conv", 5), ("conv", 7), ("xception", 3)]
)
@pytest.mark.parametrize(("stride", "c_out"), [(1, 16), (2, 40)])
def test_shuffle_block_counts_as_torch_does(hw, op, kernel, stride, c_out):
    spec = block((2, 16, *hw), op=op, kernel=kernel, stride=stride, out_channels=c_out)
    check(spec, lambda: ShuffleBlock(op, kernel, 16, 10, c_out, stride))


def test_the_shuffle_variant_costs_nothing_but_names_another_module():
    a, b = block(shuffle="even_odd"), block(shuffle="interleave")
    assert a != b
    assert cost_of(a) == cost_of(b)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"op": "dense"}, "op must be one of conv, xception, got 'dense'"),
        ({"shuffle": "none"}, "shuffle must be one of interleave, even_odd, got 'none'"),
        ({"kernel": 4}, "must be odd, and 3 where op is xception; got 4"),
        ({"op": "xception", "kernel": 5}, "3 where op is xception; got 5"),
        ({"kernel": -1}, "kernel and stride of at least 1, got -1 and 1"),
        ({"mid_channels": 0}, "mid_channels must be at least 1, got 0"),
        ({"stride": 3}, "stride 1, or 2 and more channels out than in; got stride 3"),
        ({"stride": 0}, "stride 1, or 2"),
        ({"stride": 2}, "more channels out than in; got stride 2, 16 -> 16"),
        ({"out_channels": 32}, "keeps its channels, a multiple of 4; got 16 -> 32"),
        ({"shape": (1, 6, 4, 4), "in_channels": 6, "out_channels": 6}, "a multiple of 4; got 6"),
        ({"in_channels": 8, "out_channels": 8}, "maps of 8 channels, got 2x16x33x50"),
        ({"shape": (1, 16, 8)}, "maps of 16 channels, got 1x16x8"),
        ({"kernel": "3"}, "kernel must be an int, got '3'"),
    ],
)
def test_shuffle_blocks_that_cannot_exist_are_refused(changes, match):
    spec = block(**changes)
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match=match):
            count(spec)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"stride": 0}, "at least 1, got 3 and 0"),
        ({"kernel": 0}, "at least 1, got 0 and 2"),
        ({"in_channels": 4}, "maps of 4 channels"),
        ({"norm": "none"}, "norm must be one of bn, gn, gn_ws, got 'none'"),
        ({"activation": "tanh"}, "activation must be one of relu, relu6, got 'tanh'"),
        ({"kernel": 99, "shape": (1, 3, 1, 1), "stride": 1, "out_channels": 0}, ">= 1"),
    ],
)
def test_stems_that_cannot_exist_are_refused(changes, match):
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match=match):
            count(stem(**changes))


def test_a_module_takes_no_second_map():
    maps = [TensorSpec((1, 3, 8, 8))] * 2
    spec = ModuleSpec.of("stem_conv", maps, **dict(stem().params))
    with pytest.raises(ModuleSpecError, match="takes 1 "):
        outputs_of(spec)
