import pytest

from searchspaces import (
    NAS_FPN_CELLS,
    ModuleSpec,
    ModuleSpecError,
    TensorSpec,
    cost_of,
    outputs_of,
)
from tests.searchspaces.reference_layers import observe
from tests.searchspaces.reference_nas_fpn import NasPyramid

MAPS = (((100, 136), 8), ((50, 68), 16), ((25, 34), 24), ((13, 17), 40))


def nas_fpn(maps=MAPS[:3], batch=2, **changes):
    params = {
        "in_channels": ":".join(str(c) for _, c in maps),
        "out_channels": 12,
        "extra_levels": 5 - len(maps),
        "cells": 2,
        "norm": "bn",
    }
    inputs = [TensorSpec((batch, c, *hw)) for hw, c in maps]
    return ModuleSpec.of("nas_fpn", inputs, batch=batch, **{**params, **changes})


@pytest.mark.parametrize("norm", ["none", "bn", "gn", "gn_ws"])
@pytest.mark.parametrize(("taken", "cells"), [(1, 1), (3, 1), (3, 3), (4, 2)])
def test_it_counts_as_torch_does(norm, taken, cells):
    spec = nas_fpn(MAPS[:taken], cells=cells, norm=norm)
    channels = [c for _, c in MAPS[:taken]]
    shapes, cost = observe(
        lambda: NasPyramid(channels, 12, cells, norm), [t.shape for t in spec.inputs]
    )
    assert [t.shape for t in outputs_of(spec)] == shapes
    assert [s[2:] for s in shapes] == [(100, 136), (50, 68), (25, 34), (13, 17), (7, 9)]
    assert cost_of(spec) == cost


def test_the_cells_are_those_of_the_literature():
    assert [cell.name for cell in NAS_FPN_CELLS] == [
        "gp_64_4",
        "sum_44_4",
        "sum_43_3",
        "sum_34_4",
        "gp_43_5",
        "sum_55_5",
        "gp_54_7",
        "sum_77_7",
        "gp_75_6",
    ]
    assert [cell.name for cell in NAS_FPN_CELLS if not cell.convolves] == ["gp_43_5", "gp_54_7"]
    assert NAS_FPN_CELLS[0].levels == (3, 1, 1)


def test_levels_of_the_smallest_map_are_one_pixel():
    spec = nas_fpn([((1, 1), 8)])
    assert [t.shape for t in outputs_of(spec)] == [(2, 12, 1, 1)] * 5


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"extra_levels": 1}, "5 levels, .* add up to 5; got 3 maps and 1"),
        ({"cells": 0}, "cells must be at least 1, got 0"),
        ({"norm": "ln"}, "nas_fpn.norm must be one of none, bn, gn, gn_ws, got 'ln'"),
        ({"in_channels": "8:16"}, "takes 2 .* maps of 8, 16 channels"),
        ({"maps": (MAPS[0], MAPS[2])}, "half the one before, .* got 2x8x100x136 and then 2x24x"),
        ({"maps": (*MAPS[:2], ((12, 17), 8))}, "rounded up; got 2x16x50x68 and then 2x8x12x17"),
        ({"maps": MAPS[:1] * 6, "extra_levels": -1}, "got 6 maps and -1"),
    ],
)
def test_necks_that_cannot_exist_are_refused(changes, match):
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match=match):
            count(nas_fpn(**changes))
