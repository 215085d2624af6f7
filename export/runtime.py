"""Detect with a bundle on a device that has NumPy, Pillow and the engine's package, and no more.

    from export.runtime import load

    with load("bundle") as detector:
        for found in detector(["street.jpg"]):
            print(found.names, found.scores, found.boxes)

Neither torch, torchvision, onnx nor pydantic is loaded: ``pip install --no-deps detfit`` beside
numpy, pillow and onnxruntime (or openvino, or tensorrt) is the whole installation. What is found
is what ``detfit detect`` finds: it goes the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from detection import Rle, decode_rle, load_image
from engines import Closing

from .bundle.postprocess import Detections
from .bundle.runnable import Runnable, runnable_by
from .errors import DetectError
from .running.session import Session

if TYPE_CHECKING:
    from engines import Engine

ImageLike = str | Path | Image.Image | npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Hold what was found in one image, best first.

    Attributes:
        boxes: (n, 4) float64, x1, y1, x2, y2 in the image's own pixels, clipped to it.
        scores: (n,) float64, 0..1.
        labels: (n,) int64, positions in the detector's ``labels``.
        names: n class names.
        masks: n masks at the image's own size, in COCO's run lengths; ``None`` from a detector
            without masks.
    """

    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    names: tuple[str, ...]
    masks: tuple[Rle, ...] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def mask(self, index: int) -> npt.NDArray[np.bool_]:
        """Return one object's pixels, (height, width) of the image.

        Raises:
            DetectError: The detector gives no masks.
        """
        if self.masks is None:
            raise DetectError("this detector gives no masks")
        return decode_rle(self.masks[index])


class BundleDetector(Closing):
    """Detect objects with a bundle's engine; a context manager, and a function of images.

    Made by :func:`load`.

    Attributes:
        bundle: What was read of the bundle.
        labels: Class names by label.
        score_threshold: Least score of an object, unless a call asks for another.
    """

    def __init__(self, bundle: Runnable, session: Session[Engine]) -> None:
        self.bundle = bundle
        self.labels = bundle.labels
        self.score_threshold = bundle.postprocess.score_threshold
        self._session = session

    def __call__(
        self, images: ImageLike | Sequence[ImageLike], *, score_threshold: float | None = None
    ) -> list[Found]:
        """Detect objects in images of any sizes, in batches of the engine's size.

        Args:
            images: One image or several: a file, which is turned upright as its EXIF orientation
                says, a Pillow image, or (h, w, 3) RGB or (h, w) grey uint8.
            score_threshold: Objects below it are left out; ``None`` takes the bundle's own.

        Returns:
            One entry per image.

        Raises:
            DetectError: The threshold is out of range, or an array is no such image.
            DetectionError: An image cannot be read.
        """
        threshold = self.score_threshold if score_threshold is None else score_threshold
        if not 0 <= threshold <= 1:
            raise DetectError(f"score_threshold must lie in 0..1, got {threshold}")
        if isinstance(images, str | Path | Image.Image | np.ndarray):
            images = [images]
        batch = self._session.batch
        found: list[Found] = []
        for start in range(0, len(images), batch):
            opened = [_open(image) for image in images[start : start + batch]]
            for detections in self._session.detect_batch(opened):
                found.append(self._named(detections.above(threshold)))
        return found

    def close(self) -> None:
        """Free the engine; the detector cannot be used afterwards."""
        self._session.close()

    def _named(self, found: Detections) -> Found:
        names = tuple(self.labels[label] for label in found.labels.tolist())
        return Found(found.boxes, found.scores, found.labels, names, found.masks)


def load(
    bundle: str | Path,
    *,
    engine: str | None = None,
    threads: int | None = None,
    verified_only: bool = True,
) -> BundleDetector:
    """Check every file of a bundle and load its engine.

    Args:
        bundle: The folder.
        engine: The engine that is expected; the bundle's own if ``None``.
        threads: CPU threads; those that it was measured with if ``None``.
        verified_only: Refuse what the bundle's certificates do not cover: another engine, another
            runtime version, another processor architecture or GPU.

    Raises:
        BundleError: It is no whole and unchanged bundle, or not one for this machine.
        EngineError: The engine's package is missing, or refuses the model.
    """
    ready = runnable_by(bundle, engine, verified_only=verified_only)
    if threads is not None:
        ready = replace(ready, engine=replace(ready.engine, threads=threads))
    return BundleDetector(ready, Session.open(ready, verified_only=verified_only))


def _open(image: ImageLike) -> Image.Image:
    if isinstance(image, str | Path):
        return load_image(image, apply_exif=True)
    if isinstance(image, Image.Image):
        return image
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise DetectError(f"an image is a file, a Pillow image or a uint8 array, got {kind}")
    if image.ndim != 2 and (image.ndim != 3 or image.shape[2] != 3):
        raise DetectError(f"an array must be (h, w, 3) RGB or (h, w) grey, got {image.shape}")
    return Image.fromarray(image)
