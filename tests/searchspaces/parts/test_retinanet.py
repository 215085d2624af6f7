from itertools import pairwise

import pytest

from searchspaces import RetinaNetHead, octave_scales
from tests.searchspaces.small_detectors import one_stage, spec_named


def test_a_head_may_be_of_another_width_than_its_pyramid():
    spec = spec_named(one_stage((64, 64), head=RetinaNetHead(48)), "retinanet_head")
    assert (spec.get_int("in_channels"), spec.get_int("channels")) == (32, 48)


@pytest.mark.parametrize("octaves", [1, 2, 3])
def test_octave_scales_run_up_to_the_double_by_one_factor(octaves):
    scales = octave_scales(4.0, octaves)
    assert len(scales) == octaves
    assert scales[0] == 4.0
    steps = [b / a for a, b in pairwise((*scales, 8.0))]
    assert steps == pytest.approx([2 ** (1 / octaves)] * octaves)


def test_retinanet_has_nine_anchors_a_cell():
    spec = spec_named(one_stage((64, 64)), "detections")
    assert spec.get_floats("anchor_scales") == octave_scales(4.0)
    assert spec_named(one_stage((64, 64)), "retinanet_head").get_int("num_anchors") == 9
