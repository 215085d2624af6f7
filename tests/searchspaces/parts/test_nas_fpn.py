import pytest

from searchspaces import ModuleSpecError, NasFpn
from tests.searchspaces.small_detectors import one_stage, spec_named, two_stage


def test_it_gives_five_levels_from_stride_eight():
    detector = two_stage((100, 132), neck=NasFpn(32, cells=3))
    neck, pooling = spec_named(detector, "neck"), spec_named(detector, "roi_align")
    assert neck.get_int("cells") == 3
    assert [t.shape[2:] for t in neck.inputs] == [(13, 17), (7, 9), (4, 5)]
    assert [t.shape[2:] for t in pooling.inputs[:-1]] == [(13, 17), (7, 9), (4, 5), (2, 3)]
    assert pooling.get_ints("strides") == (8, 16, 32, 64)
    assert spec_named(detector, "proposals").get_ints("strides") == (8, 16, 32, 64, 128)


def test_a_one_stage_head_takes_all_levels():
    detector = one_stage((100, 132), neck=NasFpn(32))
    assert len(spec_named(detector, "retinanet_head").inputs) == 5


def test_it_may_begin_at_another_stride():
    neck = spec_named(two_stage((64, 64), neck=NasFpn(32, first=0, extra_levels=1)), "neck")
    assert [t.shape[2:] for t in neck.inputs] == [(16, 16), (8, 8), (4, 4), (2, 2)]


@pytest.mark.parametrize(("first", "extra"), [(1, 1), (4, 5), (-1, 0), (0, 2)])
def test_levels_that_do_not_add_up_to_five_are_refused(first, extra):
    with pytest.raises(ModuleSpecError, match=f"first={first}, extra_levels={extra}"):
        NasFpn(first=first, extra_levels=extra)
