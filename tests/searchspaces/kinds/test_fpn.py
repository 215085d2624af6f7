import pytest

from searchspaces import ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from tests.searchspaces.reference_layers import Pyramid, observe

MAPS = (((84, 125), 8), ((42, 63), 16), ((21, 32), 24), ((11, 16), 40))


def fpn(maps=MAPS, batch=2, **changes):
    params = {
        "in_channels": ":".join(str(c) for _, c in maps),
        "out_channels": 12,
        "extra": "pool",
        "extra_levels": 1,
        "norm": "bn",
    }
    inputs = [TensorSpec((batch, c, *hw)) for hw, c in maps]
    return ModuleSpec.of("fpn", inputs, batch=batch, **{**params, **changes})


@pytest.mark.parametrize(
    ("extra", "added"), [("none", 0), *((e, n) for e in ("pool", "conv") for n in (1, 2, 3))]
)
@pytest.mark.parametrize("norm", ["none", "bn", "gn", "gn_ws"])
@pytest.mark.parametrize("first", [0, 1, 3])
def test_fpn_counts_as_torch_does(extra, added, norm, first):
    spec = fpn(MAPS[first:], extra=extra, extra_levels=added, norm=norm)
    channels = [c for _, c in MAPS[first:]]
    shapes, cost = observe(
        lambda: Pyramid(channels, 12, extra, added, norm), [t.shape for t in spec.inputs]
    )
    assert len(shapes) == len(channels) + added
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert cost_of(spec) == cost


def test_extra_levels_of_the_smallest_map_are_one_pixel():
    spec = fpn([((1, 1), 8)], extra="conv", extra_levels=2)
    assert [t.shape for t in outputs_of(spec)] == [(2, 12, 1, 1)] * 3


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"extra": "p8"}, "fpn.extra must be one of none, pool, conv, got 'p8'"),
        ({"extra": "none"}, "0 exactly where fpn.extra is none, got 1 and 'none'"),
        ({"extra_levels": 0}, "got 0 and 'pool'"),
        ({"extra_levels": -1}, "at least 0, .* got -1 and 'pool'"),
        ({"extra": "none", "extra_levels": -1}, "got -1 and 'none'"),
        ({"norm": "ln"}, "fpn.norm must be one of none, bn, gn, gn_ws, got 'ln'"),
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
        "fpn",
        inputs,
        in_channels="8:8",
        out_channels=8,
        extra="none",
        extra_levels=0,
        norm="none",
    )
    with pytest.raises(ModuleSpecError, match="got 1x8x8x8, 2x8x4x4"):
        outputs_of(spec)
