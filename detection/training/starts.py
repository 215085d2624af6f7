"""What weights a training starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from searchspaces import SearchSpace, SearchSpaceError, make_space

from ..counterparts import BACKBONE_PREFIX, backbone_counterparts
from ..detector import Detector
from ..errors import CheckpointError, TrainingError
from ..pretrained import load_imagenet_backbone
from ..supernet import Supernet, bank_specs
from ..torchvision_names import imagenet_network
from ..weights import load_into, load_part, read_tensors, read_weights_info

IMAGENET, SCRATCH = "imagenet", "scratch"
HOLDERS = {Supernet: "bank", Detector: "nodes"}
Made = TypeVar("Made", bound=nn.Module)


def seeded(make: Callable[[], Made], seed: int) -> Made:
    """Draw weights from a seed, without touching torch's own random numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def fresh_supernet(space: SearchSpace, seed: int) -> Supernet:
    """Return a supernet with weights drawn from a seed."""
    return seeded(lambda: Supernet(space), seed)


def require_start(wanted: str, start: str | None) -> str:
    """Return what a training starts from: ``scratch``, ``imagenet`` or a weights file.

    Args:
        wanted: ``scratch`` or ``pretrained``: the procedure's.
        start: What was asked for; ``None`` for nothing.

    Raises:
        TrainingError: The procedure wants pre-trained weights and none are named.
    """
    if start is not None:
        return start
    if wanted == SCRATCH:
        return SCRATCH
    raise TrainingError(
        "the procedure starts from a pre-trained backbone; give --weights FILE (what a "
        "pre-training wrote), --weights imagenet (torchvision's), or --weights scratch"
    )


def load_start(root: nn.Module, start: str) -> None:
    """Load the backbone of a detector or supernet; everything else stays as it was drawn.

    The size of the input may be another than the file's weights were trained at.

    Args:
        root: A :class:`Detector` or a :class:`Supernet`.
        start: ``scratch``, ``imagenet``, or a weights file of the same backbone: a pre-training's
            or another detector's; for a supernet, that of a supernet.

    Raises:
        CheckpointError: The file is missing, damaged, or of another backbone; or torchvision has
            no weights of the backbone, or they are not on this machine.
        TrainingError: Torchvision's weights are asked for in a supernet.
    """
    if start == SCRATCH:
        return
    if start == IMAGENET:
        if not isinstance(root, Detector):
            raise TrainingError(
                "torchvision has no weights of supernets; pre-train one and give --weights FILE"
            )
        load_imagenet_backbone(root, imagenet_network(root.graph))
    elif isinstance(root, Supernet):
        _load_bank(root, Path(start))
    else:
        load_part(Path(start), _backbone_of(root))


def _load_bank(supernet: Supernet, path: Path) -> None:
    """Load the backbones of a supernet from another's file, whatever its input size."""
    backbone, tensors = _backbone_of(supernet), read_tensors(path)
    names = backbone.state_dict().keys()
    if not names <= tensors.keys():
        counterparts = _counterparts(supernet, path)
        theirs = {name: _renamed(name, counterparts) for name in names}
        tensors = {name: tensors[other] for name, other in theirs.items() if other in tensors}
    load_into(backbone, {name: tensors[name] for name in names & tensors.keys()}, path)


def _counterparts(supernet: Supernet, path: Path) -> dict[str, str]:
    """Return the names of a file's backbone modules by those of the supernet's own.

    Raises:
        CheckpointError: The file holds no supernet's weights, or not all of these modules.
    """
    info = read_weights_info(path)
    if info.architecture is not None:
        raise CheckpointError(
            f"{path}: the weights of one detector, {info.space}:{info.architecture}, which lack "
            "the supernet's other paths; give what the pre-training of a supernet wrote"
        )
    try:
        space = make_space(info.space, **info.space_options)
    except SearchSpaceError as error:
        raise CheckpointError(
            f"{path}: the weights of a supernet of another input size, and its space cannot be "
            f"made here ({error}); pre-train at the input size that is trained at"
        ) from error
    found = backbone_counterparts(supernet.specs, bank_specs(space))
    wanted = [name for name in supernet.specs if name.startswith(BACKBONE_PREFIX)]
    missing = [name for name in wanted if name not in found]
    if missing:
        spec = supernet.specs[missing[0]]
        raise CheckpointError(
            f"{path}: does not fit the model: {len(missing)} of {len(wanted)} backbone modules "
            f"missing, the first is {missing[0].rpartition('__')[0]}, {spec.key}; start from a "
            "supernet of the same space and options; only sides of the input and what follows "
            f"the backbone may differ. The file is of {info.space} with "
            f"{dict(info.space_options)}"
        )
    return found


def _renamed(name: str, counterparts: Mapping[str, str]) -> str:
    """Return what a tensor of a bank is called where its module has another name."""
    holder, module, rest = name.split(".", 2)
    return f"{holder}.{counterparts[module]}.{rest}"


def _backbone_of(root: nn.Module) -> nn.Module:
    """Return the backbone's modules under the names that they have in the root."""
    holder = next(name for kind, name in HOLDERS.items() if isinstance(root, kind))
    modules = getattr(root, holder).items()
    chosen = {k: module for k, module in modules if k.startswith(BACKBONE_PREFIX)}
    backbone = nn.Module()
    backbone.add_module(holder, nn.ModuleDict(chosen))
    return backbone
