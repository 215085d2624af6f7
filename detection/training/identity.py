"""What tells a training from others beside its settings: what is trained, and from what.

A checkpoint holds it, so that only the same training goes on from there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from searchspaces import Architecture, DetectorSpec, SearchSpace

from ..data.annotations import CocoAnnotations
from ..data.coco import CocoDataset
from ..data.image_folder import ClassifiedImages
from .classifier import LabelledImages

DIGITS = 16  # of a hash, which a message has to show


def target_name(space: SearchSpace, arch: Architecture | None) -> str:
    """Return an architecture as on the command line; the space's name for its supernet."""
    return space.name if arch is None else f"{space.name}:{space.encode(arch)}"


def target_identity(
    space: SearchSpace,
    arch: Architecture | None,
    options: Mapping[str, Any],
    spec: DetectorSpec,
) -> dict[str, Any]:
    """Return what is trained, as plain values by name.

    An option that says what the space does anyway is left out: it may be said or not.

    Args:
        space: Where the architecture lies.
        arch: What is trained; ``None`` for the supernet.
        options: What the space was made with.
        spec: The detector, or any of the supernet's.
    """
    usual = _defaults(space)
    told = {
        name: value
        for name, value in options.items()
        if name not in usual or _as_tuple(value) != usual[name]
    }
    sizes = {"input_hw": spec.input_hw, "num_classes": spec.num_classes}
    return {"target": target_name(space, arch), "options": {**told, **sizes}}


def data_identity(dataset: object) -> dict[str, str]:
    """Return a hash of what is learnt from, wherever its folder lies.

    Annotations or labels count, pixels do not. Of data of other kinds nothing is known.

    Args:
        dataset: As for :func:`detection.train`.
    """
    if isinstance(dataset, CocoDataset):
        return {"data": _sha256_of_annotations(dataset.annotations)}
    if isinstance(dataset, LabelledImages):
        return {"data": _sha256_of_labels(dataset.dataset.images)}
    return {}


def _sha256_of_annotations(annotations: CocoAnnotations) -> str:
    """Hash what training sees: ids and sizes of the images, and their objects."""
    table = annotations.objects
    sizes = [(image.id, image.height, image.width) for image in annotations.images]
    digest = hashlib.sha256(np.array(sizes, "<i8").tobytes())
    for column, kind in (
        (table.image_index, "<i8"),
        (table.labels, "<i8"),
        (table.boxes, "<f8"),
        (table.ignored, "?"),
    ):
        digest.update(np.ascontiguousarray(column, kind).tobytes())
    for segment in () if table.segments is None else table.segments:
        digest.update(segment.encode())
    return digest.hexdigest()[:DIGITS]


def _sha256_of_labels(images: ClassifiedImages) -> str:
    """Hash the names of classified images below their folder, and their labels."""
    digest = hashlib.sha256()
    for name, label in images.files:
        digest.update(f"{name}\0{label}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:DIGITS]


def _defaults(space: Any) -> dict[str, Any]:
    """Return what a space is made with where nothing is said, as far as it tells."""
    return {item.name: item.default for item in fields(space)} if is_dataclass(space) else {}


def _as_tuple(value: Any) -> Any:
    """Return a list, as JSON gives it, as the tuple that a space is made with."""
    return tuple(value) if isinstance(value, list) else value
