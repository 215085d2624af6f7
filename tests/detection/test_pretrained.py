"""Torchvision's weights in our backbones, from files written here."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from torch import nn

from detection import (
    CheckpointError,
    Detector,
    GraphModule,
    OfficialWeights,
    load_imagenet_backbone,
    official_weights,
)
from detection.torchvision_names import NETWORKS as NAMED
from searchspaces import (
    CASCADE_STDS,
    BoxHead,
    CodedBackbone,
    DetectorSpec,
    Fpn,
    MobileNetV2Backbone,
    RegionProposals,
    ResNetBackbone,
    RetinaNetHead,
    ShuffleBackbone,
    SingleLevel,
)
from tests.detection.torchvision_backbones import (
    NETWORKS,
    backbone_module,
    random_network,
    torchvision_maps,
)

R18 = NETWORKS["resnet18"]


def saved(network: nn.Module, path: Path) -> Path:
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "resnet101"])
def test_the_features_are_torchvisions(name: str, tmp_path: Path) -> None:
    network, ours = random_network(name), backbone_module(NETWORKS[name])
    path = saved(network, tmp_path / "own.pth")
    assert load_imagenet_backbone(ours, name, path, verify=False) == path
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        for mine, theirs in zip(ours(image), torchvision_maps(network, image), strict=True):
            assert torch.equal(mine, theirs)


def test_the_named_networks_are_those_of_the_tests() -> None:
    assert {name: NAMED[name] for name in NETWORKS} == NETWORKS


@pytest.mark.parametrize(
    "backbone",
    [
        replace(R18, branches=True),  # type: ignore[type-var]
        replace(R18, dilations=((1, 2), (1, 1), (3, 1), (1, 2))),  # type: ignore[type-var]
    ],
)
def test_branches_and_dilations_take_the_same_weights(
    backbone: ResNetBackbone, tmp_path: Path
) -> None:
    network, ours = random_network("resnet18"), backbone_module(backbone)
    load_imagenet_backbone(ours, "resnet18", saved(network, tmp_path / "w.pth"), verify=False)
    mine = {tuple(v.shape): v for v in ours.state_dict().values()}
    kept = [v for k, v in network.state_dict().items() if not k.startswith("fc")]
    assert len(ours.state_dict()) == len(kept)
    assert torch.equal(mine[(64, 3, 7, 7)], network.state_dict()["conv1.weight"])


def detector(backbone: Any, neck: Any = None, head: Any = None) -> Detector:
    torch.manual_seed(1)
    rpn = None if isinstance(head, RetinaNetHead) else RegionProposals(pre_nms=20, post_nms=8)
    head = head or BoxHead(num_convs=0, fc_channels=8)
    return Detector(DetectorSpec((64, 96), backbone, neck or Fpn(8), rpn, head, 2))


def test_only_the_backbone_of_a_detector_changes(tmp_path: Path) -> None:
    ours = detector(R18, Fpn(8, last=2))  # the last stage is not built
    before = {k: v.clone() for k, v in ours.state_dict().items()}
    path = saved(random_network("resnet18"), tmp_path / "w.pth")
    load_imagenet_backbone(ours, "resnet18", path, verify=False)
    changed = {k for k, v in ours.state_dict().items() if not torch.equal(v, before[k])}
    weights = {k for k in before if k.startswith("nodes.backbone") and "num_batches" not in k}
    assert changed == weights
    assert not any("backbone_s4" in name for name in changed)


def test_every_last_stage_on_boxes_gets_the_last_stage(tmp_path: Path) -> None:
    head = BoxHead(roi_stage=True, class_agnostic=True, stage_stds=CASCADE_STDS[:2])
    ours, network = detector(R18, SingleLevel(), head), random_network("resnet18")
    load_imagenet_backbone(ours, "resnet18", saved(network, tmp_path / "w.pth"), verify=False)
    rows = torch.randn(3, 256, 14, 14)
    with torch.no_grad():
        expected = network.layer4(rows)  # type: ignore[operator]
        for name in ("roi_stage", "roi_stage_1"):
            blocks = [ours.nodes[f"{name}_b{i}"].eval() for i in range(2)]
            assert torch.equal(nn.Sequential(*blocks)(rows), expected)


def test_old_files_without_counters_and_new_ones(tmp_path: Path) -> None:
    network = random_network("resnet18")
    state = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    torch.save(state, tmp_path / "old.pth")
    ours = backbone_module(R18)
    load_imagenet_backbone(ours, "resnet18", tmp_path / "old.pth", verify=False)
    del state["layer3.0.bn1.bias"]
    torch.save(state, tmp_path / "torn.pth")
    with pytest.raises(CheckpointError, match=r"1 missing \(backbone_s3_b0\.first\.1\.bias\)"):
        load_imagenet_backbone(ours, "resnet18", tmp_path / "torn.pth", verify=False)


def test_a_last_stage_of_mobilenet_on_boxes_ends_in_its_last_convolution(tmp_path: Path) -> None:
    head = BoxHead(roi_stage=True, class_agnostic=True, stage_stds=CASCADE_STDS[:2])
    ours = detector(NETWORKS["mobilenet_v2"], SingleLevel(), head)
    network = random_network("mobilenet_v2")
    load_imagenet_backbone(ours, "mobilenet_v2", saved(network, tmp_path / "w.pth"), verify=False)
    rows = torch.randn(3, 320, 7, 7)
    with torch.no_grad():
        expected = network.features[18](rows)  # type: ignore[index,operator]
        for name in ("roi_stage_last", "roi_stage_1_last"):
            assert torch.equal(ours.nodes[name].eval()(rows), expected)


@pytest.mark.parametrize(
    ("name", "file", "network"),
    [
        ("resnet50", "resnet50-11ad3fa6.pth", "resnet50"),
        ("ResNet50_Weights.IMAGENET1K_V1", "resnet50-0676ba61.pth", "resnet50"),
        ("ResNet50_Weights.IMAGENET1K_V2", "resnet50-11ad3fa6.pth", "resnet50"),
        ("resnet50-0676ba61.pth", "resnet50-0676ba61.pth", "resnet50"),
        ("resnet18", "resnet18-f37072fd.pth", "resnet18"),
        ("resnext101_32x8d", "resnext101_32x8d-110c445d.pth", "resnext101_32x8d"),
        ("mobilenet_v2", "mobilenet_v2-7ebf99e0.pth", "mobilenet_v2"),
    ],
)
def test_official_names(name: str, file: str, network: str) -> None:
    found = official_weights(name)
    assert (found.file_name, found.network) == (file, network)
    assert file == f"{network}-{found.sha256_prefix}.pth"
    assert found.url == f"https://download.pytorch.org/models/{file}"


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("resnet51", r"'resnet51' names no ImageNet weights.*ResNet18_Weights\.IMAGENET1K_V1"),
        ("resnext101_32x4d", "publishes ResNeXt-101 as 32x8d and 64x4d only"),
    ],
)
def test_unknown_weights(name: str, match: str) -> None:
    with pytest.raises(CheckpointError, match=match):
        official_weights(name)


@pytest.mark.parametrize(
    ("backbone", "weights", "match"),
    [
        (R18, "resnet34", "backbone_s1 has 2 modules where 3 modules belong; backbone_s2 has 2"),
        (
            ResNetBackbone("basic", (1, 1, 2, 4)),
            "resnet18",
            "torchvision's resnet18 is ResNetBack",
        ),
        (ResNetBackbone("bottleneck"), "resnet34", r"backbone_s1_b0 is bottleneck\(.*not basic_b"),
        (
            ResNetBackbone("bottleneck"),
            "resnext50_32x4d",
            r"groups=1, in_channels=64, mid_channels=64.* not bottleneck\(groups=32",
        ),
        (replace(R18, norm="gn"), "resnet18", "has norm=gn; load them with norm='bn'"),  # type: ignore[type-var]
        (MobileNetV2Backbone((1, 2, 2, 3, 4, 4, 1)), "mobilenet_v2", "backbone_s2_g2 has 2 modul"),
        (MobileNetV2Backbone(), "resnet18", "backbone_s1_g0 has 1 module where 0 modules belong"),
        (
            CodedBackbone("basicblock", 64, ("11", "21", "21", "12")),
            "resnet18",
            "backbone_stem0 has 1 module where 0 modules belong",
        ),
        (ShuffleBackbone(8, (16, 32, 64, 128), ((0,),) * 4), "resnet18", "do not fit"),
    ],
)
def test_another_network_is_refused(
    backbone: Any, weights: str, match: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=match):
        load_imagenet_backbone(backbone_module(backbone), weights, tmp_path)


def test_a_graph_without_backbone_is_refused(tmp_path: Path) -> None:
    graph = detector(R18, Fpn(8, first=1, extra="none", extra_levels=0), RetinaNetHead(8)).graph
    with pytest.raises(CheckpointError, match="has no backbone"):
        load_imagenet_backbone(GraphModule(graph.subgraph(["neck"])), "resnet18", tmp_path)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder in which torch looks for checkpoints."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


def test_an_absent_file_says_where_it_belongs_and_where_it_is_published(hub: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_imagenet_backbone(backbone_module(R18), "resnet18")
    message = str(caught.value)
    assert str(hub / "resnet18-f37072fd.pth") in message
    assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in message
    assert "download=True" in message
    assert not hub.exists()


def test_another_file_under_the_official_name_is_refused(hub: Path) -> None:
    hub.mkdir(parents=True)
    saved(random_network("resnet18"), hub / "resnet18-f37072fd.pth")
    ours = backbone_module(R18)
    before = ours.state_dict()["nodes.backbone_stem.conv.0.weight"].clone()
    with pytest.raises(CheckpointError, match=r"SHA-256 begins with .*with f37072fd; copy it aga"):
        load_imagenet_backbone(ours, "resnet18")
    assert torch.equal(ours.state_dict()["nodes.backbone_stem.conv.0.weight"], before)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Publish a file whose name carries its own digest in the place of resnet18's."""
    path = saved(random_network("resnet18"), tmp_path / "original")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    official = OfficialWeights("R", "resnet18", f"https://example.org/resnet18-{digest}.pth")
    monkeypatch.setattr("detection.pretrained.official_weights", lambda _: official)
    return path.rename(tmp_path / official.file_name)


def test_the_published_file_is_taken_from_a_folder_or_by_its_name(published: Path) -> None:
    for place in (published, published.parent):
        assert load_imagenet_backbone(backbone_module(R18), "resnet18", place) == published


def test_a_download_is_checked_and_kept(
    published: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(url: str, target: str, hash_prefix: str, progress: bool) -> None:
        assert (url[-12:], hash_prefix) == (published.name[-12:], published.stem[-8:])
        assert not progress
        Path(target).write_bytes(published.read_bytes())

    monkeypatch.setattr("torch.hub.download_url_to_file", copy)
    path = load_imagenet_backbone(backbone_module(R18), "resnet18", download=True)
    assert path == hub / published.name


@pytest.mark.parametrize("error", [URLError("no route"), RuntimeError("invalid hash value")])
def test_being_offline_is_one_clear_error(
    hub: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("torch.hub.download_url_to_file", fail)
    with pytest.raises(CheckpointError, match=r"could not be downloaded from https.*copy the fil"):
        load_imagenet_backbone(backbone_module(R18), "resnet18", download=True)
