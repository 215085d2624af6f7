"""Detectors that change their normalisation."""

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from detection import BuildError, Detector, LossConfig, convert_norm
from searchspaces import (
    CODED_BLOCKS,
    Architecture,
    BoxHead,
    CodedBackbone,
    DetectorSpec,
    Fpn,
    MobileNetV2Backbone,
    RegionProposals,
    ResNetBackbone,
    RetinaNetHead,
    SearchSpace,
    ShuffleBackbone,
    SingleLevel,
    make_space,
    parse_arch,
)

BACKBONE = CodedBackbone("basicblock", 16, ("1", "2", "2", "2"))
HEAD = RetinaNetHead(8, num_convs=1)


def spec(backbone: Any = BACKBONE, neck: Any = None, head: Any = HEAD) -> DetectorSpec:
    rpn = RegionProposals(pre_nms=20, post_nms=8) if head.needs_proposals else None
    return DetectorSpec((64, 64), backbone, neck or Fpn(8), rpn, head, 3)


def disturbed(declared: DetectorSpec, seed: int = 0) -> Detector:
    """Return a detector with random scales, shifts and statistics."""
    torch.manual_seed(seed)
    detector = Detector(declared)
    for layer in detector.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.1)
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)  # type: ignore[arg-type]
    return detector.eval()


def levels(detector: Detector, image: Tensor) -> tuple[Tensor, ...]:
    """Return every tensor that the detector's modules give."""
    with torch.no_grad():
        return detector.run({"image": image}, [n.name for n in detector.graph.nodes])


def weights(module: nn.Module) -> list[Tensor]:
    return [m.weight.detach() for m in module.modules() if isinstance(m, nn.Conv2d)]


def affine(module: nn.Module) -> list[Tensor]:
    kinds = nn.BatchNorm2d | nn.GroupNorm
    return [p for m in module.modules() if isinstance(m, kinds) for p in m.parameters()]


BACKBONES = [
    *(CodedBackbone(block, 16, ("1", "2", "2", "2")) for block in CODED_BLOCKS),
    ResNetBackbone("basic", (1, 1, 1, 1), base_channels=8),
    MobileNetV2Backbone((1,) * 7),
    ShuffleBackbone(8, (16, 32, 64, 128), ((0,), (1, 0), (2,), (3, 3))),
]


@dataclass(frozen=True)
class OwnBackbone:
    """One that somebody else has written, with a normalisation of its own."""

    build = BACKBONE.build
    build_last_stage = BACKBONE.build_last_stage


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize(("source", "target"), list(permutations(("bn", "gn", "gn_ws"), 2)))
def test_the_specification_changes_its_norm_and_nothing_else(
    backbone: Any, source: str, target: str
) -> None:
    before = disturbed(spec(replace(backbone, norm=source)))
    kept = {k: v.clone() for k, v in before.state_dict().items()}
    after = convert_norm(before, target)
    assert after.spec == spec(replace(backbone, norm=target))
    assert [tuple(t.shape) for t in levels(after, torch.randn(1, 3, 64, 64))]
    assert all(torch.equal(a, b) for a, b in zip(affine(before), affine(after), strict=True))
    assert all(torch.equal(v, before.state_dict()[k]) for k, v in kept.items())
    held = {p.data_ptr() for p in before.parameters()}
    assert not held & {p.data_ptr() for p in after.parameters()}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_folding_standardised_weights_changes_no_output(backbone: Any) -> None:
    before = disturbed(spec(replace(backbone, norm="gn_ws")))
    after = convert_norm(before, "gn")
    image = torch.randn(2, 3, 64, 64)
    for a, b in zip(levels(before, image), levels(after, image), strict=True):
        assert torch.equal(a, b)
    assert not any("parametrizations" in name for name in after.state_dict())


@pytest.mark.parametrize("norm", ["bn", "gn"])
def test_weights_come_back_from_a_round_trip(norm: str) -> None:
    first = disturbed(spec(replace(BACKBONE, norm="gn_ws")))
    back = convert_norm(convert_norm(first, norm), "gn_ws")
    for a, b in zip(weights(first), weights(back), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-3)  # epsilon acts twice
    plain = disturbed(spec(replace(BACKBONE, norm=norm)))
    other = {"bn": "gn", "gn": "bn"}[norm]
    again = convert_norm(convert_norm(plain, other), norm)
    assert all(torch.equal(a, b) for a, b in zip(weights(plain), weights(again), strict=True))


@pytest.mark.parametrize("norm", ["bn", "gn", "gn_ws"])
def test_the_same_norm_is_a_copy(norm: str) -> None:
    before = disturbed(spec(replace(BACKBONE, norm=norm)))
    after = convert_norm(before, norm)
    assert before.state_dict().keys() == after.state_dict().keys()
    for name, value in before.state_dict().items():
        assert torch.equal(value, after.state_dict()[name]), name


def test_statistics_of_batch_normalisation_start_fresh() -> None:
    after = convert_norm(disturbed(spec(replace(BACKBONE, norm="gn"))), "bn")
    norms = [m for m in after.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    for layer in norms:
        assert layer.running_mean is not None
        assert layer.running_var is not None
        assert not layer.running_mean.any()
        assert (layer.running_var == 1).all()


def test_the_last_stage_on_boxes_changes_too() -> None:
    declared = spec(neck=SingleLevel(), head=BoxHead(roi_stage=True))
    after = convert_norm(disturbed(declared), "gn_ws")
    assert not any(isinstance(m, nn.BatchNorm2d) for m in after.nodes["roi_stage_b0"].modules())
    assert len(weights(after)) == len(weights(disturbed(declared)))


@pytest.mark.parametrize("name", ["crnas-resnet50", "crnas-resnet18", "crnas-mobilenetv2"])
def test_a_searched_detector_goes_back_to_its_space_of_batch_normalisation(name: str) -> None:
    space = make_space(name, head="retinanet", input_hw=(64, 64), num_classes=3, norm="gn_ws")
    arch = next(space.covering())  # type: ignore[attr-defined]
    assert_goes_back(space, arch)


@pytest.mark.parametrize(
    "text",
    [
        "smnas-structural:resnet18/P2-P6@128/none/retinanet/512x512",
        "smnas-structural:mobilenetv2/c4/rpn/2fc/512x512",
        "zoo:E0",
        "zoo:DetNASNet-300M-FPN",
    ],
)
def test_a_structure_and_a_published_detector_go_back_and_detect(text: str) -> None:
    space, arch = parse_arch(text, input_hw=(64, 64), num_classes=3, proposals=8, norm="gn_ws")
    after = assert_goes_back(space, arch).train()  # its statistics are not known yet
    assert all(bool(t.isfinite().all()) for t in levels(after, torch.randn(2, 3, 64, 64)))


def assert_goes_back(space: SearchSpace, arch: Architecture) -> Detector:
    """Convert to batch normalisation, which keeps what the backbone has learnt."""
    wanted = space.with_norm("bn").detector(arch)  # type: ignore[attr-defined]
    before = disturbed(space.detector(arch))
    after = convert_norm(before, wanted)
    assert after.spec == wanted
    pairs = [
        (before.nodes[node.name], after.nodes[node.name])
        for node in after.graph.nodes
        if node.part == "backbone" or node.name.startswith("roi_stage")
    ]
    assert all(
        torch.equal(a, b)
        for mine, theirs in pairs
        for a, b in zip(
            weights(mine) + affine(mine), weights(theirs) + affine(theirs), strict=True
        )
    )
    assert not any("parametrizations" in name for name in after.state_dict())
    return after


def test_mode_and_losses_are_kept() -> None:
    detector = Detector(spec(), loss_config=LossConfig()).train()
    after = convert_norm(detector, "gn")
    assert after.training
    assert after.loss_config is detector.loss_config
    assert not convert_norm(detector.eval(), "gn").training


def test_other_parts_change_with_a_whole_detector() -> None:
    """The neck's normalised layers start fresh; predictors and backbone are kept."""
    with_norms = spec(
        replace(BACKBONE, norm="gn_ws"), Fpn(8, norm="gn_ws"), replace(HEAD, norm="gn_ws")
    )
    before, wanted = disturbed(with_norms), spec(replace(BACKBONE, norm="bn"))
    after = convert_norm(before, wanted)
    assert after.spec == wanted
    for name in ("backbone_stem0", "backbone_s4_b0"):
        pairs = zip(weights(before.nodes[name]), weights(after.nodes[name]), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    predictors = [
        dict(detector.named_modules())[f"nodes.retinanet_head.{name}"]
        for detector in (before, after)
        for name in ("classes", "deltas")
    ]
    before_scores, before_deltas, after_scores, after_deltas = map(weights, predictors)
    assert torch.equal(before_scores[0], after_scores[0])
    assert torch.equal(before_deltas[0], after_deltas[0])
    assert not torch.equal(weights(before.nodes["neck"])[0], weights(after.nodes["neck"])[0])


@pytest.mark.parametrize(
    ("backbone", "norm", "match"),
    [
        (BACKBONE, "ln", "norm must be one of bn, gn, gn_ws, got 'ln'"),
        (BACKBONE, "none", "norm must be one of bn, gn, gn_ws, got 'none'"),
        (OwnBackbone(), "gn", "OwnBackbone has no field norm"),
        (BACKBONE, spec(replace(BACKBONE, base_channels=32)), "backbone_stem0 is stem_conv.* in"),
        (
            BACKBONE,
            spec(replace(BACKBONE, groups=("1", "2", "2", "21"))),
            "more than normalisation: backbone_s4_b1 belong to one",
        ),
    ],
)
def test_what_cannot_be_converted(backbone: Any, norm: Any, match: str) -> None:
    with pytest.raises(BuildError, match=match):
        convert_norm(Detector(spec(backbone)), norm)
