"""The zoo: every published model, and the published costs that we know."""

import pickle

import pytest

from searchspaces import (
    ZOO,
    ArchitectureError,
    SearchSpaceError,
    ZooSpace,
    describe_detector,
    make_space,
    parse_arch,
)
from searchspaces.conformance import SearchSpaceConformance


class TestZoo(SearchSpaceConformance):
    draws = 100
    round_trips = 10_000

    def make(self):
        return ZooSpace()


def detector(name, **options):
    space, arch = parse_arch(f"zoo:{name}", **options)
    return space.detector(arch)


BACKBONES = ("R18", "R50", "R101", "MobileNetV2")


def test_holds_all_that_was_asked_for():
    expected = {
        *(f"E{i}" for i in range(6)),
        *(f"DetNASNet-{kind}" for kind in ("300M-FPN", "300M-RetinaNet", "1.3G", "3.8G")),
        *(f"CR-{net}" for net in ("ResNet18", "ResNet50", "ResNet101", "MobileNetV2")),
        *("SCR-ResNeXt50", "SCR-ResNeXt101", "ShuffleNetV2-20", "ShuffleNetV2-40"),
        *(
            f"{head}-{backbone}-FPN"
            for head in ("FasterRCNN", "RetinaNet", "CascadeRCNN", "MaskRCNN")
            for backbone in BACKBONES
        ),
    }
    assert set(ZOO) == expected


@pytest.mark.parametrize("name", ZOO)
def test_every_model_is_wired_and_has_a_code_of_its_own(name):
    spec = detector(name)
    assert spec.macs()["total"] > 0
    fields = describe_detector(*parse_arch(f"zoo:{name}"))
    space, arch = parse_arch(fields["code"], **fields["options"])
    assert space.detector(arch).graph().key == spec.graph().key
    assert all(figure["value"] > 0 and figure["source"] for figure in fields["published"])


@pytest.mark.parametrize(("name", "giga", "tolerance"), [("E0", 7.2, 0.04), ("E3", 59.2, 0.03)])
def test_backbones_cost_what_smnas_says(name, giga, tolerance):
    for elementwise in (True, False):
        macs = detector(name).macs(elementwise=elementwise)["backbone"]
        assert macs == pytest.approx(giga * 1e9, rel=tolerance)


@pytest.mark.parametrize(("name", "giga"), [("FasterRCNN-R50-FPN", 192.5), ("CR-ResNet50", 192.7)])
def test_detectors_cost_what_crnas_says(name, giga):
    spec = detector(name, proposals=2000)
    assert spec.input_hw == (800, 1088)
    assert spec.macs(elementwise=True)["total"] == pytest.approx(giga * 1e9, rel=0.01)


def test_detnasnet_costs_what_its_code_says():
    spec = detector("DetNASNet-300M-FPN", input_hw=(224, 224))
    assert spec.macs()["backbone"] == pytest.approx(288.1e6, abs=0.05e6)


def test_options_reach_the_models():
    spec = detector("E0", input_hw=(320, 256), num_classes=20, proposals=300)
    assert spec.input_hw == (320, 256)
    assert spec.num_classes == 20
    assert spec.rpn.post_nms == 300
    assert detector("RetinaNet-R18-FPN", proposals=300).rpn is None


@pytest.mark.parametrize("name", ["E0", "DetNASNet-300M-FPN", "CR-ResNet18", "RetinaNet-R18-FPN"])
def test_the_norm_reaches_models_of_every_space(name):
    published, spec = detector(name), detector(name, norm="gn_ws")
    assert (published.backbone.norm, spec.backbone.norm) == ("bn", "gn_ws")
    assert spec.neck.norm == "gn_ws"
    assert spec.macs() == published.macs()
    assert detector(name, norm="bn") == published
    space, arch = parse_arch(f"zoo:{name}", norm="gn_ws")
    assert space.encode(arch) == name
    assert space.with_norm("bn") == ZooSpace()


def test_masks_come_fifth():
    assert detector("MaskRCNN-R18-FPN").output_names[-1] == "masks"
    assert len(detector("CascadeRCNN-R18-FPN").output_names) == 4


def test_an_unknown_model_is_told_the_closest():
    with pytest.raises(ArchitectureError, match=r"'CR-Resnet50'.*CR-ResNet50"):
        parse_arch("zoo:CR-Resnet50")


def test_a_model_like_no_other_is_told_all():
    with pytest.raises(ArchitectureError, match=r"'E9' in the zoo; it holds E0, E1, .*; `detfit"):
        parse_arch("zoo:E9")


def test_survives_pickling_with_its_models():
    assert pickle.loads(pickle.dumps(ZOO["E0"])) == ZOO["E0"]


@pytest.mark.parametrize(
    "options",
    [
        {"input_hw": 800},
        {"input_hw": {"h": 1}},
        {"input_hw": (16, 16)},
        {"num_classes": 0},
        {"proposals": "x"},
        {"norm": "ln"},
        {"norm": {"bn": 1}},
        {"head": "fpn"},
    ],
)
def test_options_that_cannot_be_are_refused_at_once(options):
    with pytest.raises(SearchSpaceError, match=next(iter(options)) + "|too small"):
        make_space("zoo", **options)
