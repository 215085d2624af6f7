"""Torchvision's ImageNet weights in a detector's backbone, by their official names.

Nothing is fetched unless asked for: the files are looked for where torchvision itself keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision import models

from searchspaces import sha256_of_file

from .errors import CheckpointError
from .graph_module import GraphModule
from .torchvision_names import NETWORKS, layer_names
from .weights import load_into, read_foreign_tensors

UNPUBLISHED = {
    "resnext101_32x4d": "torchvision publishes ResNeXt-101 as 32x8d and 64x4d only, whose "
    "convolutions are wider; train a 32x4d from scratch, or load another program's checkpoint "
    "with load_foreign_weights",
}


@dataclass(frozen=True, slots=True)
class OfficialWeights:
    """Name weights that torchvision publishes.

    Attributes:
        name: Torchvision's, such as ``ResNet50_Weights.IMAGENET1K_V2``.
        network: Torchvision's name of the network, such as ``resnet50``.
        url: Where they are published.
    """

    name: str
    network: str
    url: str

    @property
    def file_name(self) -> str:
        """Return the published file's name, such as ``resnet50-11ad3fa6.pth``."""
        return self.url.rpartition("/")[2]

    @property
    def sha256_prefix(self) -> str:
        """Return the first digits of the file's SHA-256, which its name carries."""
        return self.file_name.rpartition("-")[2].removesuffix(".pth")


def official_weights(weights: str) -> OfficialWeights:
    """Look up weights that torchvision publishes.

    Args:
        weights: A network (``resnet50``: the newest weights), a name of torchvision's
            (``ResNet50_Weights.IMAGENET1K_V1``) or a file name (``resnet50-0676ba61.pth``).

    Raises:
        CheckpointError: There are no such weights; the message lists what there is.

    Example:
        >>> official_weights("ResNet50_Weights.IMAGENET1K_V1").file_name
        'resnet50-0676ba61.pth'
    """
    if weights in UNPUBLISHED:
        raise CheckpointError(f"there are no official {weights} weights: {UNPUBLISHED[weights]}")
    names: dict[str, OfficialWeights] = {}
    for network in NETWORKS:
        versions = models.get_model_weights(network)
        for version in versions:
            found = OfficialWeights(str(version), network, version.url)
            names |= {found.name: found, found.file_name: found}
            if version is versions.DEFAULT:
                names[network] = found
    if weights not in names:
        raise CheckpointError(
            f"{weights!r} names no ImageNet weights that a backbone can take; known: "
            f"{', '.join(names)}"
        )
    return names[weights]


def load_imagenet_backbone(
    detector: GraphModule,
    weights: str = "resnet50",
    file: str | Path | None = None,
    *,
    download: bool = False,
    verify: bool = True,
) -> Path:
    """Load torchvision's ImageNet weights into the backbone of a detector.

    Dilations may differ from the network's, as they do in CR-NAS: they leave the weights' shapes
    as they are. Depths and widths may not. The images must be RGB, normalised with ImageNet's
    mean and deviation, as :class:`detection.Preprocess` does by default.

    Args:
        detector: Or any graph that holds a backbone.
        weights: See :func:`official_weights`.
        file: The file or its folder; by default ``checkpoints`` in torch's hub folder, where
            torchvision keeps it too.
        download: Whether to fetch a file that is not there.
        verify: Whether the file must be the published one, by its SHA-256. Turn it off for one's
            own checkpoint of the same network.

    Returns:
        The file that was read.

    Raises:
        CheckpointError: There are no such weights, the file is absent, damaged or another one,
            or the backbone is another network; the detector is then unchanged.
    """
    official = official_weights(weights)
    names = layer_names(detector.graph, official.network)
    path = _locate(official, file)
    if not path.is_file():
        _fetch(official, path, download)
    if verify:
        _verify(official, path)
    tensors = read_foreign_tensors(path)
    holder = nn.ModuleDict({name: detector.nodes[name] for name in names})
    load_into(holder, _renamed(holder, names, tensors), path)
    return path


def _locate(official: OfficialWeights, file: str | Path | None) -> Path:
    if file is None:
        return Path(torch.hub.get_dir()) / "checkpoints" / official.file_name
    path = Path(file)
    return path / official.file_name if path.is_dir() else path


def _fetch(official: OfficialWeights, path: Path, download: bool) -> None:
    """Download a file that is absent, or say where it can be had."""
    if not download:
        raise CheckpointError(
            f"{path}: no such file. {official.name} is published at {official.url}; copy it "
            "there, give its place as file=..., or pass download=True"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(
            official.url, str(path), official.sha256_prefix, progress=False
        )
    except (OSError, HTTPException, RuntimeError) as error:
        raise CheckpointError(
            f"{official.name} could not be downloaded from {official.url} ({error}); offline, "
            f"copy the file to {path}"
        ) from error


def _verify(official: OfficialWeights, path: Path) -> None:
    digest = sha256_of_file(path)
    if not digest.startswith(official.sha256_prefix):
        raise CheckpointError(
            f"{path}: its SHA-256 begins with {digest[:8]}, that of {official.name} with "
            f"{official.sha256_prefix}; copy it again from {official.url}, or pass verify=False "
            "to load another checkpoint of the same network"
        )


def _renamed(
    holder: nn.ModuleDict, names: dict[str, dict[str, str]], tensors: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Give the tensors our names; a counter that old files lack begins at zero."""
    renamed = {}
    for ours, present in holder.state_dict().items():
        node, _, inner = ours.partition(".")
        layer, _, tensor = inner.rpartition(".")
        theirs = f"{names[node][layer]}.{tensor}"
        if theirs in tensors:
            renamed[ours] = tensors[theirs]
        elif tensor == "num_batches_tracked":
            renamed[ours] = torch.zeros_like(present)
    return renamed
