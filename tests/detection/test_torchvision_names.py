"""Every layer of torchvision's networks has a place in ours."""

import pytest
import torch
from torchvision import models

from detection.torchvision_names import NETWORKS, layer_names
from tests.detection.torchvision_backbones import backbone_graph


@pytest.mark.parametrize("network", NETWORKS)
def test_the_layers_of_a_network_but_its_classifier_are_named_once(network: str) -> None:
    names = layer_names(backbone_graph(NETWORKS[network]), network)
    named = [theirs for layers in names.values() for theirs in layers.values()]
    with torch.device("meta"):
        tensors = getattr(models, network)().state_dict()
    layers = {name.rpartition(".")[0] for name in tensors}
    classifier = {"fc", "classifier.1"}
    assert len(named) == len(set(named))
    shortcuts = {name for name in named if "downsample" in name}  # blocks may have none
    assert layers - classifier <= set(named)
    assert set(named) - layers <= shortcuts


def test_names_by_hand() -> None:
    resnet = layer_names(backbone_graph(NETWORKS["resnet50"]), "resnet50")
    assert resnet["backbone_stem"] == {"conv.0": "conv1", "conv.1": "bn1"}
    assert resnet["backbone_s3_b5"]["spatial.1"] == "layer3.5.bn2"
    mobilenet = layer_names(backbone_graph(NETWORKS["mobilenet_v2"]), "mobilenet_v2")
    assert mobilenet["backbone_stem"] == {"0": "features.0.0", "1": "features.0.1"}
    assert mobilenet["backbone_s1_g0_b0"]["project.1"] == "features.1.conv.2"
    assert mobilenet["backbone_s4_g6_b0"]["project.0"] == "features.17.conv.2"
    assert mobilenet["backbone_s4_last"] == {"0": "features.18.0", "1": "features.18.1"}
