"""The torch side of a bundle: the detector built again from its description and weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from detection import Detector, Preprocess, WeightsInfo, load_weights
from engines import TorchModel
from searchspaces import DetectorSpec, SearchSpaceError, parse_arch

from ..bundle.bundle import Bundle
from ..errors import VerificationError
from ..records.engine import Origin
from .reference import PREPROCESS_NOTE


def spec_of(origin: Origin) -> DetectorSpec:
    """Return the detector that a bundle's origin describes.

    Raises:
        VerificationError: This version does not know the space, its options or the code.
    """
    try:
        space, architecture = parse_arch(origin.arch, **origin.options)
    except SearchSpaceError as error:
        raise VerificationError(f"cannot build {origin.arch} again: {error}") from error
    return space.detector(architecture)


def load_detector(origin: Origin, weights: str | Path) -> Detector:
    """Build a detector and load its weights.

    Raises:
        VerificationError: The architecture is unknown here.
        CheckpointError: The weights cannot be read, or are those of another network.
    """
    detector = Detector(spec_of(origin))
    load_weights(weights, detector)
    return detector.eval()


def weights_info(
    origin: Origin, labels: tuple[str, ...], preprocess: Preprocess | None = None
) -> WeightsInfo:
    """Return what a bundle's weights belong to, for the head of their file.

    Args:
        origin: The network.
        labels: Class names by label.
        preprocess: What the weights were trained with; training's usual one if ``None``.
    """
    space, _, code = origin.arch.partition(":")
    notes: dict[str, Any] = {} if origin.seed is None else {"seed": origin.seed}
    if preprocess is not None:
        notes[PREPROCESS_NOTE] = preprocess.to_json()
    return WeightsInfo(
        space=space,
        num_classes=len(labels),
        architecture=code,
        space_options=dict(origin.options),
        label_names=labels,
        notes=notes,
    )


def origin_of(info: WeightsInfo) -> Origin:
    """Return the origin that a weights file's head tells.

    Raises:
        VerificationError: They are a supernet's.
    """
    if info.architecture is None:
        raise VerificationError(
            f"these are the weights of a whole supernet of {info.space}; "
            "train one architecture first: detfit train"
        )
    options = {  # as they come from JSON, where tuples are lists
        name: tuple(value) if isinstance(value, list) else value
        for name, value in info.space_options.items()
    }
    return Origin(f"{info.space}:{info.architecture}", options, _seed(info.notes))


def torch_model(bundle: Bundle, inputs: Mapping[str, npt.NDArray[Any]]) -> TorchModel:
    """Return a bundle's network as a model for the torch engine.

    Raises:
        VerificationError: The architecture is unknown here.
        CheckpointError: The weights are those of another network.
    """
    origin = bundle.manifest.origin
    detector = load_detector(origin, bundle.weights_path)
    return TorchModel(detector, inputs, detector.spec.output_names, name=origin.arch)


def _seed(notes: Mapping[str, Any]) -> int | None:
    """Return the seed that a bundle's weights, or those of a training run, have in their notes."""
    config = notes.get("config")
    seed = notes.get("seed", config.get("seed") if isinstance(config, Mapping) else None)
    return seed if isinstance(seed, int) else None
