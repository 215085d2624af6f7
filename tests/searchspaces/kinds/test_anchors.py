import pytest

from searchspaces import (
    ModuleSpec,
    ModuleSpecError,
    TensorSpec,
    anchors_per_cell,
    anchors_per_level,
    level_sizes,
)


def spec(**params):
    default = {
        "strides": "8:16",
        "heights": "4:2",
        "widths": "5:3",
        "anchor_scales": "4:5.5:8",
        "ratios": "1:2",
    }
    return ModuleSpec.of("proposals", [TensorSpec((1,))], **{**default, **params})


def test_anchors_stand_on_every_cell_of_every_level():
    assert level_sizes(spec()) == ((4, 5), (2, 3))
    assert anchors_per_cell(spec()) == 6
    assert anchors_per_level(spec()) == (120, 36)


def test_one_scale_is_a_list_too():
    assert anchors_per_cell(spec(anchor_scales="8")) == 2
    assert anchors_per_level(spec(anchor_scales="8")) == (40, 12)


@pytest.mark.parametrize("name", ["strides", "heights", "widths"])
def test_lists_of_different_lengths_are_refused(name):
    with pytest.raises(ModuleSpecError, match="must name the same levels, got"):
        level_sizes(spec(**{name: "4"}))
