"""What the engine's outputs mean: from padded arrays to detections in original pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detection import Rle
from searchspaces import MASKS, OUTPUTS

from ..errors import BundleError, DetectError

SCHEMA = "detfit-postprocess"
SCHEMA_VERSION = 1
MEANING = {
    "boxes": "(batch, d, 4) float32: x1, y1, x2, y2 in input pixels, continuous pixel edges",
    "scores": "(batch, d) float32 in falling order",
    "labels": "(batch, d) int64: zero-based index into labels.json",
    "count": "(batch,) int64: rows from the count on are padding",
    "to_original": "divide x by resized width / original width, y likewise; clip to the image",
}
"""In words, for whoever reads the bundle without detfit; sizes are in preprocess.json."""

MASKS_MEANING = {
    **MEANING,
    "masks": "(batch, d, m, m) float32: probability inside of the box that it is the object's",
}
"""The same of a detector with masks."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Hold the detections of one image, best first.

    Attributes:
        boxes: (n, 4) float64, xyxy; in input or in original pixels, as the function says.
        scores: (n,) float64, 0..1.
        labels: (n,) int64, zero-based.
        masks: n masks of the original image; ``None`` without.
    """

    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    masks: tuple[Rle, ...] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, keep: npt.NDArray[np.bool_]) -> Detections:
        """Return the detections where ``keep`` (n,) is true."""
        masks = self.masks
        if masks is not None:
            masks = tuple(mask for mask, kept in zip(masks, keep.tolist(), strict=True) if kept)
        return Detections(self.boxes[keep], self.scores[keep], self.labels[keep], masks)

    def above(self, score: float) -> Detections:
        """Return the detections of at least this score."""
        return self.select(self.scores >= score)


@dataclass(frozen=True, slots=True)
class Postprocess:
    """Describe what remains to be done with an engine's outputs.

    Attributes:
        score_threshold: Detections below it are not shown unless asked for, 0..1.
        masks: Whether the engine gives masks.
    """

    score_threshold: float = 0.3
    masks: bool = False

    def __post_init__(self) -> None:
        value: object = self.score_threshold
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= self.score_threshold <= 1:
            raise BundleError(f"score_threshold must be a number in 0..1, got {value!r}")

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain JSON values with its schema version."""
        return {
            "schema": SCHEMA,
            "version": SCHEMA_VERSION,
            "outputs": MASKS_MEANING if self.masks else MEANING,
            "score_threshold": self.score_threshold,
        }

    @classmethod
    def from_json(cls, data: object) -> Postprocess:
        """Return what `to_json` described.

        Raises:
            BundleError: Another schema or version, other outputs, a missing or unknown field.
        """
        if not isinstance(data, Mapping):
            raise BundleError(f"postprocess: expected an object, got {type(data).__name__}")
        masks = data.get("outputs") == MASKS_MEANING
        meaning = MASKS_MEANING if masks else MEANING
        expected = {"schema": SCHEMA, "version": SCHEMA_VERSION, "outputs": meaning}
        for key, value in expected.items():
            if data.get(key) != value:
                raise BundleError(
                    f"postprocess: {key} {data.get(key)!r} is unknown; this detfit reads {value!r}"
                )
        if set(data) != {*expected, "score_threshold"}:
            raise BundleError(f"postprocess: missing or unknown fields in {sorted(data)}")
        return cls(data["score_threshold"], masks)


def unpad(outputs: Mapping[str, npt.NDArray[Any]], index: int) -> Detections:
    """Return the detections of image ``index`` of a batch, in input pixels.

    Args:
        outputs: ``boxes`` (B, d, 4), ``scores`` (B, d), ``labels`` (B, d), ``count`` (B,).
        index: Position in the batch.

    Raises:
        DetectError: An output is missing or of another shape, a count exceeds the rows, or a
            number is not finite.
    """
    missing = [name for name in OUTPUTS if name not in outputs]
    if missing:
        raise DetectError(f"the engine does not give {', '.join(missing)}, only {list(outputs)}")
    _check_shapes(outputs)
    count = int(outputs["count"][index])
    if not 0 <= count <= outputs["scores"].shape[1]:
        raise DetectError(f"the engine counts {count} of {outputs['scores'].shape[1]} detections")
    boxes = outputs["boxes"][index, :count].astype(np.float64)
    scores = outputs["scores"][index, :count].astype(np.float64)
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise DetectError("the engine gives boxes or scores that are not finite numbers")
    return Detections(boxes, scores, outputs["labels"][index, :count].astype(np.int64))


def unpad_masks(
    outputs: Mapping[str, npt.NDArray[Any]], index: int, count: int
) -> npt.NDArray[np.float64] | None:
    """Return the masks of image ``index`` of a batch, inside of their boxes; ``None`` without.

    Args:
        outputs: ``masks`` (B, d, m, m), if the detector gives them, beside the others.
        index: Position in the batch.
        count: Detections of the image.

    Raises:
        DetectError: The masks are of another shape, or a number is not finite.
    """
    if MASKS not in outputs:
        return None
    masks = outputs[MASKS]
    if masks.ndim != 4 or masks.shape[:2] != outputs["scores"].shape:
        raise DetectError(f"the engine's masks are not (B, d, m, m): they are {masks.shape}")
    used = masks[index, :count].astype(np.float64)
    if not np.isfinite(used).all():
        raise DetectError("the engine gives masks that are not finite numbers")
    return used


def _check_shapes(outputs: Mapping[str, npt.NDArray[Any]]) -> None:
    shapes = {name: outputs[name].shape for name in OUTPUTS}
    batch, rows = shapes["scores"] if len(shapes["scores"]) == 2 else (-1, -1)
    expected = {
        "boxes": (batch, rows, 4),
        "scores": (batch, rows),
        "labels": (batch, rows),
        "count": (batch,),
    }
    if shapes != expected:
        raise DetectError(
            "the engine's outputs are no detections: expected boxes (B, d, 4), scores (B, d), "
            f"labels (B, d) and count (B,), got {shapes}"
        )
