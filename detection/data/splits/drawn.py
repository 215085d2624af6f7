"""Splits drawn at random from others, saved as small files beside the data.

``splits/NAME.json`` in the data folder names the images of a drawn split by the splits that they
are of; annotations and photographs are not copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import DatasetError
from ..annotations import CocoAnnotations
from ..files import is_text, read_json, shortened
from .joined import common_folder, join
from .split import DataSplit, pick_split

FOLDER = "splits"
SCHEMA, SCHEMA_VERSION = "detfit-split", 1

Parts = tuple[tuple[str, tuple[str, ...]], ...]
"""Names of splits of the folder, each with the file names of the images that are taken of it."""


@dataclass(frozen=True, slots=True)
class DrawnSplit:
    """Read the images that a file of ``splits`` names.

    Attributes:
        name: The file's name without its ending.
        annotations: The file.
        bases: The splits of the folder, from which the images are.
    """

    name: str
    annotations: Path
    bases: tuple[DataSplit, ...]

    @property
    def images_dir(self) -> Path:
        """Return the innermost folder that holds all images.

        Raises:
            DatasetError: The file is damaged.
        """
        return common_folder([self._base(name).images_dir for name, _ in self.parts()])

    def parts(self) -> Parts:
        """Return what the file names.

        Raises:
            DatasetError: The file is missing or damaged.
        """
        return _read_parts(self.annotations)

    def load(self, *, masks: bool = False) -> CocoAnnotations:
        """Read the annotations of the images that the file names.

        Raises:
            DatasetError: The file or the annotations are damaged, or an image is not there.
        """
        read = []
        for name, files in self.parts():
            base = self._base(name)
            whole = base.load(masks=masks)
            read.append((base.images_dir, self._taken(whole, files)))
        return join(read, self.images_dir, self.annotations)

    def _base(self, name: str) -> DataSplit:
        return pick_split(self.annotations, self.bases, name)

    def _taken(self, whole: CocoAnnotations, files: Sequence[str]) -> CocoAnnotations:
        id_of = {image.file_name: image.id for image in whole.images}
        missing = [name for name in files if name not in id_of]
        if missing:
            raise DatasetError(
                f"{self.annotations}: {len(missing)} images are not in {whole.path}, first "
                f"{missing[0]}; draw the split anew"
            )
        return whole.subset(id_of[name] for name in files)


def drawn_splits(folder: Path, bases: Sequence[DataSplit]) -> tuple[DrawnSplit, ...]:
    """Return the drawn splits of a folder, sorted by name; their files are not looked at.

    Args:
        folder: The data folder.
        bases: The splits of its layout.
    """
    files = sorted((folder / FOLDER).glob("*.json"))
    return tuple(DrawnSplit(path.stem, path, tuple(bases)) for path in files)


def drawn_document(name: str, seed: int, parts: Parts) -> dict[str, Any]:
    """Return the content of a drawn split's file."""
    return {
        "schema": SCHEMA,
        "version": SCHEMA_VERSION,
        "name": name,
        "seed": seed,
        "parts": [{"split": split, "files": list(files)} for split, files in parts],
    }


def _read_parts(path: Path) -> Parts:
    document = read_json(path, "a split of detfit")
    found = (
        (document.get("schema"), document.get("version")) if isinstance(document, dict) else None
    )
    if found != (SCHEMA, SCHEMA_VERSION):
        raise DatasetError(
            f"{path}: schema and version {shortened(found)} are unknown; this detfit reads "
            f"{SCHEMA!r} version {SCHEMA_VERSION}"
        )
    parts = document.get("parts")
    if not isinstance(parts, list) or not parts or not all(map(_is_part, parts)):
        raise DatasetError(
            f"{path}: parts: expected a list of {{split, files}}, got {shortened(parts)}; draw "
            "the split anew"
        )
    return tuple((part["split"], tuple(part["files"])) for part in parts)


def _is_part(part: Mapping[str, Any]) -> bool:
    if not isinstance(part, dict) or not is_text(part.get("split")):
        return False
    files = part.get("files")
    return isinstance(files, list) and bool(files) and all(map(is_text, files))
