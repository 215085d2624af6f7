"""What weights a training starts from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from searchspaces import SearchSpace

from ..detector import Detector
from ..errors import TrainingError
from ..pretrained import load_imagenet_backbone
from ..supernet import Supernet
from ..torchvision_names import imagenet_network
from ..weights import load_part

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

    Args:
        root: A :class:`Detector` or a :class:`Supernet`.
        start: ``scratch``, ``imagenet``, or a weights file of the same backbone: a pre-training's
            or another detector's.

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
        return
    load_part(Path(start), _backbone_of(root))


def _backbone_of(root: nn.Module) -> nn.Module:
    """Return the backbone's modules under the names that they have in the root."""
    holder = next(name for kind, name in HOLDERS.items() if isinstance(root, kind))
    modules = getattr(root, holder).items()
    backbone = nn.Module()
    backbone.add_module(
        holder, nn.ModuleDict({k: module for k, module in modules if k.startswith("backbone_")})
    )
    return backbone
