from searchspaces import RegionProposals
from tests.searchspaces.small_detectors import spec_named, two_stage


def test_ratios_are_written_without_loss():
    ratios = (1 / 3, 1.0, 3.0)
    spec = spec_named(two_stage((64, 64), rpn=RegionProposals(ratios=ratios)), "proposals")
    assert spec.get_floats("ratios") == ratios
    assert spec.get_str("ratios") == "0.3333333333333333:1:3"


def test_anchor_scales_are_written_without_loss():
    rpn = RegionProposals(anchor_scales=(4.0, 16 / 3, 8.0), ratios=(1.0, 2.0))
    detector = two_stage((64, 64), rpn=rpn)
    spec = spec_named(detector, "proposals")
    assert spec.get_floats("anchor_scales") == (4.0, 16 / 3, 8.0)
    assert spec.get_str("anchor_scales") == "4:5.333333333333333:8"
    assert spec_named(detector, "rpn_head").get_int("num_anchors") == 6
