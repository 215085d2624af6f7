import pytest

from searchspaces import ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from tests.searchspaces.reference_layers import Pyramid, observe

MAPS = (((84, 125), 8), ((42, 63), 16), ((21, 32), 24), ((11, 16), 40))


def fpn(maps=MAPS, batch=2, **changes):
    params = {
        "in_channels": ":".join(str(c) for _, c in maps),
        "out_channels": 12,
        "extra": "pool",
        "norm": "bn",
    }
    inputs = [TensorSpec((batch, c, *hw)) for hw, c in maps]
    return ModuleSpec.of("fpn", inputs, batch=batch, **{**params, **changes})


@pytest.mark.parametrize("extra", ["none", "pool", "p6p7"])
@pytest.mark.parametrize("norm", ["none", "bn"])
@pytest.mark.parametrize("first", [0, 1, 3])
def test_fpn_counts_as_torch_does(extra, norm, first):
    spec = fpn(MAPS[first:], extra=extra, norm=norm)
    channels = [c for _, c in MAPS[first:]]
    shapes, cost = observe(
        lambda: Pyramid(channels, 12, extra, norm), [t.shape for t in spec.inputs]
    )
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert cost_of(spec) == cost


def test_extra_levels_of_the_smallest_map_are_one_pixel():
    spec = fpn([((1, 1), 8)], extra="p6p7")
    assert [t.shape for t in outputs_of(spec)] == [(2, 12, 1, 1)] * 3


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"extra": "p8"}, "fpn.extra must be one of none, pool, p6p7, got 'p8'"),
        ({"norm": "gn"}, "fpn.norm must be one of none, bn, got 'gn'"),
        ({"in_channels": "8:16:24"}, "takes 3 .* maps of 8, 16, 24 channels, got 2x8x84x125, "),
        ({"in_channels": "8:16:24:41"}, "maps of 8, 16, 24, 41 channels"),
        ({"in_channels": "a"}, "must list integers"),
    ],
)
def test_pyramids_that_cannot_exist_are_refused(changes, match):
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match=match):
            count(fpn(**changes))


def test_maps_of_different_batches_are_refused():
    inputs = [TensorSpec((1, 8, 8, 8)), TensorSpec((2, 8, 4, 4))]
    spec = ModuleSpec.of(
        "fpn", inputs, in_channels="8:8", out_channels=8, extra="none", norm="none"
    )
    with pytest.raises(ModuleSpecError, match="got 1x8x8x8, 2x8x4x4"):
        outputs_of(spec)
