"""Our backbones beside torchvision's networks, and the names of the one in the other.

The names are written out by position, independently of :mod:`detection.pretrained`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision import models

from detection import GraphModule
from searchspaces import Graph, MobileNetV2Backbone, ResNetBackbone, TensorSpec
from searchspaces.parts import Backbone, GraphBuilder

NETWORKS: dict[str, Backbone] = {
    "resnet18": ResNetBackbone("basic", (2, 2, 2, 2)),
    "resnet34": ResNetBackbone("basic"),
    "resnet50": ResNetBackbone("bottleneck"),
    "resnet101": ResNetBackbone("bottleneck", (3, 4, 23, 3)),
    "resnext50_32x4d": ResNetBackbone("bottleneck", groups=32, group_width=4),
    "mobilenet_v2": MobileNetV2Backbone(),
}


def backbone_graph(backbone: Backbone, hw: tuple[int, int] = (64, 96)) -> Graph:
    """Return the backbone alone; it gives its four maps."""
    graph = GraphBuilder(hw, 1, 1, "fp32", backbone)
    image = ("image", TensorSpec((1, 3, *hw)))
    ends = backbone.build(graph, image)
    return Graph((image,), tuple(graph.nodes), tuple(ref for ref, _ in ends))


def backbone_module(backbone: Backbone, hw: tuple[int, int] = (64, 96)) -> GraphModule:
    return GraphModule(backbone_graph(backbone, hw)).eval()


def random_network(name: str, seed: int = 0) -> nn.Module:
    """Return torchvision's network with random weights and random statistics."""
    torch.manual_seed(seed)
    network: nn.Module = getattr(models, name)(weights=None)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.0)
            nn.init.normal_(layer.bias, std=0.1)
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    return network.eval()


def torchvision_maps(network: nn.Module, image: Tensor) -> list[Tensor]:
    """Return what torchvision's network computes at strides 4, 8, 16 and 32."""
    maps, x = [], image
    if isinstance(network, models.ResNet):
        x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
        for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
            x = stage(x)
            maps.append(x)
        return maps
    assert isinstance(network, models.MobileNetV2)
    for index, layer in enumerate(network.features):
        x = layer(x)
        if index in (3, 6, 13, 18):
            maps.append(x)
    return maps


def copy_in_order(network: nn.Module, ours: nn.Module) -> None:
    """Copy convolutions and normalisations one after the other, as they run."""
    pairs = zip(running_layers(network), running_layers(ours), strict=True)
    for source, target in pairs:
        target.load_state_dict(source.state_dict())


def running_layers(module: nn.Module) -> list[nn.Module]:
    """Return layers with weights as the two libraries list them; shortcuts stand last in both."""
    names = ("fc", "classifier")
    return [
        m
        for name, m in module.named_modules()
        if isinstance(m, nn.Conv2d | nn.BatchNorm2d) and not name.startswith(names)
    ]
