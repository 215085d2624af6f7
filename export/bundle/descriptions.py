"""The small files that say how a bundle's engine is fed and read: JSON beside the manifest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detection import DetectionError, Preprocess

from ..errors import BundleError
from ..files import json_bytes
from .integrity import LABELS, MANIFEST, POSTPROCESS, PREPROCESS
from .postprocess import Postprocess
from .strict_json import strict_json

LABELS_SCHEMA = "detfit-labels"
LABELS_VERSION = 1

MAX_INPUT_BYTES = 16 << 30
"""Of one batch of images; more is no setting but damage."""

_FLOAT32_BYTES = 4

Descriptions = tuple[Preprocess, Postprocess, tuple[str, ...]]


def read_descriptions(path: Path, values: Mapping[str, Any], batch: int) -> Descriptions:
    """Return preprocessing, postprocessing and labels of a bundle whose files were checked.

    Args:
        path: The bundle's folder.
        values: The manifest's fields.
        batch: Images per run of the engine.

    Raises:
        BundleError: One of them is damaged, of an unknown version, or contradicts the manifest.
    """
    preprocess = _read_preprocess(path / PREPROCESS)
    postprocess = Postprocess.from_json(_read_json(path / POSTPROCESS))
    labels = _read_labels(path / LABELS)
    told = (list(preprocess.input_hw), len(labels))
    if told != (values.get("input_hw"), values.get("num_classes")):
        raise BundleError(
            f"{path}: {MANIFEST} says input {values.get('input_hw')} and "
            f"{values.get('num_classes')} classes, {PREPROCESS} says {told[0]} and {LABELS} lists "
            f"{told[1]}"
        )
    if input_bytes(batch, preprocess.input_hw) > MAX_INPUT_BYTES:
        raise BundleError(
            f"{path}: {batch} images of {told[0]} pixels (height, width) have more than "
            f"{MAX_INPUT_BYTES} bytes"
        )
    return preprocess, postprocess, labels


def input_bytes(batch: int, input_hw: tuple[int, int]) -> int:
    """Return the bytes of one batch of images as the engine takes them."""
    return 3 * _FLOAT32_BYTES * batch * math.prod(input_hw)


def labels_bytes(labels: tuple[str, ...]) -> bytes:
    """Return the content of ``labels.json``."""
    return json_bytes({"schema": LABELS_SCHEMA, "version": LABELS_VERSION, "labels": list(labels)})


def _read_json(path: Path) -> Any:
    return strict_json(path.read_bytes(), str(path))


def _read_preprocess(path: Path) -> Preprocess:
    values = _read_json(path)
    try:
        return Preprocess.from_json(values)
    except DetectionError as error:
        raise BundleError(f"{path}: {error}") from error


def _read_labels(path: Path) -> tuple[str, ...]:
    data = _read_json(path)
    if not isinstance(data, dict) or set(data) != {"schema", "version", "labels"}:
        raise BundleError(f"{path}: expected an object with schema, version and labels")
    if (data["schema"], data["version"]) != (LABELS_SCHEMA, LABELS_VERSION):
        raise BundleError(
            f"{path}: schema {data['schema']!r} version {data['version']!r} is unknown; this "
            f"detfit reads {LABELS_SCHEMA!r} version {LABELS_VERSION}"
        )
    labels = data["labels"]
    texts = isinstance(labels, list) and all(isinstance(name, str) for name in labels)
    if not texts or not labels or len(set(labels)) != len(labels):
        raise BundleError(f"{path}: labels must be different texts, at least one")
    odd = [name for name in labels if not name.isprintable()]
    if odd:
        raise BundleError(f"{path}: a label must be printable, got {odd[0][:80]!a}")
    return tuple(labels)
