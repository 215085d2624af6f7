"""One detector with another kind of normalisation.

Source: SM-NAS (Yao et al., AAAI 2020), stage two: group normalisation and standardised weights
train quickly from scratch; the found network goes back to batch normalisation.
"""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from searchspaces import DetectorSpec, Node

from .detector import Detector
from .errors import BuildError

CONVERTIBLE = ("bn", "gn", "gn_ws")
NORM_LAYERS = (nn.BatchNorm2d, nn.GroupNorm)


def convert_norm(detector: Detector, norm: str | DetectorSpec) -> Detector:
    """Return a detector of the same architecture with another normalisation and copied weights.

    Weights, biases, scales and shifts are copied. Convolutions leaving ``gn_ws`` get the
    standardised weights that they computed with, so that ``gn_ws`` to ``gn`` changes no output.
    Group and batch normalisation compute different things: between them outputs change, and the
    converted detector is a beginning for training. What has no counterpart starts fresh: the
    statistics of batch normalisation (mean 0, variance 1; train, or run
    :func:`detection.recalibrate_bn`), and a layer that is normalised on one side only, which is
    drawn from torch's global generator.

    Args:
        detector: Stays as it is; shared weights are copied.
        norm: ``bn``, ``gn`` or ``gn_ws`` (group normalisation, standardised weights) for the
            backbone alone; or the whole detector that is wanted, where other parts change too.

    Raises:
        BuildError: The normalisation is unknown, the backbone has none that could change, or
            the wanted detector differs in more than its normalisation.

    Example:
        >>> from searchspaces import CodedBackbone, Fpn, RetinaNetHead
        >>> backbone = CodedBackbone("basicblock", 48, ("1", "2", "2", "2"), norm="gn_ws")
        >>> head = RetinaNetHead(16, num_convs=1)
        >>> spec = DetectorSpec((64, 64), backbone, Fpn(16), None, head, 3)
        >>> convert_norm(Detector(spec), "bn").spec.backbone.norm
        'bn'
    """
    spec = norm if isinstance(norm, DetectorSpec) else _with_backbone_norm(detector.spec, norm)
    converted = Detector(spec, loss_config=detector.loss_config)
    _check_alike(detector, converted)
    converted.to(next(detector.parameters()).device)
    targets = dict(converted.named_modules())
    for name, layer in detector.named_modules():
        if name in targets and "parametrizations" not in name.split("."):
            _copy(layer, targets[name])
    return converted.train(detector.training)


def _with_backbone_norm(spec: DetectorSpec, norm: str) -> DetectorSpec:
    if norm not in CONVERTIBLE:
        raise BuildError(f"norm must be one of {', '.join(CONVERTIBLE)}, got {norm!r}")
    if "norm" not in {field.name for field in fields(spec.backbone)}:  # type: ignore[arg-type]
        raise BuildError(
            f"{type(spec.backbone).__name__} has no field norm that could change; give the whole "
            "detector that is wanted instead of a norm"
        )
    return replace(spec, backbone=replace(spec.backbone, norm=norm))  # type: ignore[type-var]


def _check_alike(a: Detector, b: Detector) -> None:
    """Check that two detectors have the same modules, whatever their normalisation."""
    if [n.name for n in a.graph.nodes] != [n.name for n in b.graph.nodes]:
        differing = {n.name for n in a.graph.nodes} ^ {n.name for n in b.graph.nodes}
        raise BuildError(
            f"the detectors differ in more than normalisation: {', '.join(sorted(differing)[:3])} "
            "belong to one of them only"
        )
    for mine, theirs in zip(a.graph.nodes, b.graph.nodes, strict=True):
        if _without_norm(mine) != _without_norm(theirs):
            raise BuildError(
                f"the detectors differ in more than normalisation: {mine.name} is "
                f"{mine.spec.key} in one and {theirs.spec.key} in the other"
            )


def _without_norm(node: Node) -> tuple[object, ...]:
    params = tuple(pair for pair in node.spec.params if pair[0] != "norm")
    return node.spec.kind, params, node.spec.inputs


@torch.no_grad()
def _copy(layer: nn.Module, target: nn.Module) -> None:
    """Copy what a layer itself holds, not its children, where the target holds it too."""
    if isinstance(layer, nn.Conv2d) and isinstance(target, nn.Conv2d):
        if (layer.bias is None) == (target.bias is None):
            _copy_conv(layer, target)
    elif isinstance(layer, NORM_LAYERS) and isinstance(target, NORM_LAYERS):
        same = type(layer) is type(target)
        _copy_tensors(layer, target, None if same else ("weight", "bias"))
    elif type(layer) is type(target):
        _copy_tensors(layer, target)


def _copy_conv(layer: nn.Conv2d, target: nn.Conv2d) -> None:
    if _standardised(layer) and _standardised(target):
        _own_weight(target).copy_(_own_weight(layer))
    else:  # the weight that the layer computes with
        _own_weight(target).copy_(layer.weight)
    if layer.bias is not None and target.bias is not None:
        target.bias.copy_(layer.bias)


def _standardised(layer: nn.Conv2d) -> bool:
    return parametrize.is_parametrized(layer, "weight")


def _own_weight(layer: nn.Conv2d) -> Tensor:
    """Return what is trained: the weight, before any standardisation."""
    return layer.get_parameter(
        "parametrizations.weight.original" if _standardised(layer) else "weight"
    )


def _copy_tensors(
    layer: nn.Module, target: nn.Module, names: tuple[str, ...] | None = None
) -> None:
    targets = dict(target.named_parameters(recurse=False))
    targets |= dict(target.named_buffers(recurse=False))  # type: ignore[arg-type]
    for name, value in chain(
        layer.named_parameters(recurse=False), layer.named_buffers(recurse=False)
    ):
        if name in targets and (names is None or name in names):
            targets[name].copy_(value)
