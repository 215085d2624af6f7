"""Torchvision's classification networks beside our backbones: which fits, what is called what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from searchspaces import (
    BoxHead,
    DetectorSpec,
    Fpn,
    Graph,
    MobileNetV2Backbone,
    Node,
    RegionProposals,
    ResNetBackbone,
)

from .errors import CheckpointError

R101 = (3, 4, 23, 3)
NETWORKS: dict[str, ResNetBackbone | MobileNetV2Backbone] = {
    "resnet18": ResNetBackbone("basic", (2, 2, 2, 2)),
    "resnet34": ResNetBackbone("basic"),
    "resnet50": ResNetBackbone("bottleneck"),
    "resnet101": ResNetBackbone("bottleneck", R101),
    "resnext50_32x4d": ResNetBackbone("bottleneck", groups=32, group_width=4),
    "resnext101_32x8d": ResNetBackbone("bottleneck", R101, groups=32, group_width=8),
    "resnext101_64x4d": ResNetBackbone("bottleneck", R101, groups=64, group_width=4),
    "mobilenet_v2": MobileNetV2Backbone(),
}
"""Name of a network in :mod:`torchvision.models` -> its backbone."""

LAYERS: dict[str, dict[str, str]] = {
    "resnet_stem": {"conv.0": "conv1", "conv.1": "bn1"},
    "stem_conv": {"0": "0", "1": "1"},
    "basic_block": {
        "first.0": "conv1",
        "first.1": "bn1",
        "second.0": "conv2",
        "second.1": "bn2",
        "shortcut.0": "downsample.0",
        "shortcut.1": "downsample.1",
    },
    "bottleneck": {
        "reduce.0": "conv1",
        "reduce.1": "bn1",
        "spatial.0": "conv2",
        "spatial.1": "bn2",
        "expand.0": "conv3",
        "expand.1": "bn3",
        "shortcut.0": "downsample.0",
        "shortcut.1": "downsample.1",
    },
    "inverted_residual": {
        "expand.0": "conv.0.0",
        "expand.1": "conv.0.1",
        "depthwise.0": "conv.1.0",
        "depthwise.1": "conv.1.1",
        "project.0": "conv.2",
        "project.1": "conv.3",
    },
}
"""Kind -> name of a layer in our module -> its name in torchvision's block."""

UNEXPANDED = {
    "depthwise.0": "conv.0.0",
    "depthwise.1": "conv.0.1",
    "project.0": "conv.1",
    "project.1": "conv.2",
}
"""As the last of :data:`LAYERS`, for a block that widens nothing."""

_BLOCK = re.compile(r"(?P<stage>\w+?)(?P<group>_g\d+)?(_n\d+)?(?P<block>_b\d+|_last)")
_KINDS = ("basic_block", "bottleneck", "inverted_residual", "stem_conv")  # on boxes too
_MENTIONED = 3


def layer_names(graph: Graph, network: str) -> dict[str, dict[str, str]]:
    """Say what the layers of a graph's backbone are called in a network of torchvision.

    The last stage of a detector without pyramid, which runs on boxes, belongs to the backbone;
    each stage of a cascade has one.

    Args:
        graph: Of a detector or of a backbone; later stages may be missing, as with a pyramid of
            fewer levels.
        network: A key of :data:`NETWORKS`.

    Returns:
        Node -> layer in our module, such as ``first.0`` -> theirs, such as ``layer1.0.conv1``.

    Raises:
        CheckpointError: The backbone is another network.
    """
    official = _official_nodes(network)
    ours = {n.name: _official_name(n) for n in graph.nodes if _in_backbone(n)}
    nodes = {node.name: node for node in graph.nodes}
    _check_fit(network, {name: nodes[name] for name in ours}, ours, official)
    prefixes = _prefixes(official)
    return {
        name: {
            layer: f"{prefixes[theirs]}{end}" for layer, end in _layers(official[theirs]).items()
        }
        for name, theirs in ours.items()
    }


def imagenet_network(graph: Graph) -> str:
    """Return the network of torchvision that the backbone of a graph is.

    Raises:
        CheckpointError: It is none of them.

    Example:
        >>> from searchspaces import parse_arch
        >>> space, arch = parse_arch("zoo:FasterRCNN-R18-FPN")
        >>> imagenet_network(space.detector(arch).graph())
        'resnet18'
    """
    for network in NETWORKS:
        try:
            layer_names(graph, network)
        except CheckpointError:
            continue
        return network
    raise CheckpointError(
        "the backbone is no network that torchvision publishes ImageNet weights of; it publishes "
        f"{', '.join(NETWORKS)}, normalised by their batches; train it from nothing"
    )


def _in_backbone(node: Node) -> bool:
    return node.part == "backbone" or node.spec.kind in _KINDS


def _official_name(node: Node) -> str:
    """Return what a node is called in a plain backbone."""
    found = _BLOCK.fullmatch(node.name)
    if found is None:
        return node.name
    stage = found["stage"] if node.part == "backbone" else "backbone_s4"
    return f"{stage}{found['group'] or ''}{found['block']}"


def _official_nodes(network: str) -> dict[str, Node]:
    detector = DetectorSpec(
        (64, 64), NETWORKS[network], Fpn(), RegionProposals(), BoxHead(), num_classes=1
    )
    return {n.name: n for n in detector.graph().nodes if n.part == "backbone"}


def _prefixes(official: Mapping[str, Node]) -> dict[str, str]:
    """Return what torchvision's names of a node's layers begin with."""
    prefixes = {}
    for index, (name, node) in enumerate(official.items()):
        found = re.fullmatch(r"backbone_s(\d)_b(\d+)", name)
        if node.spec.kind == "resnet_stem":
            prefixes[name] = ""
        elif found:
            prefixes[name] = f"layer{found[1]}.{found[2]}."
        else:  # MobileNetV2 numbers all its modules in one row
            prefixes[name] = f"features.{index}."
    return prefixes


def _layers(node: Node) -> dict[str, str]:
    spec = node.spec
    if spec.kind == "inverted_residual" and (
        spec.get_int("hidden_channels") == spec.get_int("in_channels")
    ):
        return UNEXPANDED
    return LAYERS[spec.kind]


def _check_fit(
    network: str,
    nodes: Mapping[str, Node],
    ours: Mapping[str, str],
    official: Mapping[str, Node],
) -> None:
    if not nodes:
        raise CheckpointError("the graph has no backbone that weights could be loaded into")
    norms = {node.spec.get_str("norm") for node in nodes.values() if _has_norm(node)}
    if norms - {"bn"}:
        raise CheckpointError(
            f"{network}'s weights belong to batch normalisation, but the backbone has "
            f"norm={', '.join(sorted(norms))}; load them with norm='bn' and use convert_norm"
        )
    problems = _differing_depths(ours, official) or [
        f"{name} is {_written(node)}, not {_written(official[ours[name]])}"
        for name, node in nodes.items()
        if _shape(node) != _shape(official[ours[name]])
    ]
    if problems:
        more = ", ..." if len(problems) > _MENTIONED else ""
        raise CheckpointError(
            f"the weights of {network} do not fit this backbone: "
            f"{'; '.join(problems[:_MENTIONED])}{more}; torchvision's {network} is "
            f"{NETWORKS[network]}"
        )


def _written(node: Node) -> str:
    kind, params = _shape(node)
    return f"{kind}({', '.join(f'{name}={value}' for name, value in params)})"


def _has_norm(node: Node) -> bool:
    return any(name == "norm" for name, _ in node.spec.params)


def _differing_depths(ours: Mapping[str, str], official: Mapping[str, Node]) -> list[str]:
    """Compare how many blocks stand in each stage that we have at all."""
    copies = Counter(ours.values())  # a cascade has several last stages
    depths, expected = _depths(copies), _depths(official)
    return [
        f"{stage} has {_blocks(depth)} where {_blocks(expected.get(stage, 0))} belong"
        for stage, depth in depths.items()
        if depth != expected.get(stage, 0)
    ]


def _depths(names: Mapping[str, object]) -> Counter[str]:
    return Counter(re.sub(r"_b\d+$", "", name) for name in names)


def _blocks(count: int) -> str:
    return f"{count} module{'' if count == 1 else 's'}"


def _shape(node: Node) -> tuple[str, tuple[tuple[str, object], ...]]:
    """Return what decides a module's weights and their meaning; dilation and size do not."""
    return node.spec.kind, tuple(pair for pair in node.spec.params if pair[0] != "dilation")
