"""Layers of modules: their products hold the multiply-adds and weights that the kinds count."""

from collections.abc import Iterator

import pytest

from latency import PredictorError
from latency.simulated import SPLITS, split
from latency.simulated.layers import Matmul, Pass, Sample, Serial
from searchspaces import KINDS, ZOO, ModuleSpec, TensorSpec, cost_of, make_space, parse_arch

STRUCTURES = (
    "smnas-structural:resnet50/P1-P5@256/rpn/2fc/800x600",
    "smnas-structural:mobilenetv2/c4/rpn/cascade2/512x512",
    "smnas-structural:resnext50/P2-P6@128/garpn/cascade4/800x600",
)


def zoo_specs() -> Iterator[ModuleSpec]:
    space = make_space("zoo", input_hw=(300, 404), proposals=50)
    for name in ZOO:
        yield from (spec for spec, _ in space.detector(space.decode(name)).modules())


def examples() -> dict[str, ModuleSpec]:
    """Distinct modules of the zoo by key, and of kinds that it does not hold."""
    pyramid = [TensorSpec((2, 8, 32 >> i, 48 >> i)) for i in range(3)]
    others = [
        ModuleSpec.of(
            "nas_fpn",
            pyramid,
            batch=2,
            in_channels="8:8:8",
            out_channels=16,
            cells=2,
            extra_levels=2,
            norm=norm,
        )
        for norm in ("bn", "gn", "none")
    ]
    return {spec.key: spec for spec in [*zoo_specs(), *others]}


EXAMPLES = examples()


def test_every_kind_can_be_simulated() -> None:
    assert KINDS.keys() - SPLITS.keys() == set()
    assert {spec.kind for spec in EXAMPLES.values()} >= KINDS.keys() - {"conv"}


def test_products_are_the_multiply_adds_of_the_kind() -> None:
    """Our formulas against those of `searchspaces`, which are written apart from them."""
    for spec in EXAMPLES.values():
        macs = sum(layer.macs for layer in split(spec) if isinstance(layer, Matmul))
        assert macs == cost_of(spec).macs, spec.key


def test_weights_are_within_the_parameters_of_the_kind() -> None:
    """A head runs its layers on every level; elsewhere each weight stands once."""
    shared = {"rpn_head", "guided_rpn_head", "retinanet_head"}
    for spec in EXAMPLES.values():
        weights = sum(layer.weights for layer in split(spec) if isinstance(layer, Matmul))
        if spec.kind not in shared:
            assert weights <= cost_of(spec).params, spec.key
        assert weights * 20 >= cost_of(spec).params, spec.key


def test_sizes_of_layers_are_sound() -> None:
    for spec in EXAMPLES.values():
        layers = split(spec)
        assert layers
        for layer in layers:
            if isinstance(layer, Matmul):
                assert min(layer.rows, layer.columns, layer.depth, layer.groups) >= 1
            if isinstance(layer, Pass):
                assert min(layer.read, layer.written, layer.steps) >= 1
            if isinstance(layer, Sample):
                assert layer.taps >= layer.written >= 1
            if isinstance(layer, Serial):
                assert layer.cycles > 0
                assert layer.kernels >= 1


def test_a_single_convolution() -> None:
    """The closed form; the kind itself may or may not be one of `searchspaces` yet."""
    if "conv" not in KINDS:
        pytest.skip("searchspaces has no kind conv")
    x = TensorSpec((1, 64, 20, 30))
    fields = {"in_channels": 64, "out_channels": 96, "kernel": 3, "dilation": 1, "groups": 1}
    spec = ModuleSpec.of("conv", [x], stride=2, fused_add=0, **fields)
    (product, _bias) = split(spec)
    assert isinstance(product, Matmul)
    assert (product.rows, product.columns, product.depth) == (150, 96, 576)
    assert not product.winograd
    added = ModuleSpec.of(
        "conv", [x, TensorSpec((1, 96, 10, 15))], stride=2, fused_add=1, **fields
    )
    assert len(split(added)) == 3


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(PredictorError, match=r"'warp' cannot be simulated; known: .*box_head"):
        split(ModuleSpec.of("warp", [TensorSpec((1, 3, 8, 8))]))


@pytest.mark.parametrize("arch", STRUCTURES)
def test_structures_with_and_without_a_pyramid(arch: str) -> None:
    space, found = parse_arch(arch, input_hw=(320, 320))
    for spec, _ in space.detector(found).modules():
        assert split(spec)
