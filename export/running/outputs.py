"""The files that detections are written to: drawn photographs and a list."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..bundle.place import refuse_inside_bundle
from ..errors import DetectError
from ..files import check_writable, write_atomically

RESULTS = "detections.json"
JPEG_QUALITY = 92


def target_files(sources: Sequence[Path], folder: Path | None) -> list[Path | None]:
    """Name one new file per image; images of one name in several folders are numbered.

    Args:
        sources: The images.
        folder: Where their drawings go; ``None`` draws nothing.

    Raises:
        DetectError: A drawing would replace one of the images.
        BundleError: The folder lies in a bundle.
        ExportError: Nothing can be written there.
    """
    if folder is None:
        return [None] * len(sources)
    refuse_inside_bundle(folder)
    check_writable(folder / RESULTS)
    used: dict[str, int] = {}
    targets: list[Path | None] = []
    for path in sources:
        used[path.stem] = used.get(path.stem, 0) + 1
        number = f"-{used[path.stem]}" if used[path.stem] > 1 else ""
        targets.append(folder / f"{path.stem}-detected{number}.jpg")
    originals = {path.resolve() for path in sources}
    clash = [target for target in targets if target is not None and target.resolve() in originals]
    if clash:
        raise DetectError(f"{clash[0]} is one of the given images; name another output folder")
    return targets


def write_drawing(path: Path, image: Image.Image) -> None:
    """Write a drawn photograph; its folder is made if it is missing.

    Raises:
        DetectError: The folder cannot be made.
        ExportError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DetectError(f"cannot make the folder {path.parent}: {error.strerror}") from error
    write_atomically(path, jpeg_bytes(image))


def jpeg_bytes(image: Image.Image) -> bytes:
    """Return an RGB image as a JPEG file of good quality."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
