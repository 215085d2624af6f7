"""No bad graph passes on the releases that refuse it; hardly a good one is refused."""

import warnings
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from export.check import RULES, check_model, fix_model, parse_target
from tests.export.check.bad_graphs import BAD
from tests.export.check.good_graphs import GOOD
from tests.export.check.graphs import RELEASES, Case, model
from tests.export.check.plugin_graphs import PLUGINS

ALL_BAD = BAD | PLUGINS
WORST_FALSE_ALARMS = 0.05


def pairs(cases: dict[str, Case], which: str) -> list[object]:
    return [
        pytest.param(case, release, id=f"{name}-{release}")
        for name, case in cases.items()
        for release in getattr(case, which)
    ]


@pytest.mark.parametrize(("case", "release"), pairs(ALL_BAD, "fails"))
def test_bad_graph_fails(case: Case, release: str) -> None:
    report = check_model(case.model(), parse_target(release, case.precision))
    assert not report.passed
    found = {finding.rule: finding for finding in report.failures}
    assert case.rule in found
    assert found[case.rule].reason
    assert found[case.rule].source


@pytest.mark.parametrize(("case", "release"), pairs(ALL_BAD, "passes"))
def test_bad_graph_passes_where_it_is_good(case: Case, release: str) -> None:
    report = check_model(case.model(), parse_target(release, case.precision))
    assert report.failures == ()


def test_the_corpus_is_large_enough() -> None:
    assert len(ALL_BAD) >= 25
    assert {case.rule for case in ALL_BAD.values()} <= set(RULES)
    assert all(case.issue for case in ALL_BAD.values())


def test_half_precision_alone_is_the_hazard() -> None:
    for name, case in BAD.items():
        if case.precision == "fp16":
            report = check_model(case.model(), parse_target("10.4"))
            assert report.passed, name


@pytest.mark.parametrize("name", GOOD)
def test_good_graph_is_a_valid_model(name: str) -> None:
    onnx.checker.check_model(GOOD[name].model(), full_check=True)


def test_few_good_graphs_are_refused(our_models: Callable[[], dict[str, onnx.ModelProto]]) -> None:
    tried, refused = 0, []
    for name, case in GOOD.items():
        for release in case.passes:
            tried += 1
            report = check_model(case.model(), parse_target(release, "fp16"))  # fp32's rules, too
            refused += [(name, release, item.reason) for item in report.failures[:1]]
    for name, ours in our_models().items():
        for release in ("8.6", "10.4", "11.1"):
            tried += 1
            report = check_model(ours, parse_target(release, "fp16"))
            refused += [(name, release, item.reason) for item in report.failures[:1]]
    assert tried >= 100
    assert len(refused) <= WORST_FALSE_ALARMS * tried, refused


@pytest.mark.parametrize("release", ["8.5", "10.0", "10.11"])
def test_our_detectors_pass(
    our_models: Callable[[], dict[str, onnx.ModelProto]], release: str
) -> None:
    for name, ours in our_models().items():
        report = check_model(ours, parse_target(release))
        assert report.failures == (), name


FAMILIES = ("E0", "MaskRCNN-R18-FPN", "CascadeRCNN-R18-FPN", "CR-ResNet18")


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_passes(name: str) -> None:
    from detection import Detector
    from export import detector_to_onnx
    from searchspaces import parse_arch

    space, arch = parse_arch(f"zoo:{name}", input_hw=(64, 64), num_classes=3)
    ours = detector_to_onnx(Detector(space.detector(arch)).eval())
    for release in RELEASES[1:]:
        for precision in ("fp32", "fp16"):
            assert check_model(ours, parse_target(release, precision)).failures == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["fasterrcnn_mobilenet_v3_large_320_fpn", "ssdlite320_mobilenet_v3_large"]
)
def test_foreign_detector_fails_on_the_if_of_torch_and_is_fixed(tmp_path: Path, name: str) -> None:
    import torch
    import torchvision

    options = {"min_size": 96, "max_size": 128} if "rcnn" in name else {}
    build = getattr(torchvision.models.detection, name)
    detector = build(weights=None, weights_backbone=None, **options).eval()
    path = tmp_path / "foreign.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's tracing and torch's exporter warn a lot
        image = torch.rand(3, 128, 128)
        torch.onnx.export(detector, ([image],), path, opset_version=17, dynamo=False)
    foreign = onnx.load(path)
    assert "if-shapes" in {
        item.rule for item in check_model(foreign, parse_target("8.6")).failures
    }
    assert check_model(foreign, parse_target("10.11")).passed
    fixed, report = fix_model(foreign, parse_target("8.6"))
    assert report.passed
    assert not any(node.op_type == "If" for node in fixed.graph.node)


def test_a_graph_without_outputs_is_refused() -> None:
    from export import CheckError

    with pytest.raises(CheckError, match="no graph with outputs"):
        check_model(onnx.ModelProto(), parse_target("8.6"))
    with pytest.raises(CheckError, match="no graph with outputs"):
        check_model(model("g () => () {}"), parse_target("8.6"))
