"""Detect objects in photographs with a bundle, and draw what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from detection import DetectionError, Rle, load_image
from engines import Engine

from ..bundle.postprocess import Detections
from ..bundle.runnable import Runnable, runnable_by
from ..errors import DetectError
from ..files import json_bytes, write_atomically
from .drawing import draw
from .outputs import RESULTS, target_files, write_drawing
from .session import Session

Progress = Callable[[str, float, float], None]
Job = tuple[Path, Path | None]
"""An image file, and the file to draw it into."""

RESULTS_SCHEMA = "detfit-detections"
RESULTS_VERSION = 1


@dataclass(frozen=True, slots=True)
class FoundObject:
    """Describe one object.

    Attributes:
        label: Class name.
        score: 0..1.
        box: x1, y1, x2, y2 in the image's pixels.
        mask: Its pixels as COCO's run-length encoding; ``None`` without masks.
    """

    label: str
    score: float
    box: tuple[float, float, float, float]
    mask: Rle | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; the mask only where there is one."""
        values = {"label": self.label, "score": self.score, "box": list(self.box)}
        return values if self.mask is None else {**values, "mask": dict(self.mask)}


@dataclass(frozen=True, slots=True)
class ImageResult:
    """Hold what was found in one image file.

    Attributes:
        image: The image file.
        drawn: The file with the boxes drawn in; ``None`` where nothing was to be drawn.
        objects: The objects, best first.
        error: Why nothing could be detected; empty where something could.
    """

    image: Path
    drawn: Path | None
    objects: tuple[FoundObject, ...]
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "image": str(self.image),
            "drawn": None if self.drawn is None else str(self.drawn),
            "objects": [item.to_dict() for item in self.objects],
            "error": self.error,
        }


def detect_image(
    source: Runnable | Session[Any] | str | Path, image_path: str | Path
) -> Detections:
    """Detect objects in one image file, turned upright as its EXIF orientation says.

    Args:
        source: A bundle, its folder, or an open session (faster for many images).
        image_path: The image.

    Returns:
        Detections with boxes in the upright image's pixels, best first.

    Raises:
        DetectionError: The image is missing or unreadable.
        BundleError: The bundle cannot be used.
    """
    image = load_image(image_path, apply_exif=True)
    if isinstance(source, Session):
        return source.detect(image)
    with Session.open(source) as session:
        return session.detect(image)


def detect_files(
    source: Runnable | str | Path,
    paths: Sequence[str | Path],
    out_dir: str | Path | None = None,
    *,
    score_threshold: float | None = None,
    engine: str | None = None,
    verified_only: bool = True,
    progress: Progress | None = None,
) -> list[ImageResult]:
    """Detect objects in image files; draw them and list them in ``detections.json``.

    An image that cannot be read is a result with its error; the others are still detected on.
    Where none can be read, that is an error and nothing is written.

    Args:
        source: A bundle or its folder.
        paths: Image files.
        out_dir: Folder for the drawn images and the list; made if missing. ``None`` writes
            nothing. Files of earlier calls are replaced, the given images never.
        score_threshold: Objects below it are left out; ``None`` takes the bundle's own.
        engine: Engine to run the ONNX model, which needs no torch; the bundle's own if ``None``.
        verified_only: Refuse a bundle where its certificates do not cover this machine.
        progress: Called as ``progress(message, done, total)`` in images.

    Returns:
        One result per path, in their order.

    Raises:
        DetectError: No image is given or none can be read, or the threshold is out of range.
        ExportError: The output cannot be written.
        BundleError: The bundle cannot be used, or `out_dir` lies in a bundle.
    """
    if not paths:
        raise DetectError("name at least one image")
    if score_threshold is not None and not 0 <= score_threshold <= 1:
        raise DetectError(f"score_threshold must lie in 0..1, got {score_threshold}")
    folder = None if out_dir is None else Path(out_dir)
    sources = [Path(path) for path in paths]
    jobs = list(zip(sources, target_files(sources, folder), strict=True))
    if engine is not None:
        place = source.path if isinstance(source, Runnable) else source
        source = runnable_by(place, engine, verified_only=verified_only)
    results: list[ImageResult] = []
    with Session.open(source, verified_only=verified_only) as session:
        default = session.postprocess.score_threshold
        threshold = default if score_threshold is None else score_threshold
        for start in range(0, len(jobs), session.batch):
            results += _detect_some(session, jobs[start : start + session.batch], threshold)
            if progress is not None:
                progress(f"detecting in {results[-1].image.name}", len(results), len(jobs))
    if all(result.error for result in results):
        raise DetectError(results[0].error)
    if folder is not None:
        write_atomically(folder / RESULTS, _results_bytes(results, threshold))
    return results


def objects_of(detections: Detections, labels: Sequence[str]) -> tuple[FoundObject, ...]:
    """Return detections by name."""
    found = []
    masks = [None] * len(detections) if detections.masks is None else detections.masks
    for box, score, label, mask in zip(
        detections.boxes.tolist(),
        detections.scores.tolist(),
        detections.labels.tolist(),
        masks,
        strict=True,
    ):
        x1, y1, x2, y2 = (round(value, 2) for value in box)
        found.append(FoundObject(labels[label], round(score, 4), (x1, y1, x2, y2), mask))
    return tuple(found)


def _detect_some(
    session: Session[Engine], jobs: Sequence[Job], threshold: float
) -> list[ImageResult]:
    """Detect in at most a batch of images; those that cannot be read do not stop the others."""
    opened = [_opened(path) for path, _ in jobs]
    images = [image for image in opened if isinstance(image, Image.Image)]
    found = iter(session.detect_batch(images) if images else ())
    results = []
    for (path, target), image in zip(jobs, opened, strict=True):
        if isinstance(image, DetectionError):
            results.append(ImageResult(path, None, (), str(image)))
            continue
        detections = next(found).above(threshold)
        if target is not None:
            write_drawing(target, draw(image, detections, session.labels))
        results.append(ImageResult(path, target, objects_of(detections, session.labels)))
    return results


def _opened(path: Path) -> Image.Image | DetectionError:
    if path.is_dir():
        return DetectionError(f"{path} is a folder; name the image files in it")
    try:
        return load_image(path, apply_exif=True)
    except DetectionError as error:
        return error


def _results_bytes(results: Sequence[ImageResult], threshold: float) -> bytes:
    return json_bytes(
        {
            "schema": RESULTS_SCHEMA,
            "version": RESULTS_VERSION,
            "score_threshold": threshold,
            "results": [result.to_dict() for result in results],
        }
    )
