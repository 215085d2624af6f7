"""Reading every image file of a data set once: which are missing, damaged, or there twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from searchspaces import sha256_of_file

from ...errors import DatasetError
from ..images import load_image

Progress = Callable[[str, float, float], None]
CHUNK = 256  # files between two calls of the progress


@dataclass(frozen=True, slots=True)
class ImageFinding:
    """Hold what one image file is like.

    Attributes:
        hw: Its height and width, in pixels; None where it cannot be read.
        problem: Why not; empty where it can.
        sha256: Of the file; empty where only its header was read.
    """

    hw: tuple[int, int] | None
    problem: str = ""
    sha256: str = ""


def check_image_files(
    paths: Iterable[Path],
    *,
    quick: bool = False,
    threads: int = 1,
    progress: Progress | None = None,
) -> dict[Path, ImageFinding]:
    """Read image files; missing ones are left out of the result.

    Args:
        paths: The files; each is read once, however often it is named.
        quick: Whether to read headers only: sizes, but neither damage nor duplicates.
        threads: At once.
        progress: Called as ``progress(message, done, total)`` in files.
    """
    files = sorted({path for path in paths if path.is_file()})
    read = _header if quick else _whole
    findings: dict[Path, ImageFinding] = {}
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for start in range(0, len(files), CHUNK):
            chunk = files[start : start + CHUNK]
            findings.update(zip(chunk, pool.map(read, chunk), strict=True))
            if progress is not None:
                progress("checking images", len(findings), len(files))
    return findings


def same_content(findings: Mapping[Path, ImageFinding]) -> tuple[tuple[Path, ...], ...]:
    """Return the groups of files with equal bytes."""
    groups: dict[str, list[Path]] = {}
    for path, finding in findings.items():
        if finding.sha256:
            groups.setdefault(finding.sha256, []).append(path)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def size_problem(finding: ImageFinding, hw: Sequence[int] | None) -> str:
    """Return what is wrong with an image that should have a size; empty where nothing is.

    Args:
        finding: Of the image.
        hw: Height and width in the annotations; any if None.
    """
    if finding.problem or hw is None or finding.hw == tuple(hw):
        return finding.problem
    height, width = finding.hw or (0, 0)
    return f"the file is {width}x{height}, the annotations say {hw[1]}x{hw[0]}"


def _whole(path: Path) -> ImageFinding:
    digest = ""
    try:
        digest = sha256_of_file(path)
        image = load_image(path)
    except (DatasetError, OSError) as error:
        return ImageFinding(None, str(error).removeprefix(f"{path}: "), digest)
    return ImageFinding((image.height, image.width), "", digest)


def _header(path: Path) -> ImageFinding:
    try:
        with Image.open(path) as image:
            return ImageFinding((image.height, image.width))
    except Exception as error:  # on damaged files Pillow's plug-ins raise nearly anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return ImageFinding(None, f"not a readable image ({reason})")
