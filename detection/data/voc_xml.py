"""Reading one annotation file of PASCAL VOC, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ..errors import DatasetError
from .coco_json import LARGEST_PIXEL
from .example_images import SUFFIXES
from .files import shortened

LARGEST_BYTES = 2**24  # of a file; the devkit's have a few kilobytes
DEEPEST = 32  # nested elements; the devkit's have five
NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{0,40})?([eE][+-]?\d{1,3})?", re.ASCII)
CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, slots=True)
class VocObject:
    """Hold one object.

    Attributes:
        name: Of its class.
        box: x, y, width and height in pixels. The file counts pixels from 1 and includes the
            last one; here the box goes from pixel edge to pixel edge, as everywhere in detfit:
            an object of the first pixel alone, 1 to 1 in the file, is 0, 0, 1, 1.
        difficult: Whether it is marked as hard to recognise.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool


@dataclass(frozen=True, slots=True)
class VocFile:
    """Hold one annotation file.

    Attributes:
        width: Of the image, in pixels.
        height: Likewise.
        suffix: Ending of the image's file name.
        objects: In the file's order.
    """

    width: int
    height: int
    suffix: str
    objects: tuple[VocObject, ...]


def read_voc_xml(path: Path) -> VocFile:
    """Read one annotation file.

    Raises:
        DatasetError: The file is missing, no XML, declares a document type, or a field is missing
            or wrong; one line that names file and field.
    """
    root = _parse(path)
    size = _child(path, root, "size")
    return VocFile(
        _whole(path, size, "size/width", low=1),
        _whole(path, size, "size/height", low=1),
        _suffix(root),
        tuple(
            _object(path, element, f"object[{index}]")
            for index, element in enumerate(root.findall("object"))
        ),
    )


def _parse(path: Path) -> Element:
    """Return the root element.

    A document type is refused before anything of it is read: entities can grow without bounds or
    name other files, and no annotation needs one.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such annotation file") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > LARGEST_BYTES:
        raise DatasetError(f"{path}: {len(data)} bytes are too many, at most {LARGEST_BYTES}")
    handlers = _Handlers(path)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = handlers.start
    parser.EndElementHandler = handlers.end
    parser.CharacterDataHandler = handlers.text
    parser.StartDoctypeDeclHandler = handlers.doctype
    try:
        parser.Parse(data, True)
    except DatasetError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise DatasetError(f"{path}: not XML ({error})") from error
    root = handlers.builder.close()
    if root.tag != "annotation":
        raise DatasetError(f"{path}: expected <annotation>, got <{root.tag}>; this is not VOC XML")
    return root


class _Handlers:
    """Build the tree, and refuse what annotations have no use for."""

    def __init__(self, path: Path) -> None:
        self.builder = TreeBuilder()
        self._path = path
        self._depth = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise DatasetError(f"{self._path}: not VOC XML (nested too deeply)")
        self.builder.start(tag, dict(attributes))

    def end(self, tag: str) -> None:
        self._depth -= 1
        self.builder.end(tag)

    def text(self, data: str) -> None:
        self.builder.data(data)

    def doctype(self, *declared: Any) -> None:
        raise DatasetError(
            f"{self._path}: declares a document type, which is refused: its entities could be of "
            "any size; remove the <!DOCTYPE ...>"
        )


def _object(path: Path, element: Element, where: str) -> VocObject:
    corners = _child(path, element, "bndbox", where)
    x1, y1, x2, y2 = (_number(path, corners, f"{where}/bndbox/{name}") for name in CORNERS)
    marked = element.find("difficult") is not None
    difficult = marked and bool(_whole(path, element, f"{where}/difficult", low=0, high=1))
    name = _text(path, element, f"{where}/name")
    return VocObject(name, (x1 - 1, y1 - 1, x2 - x1 + 1, y2 - y1 + 1), difficult)


def _child(path: Path, element: Element, name: str, where: str = "") -> Element:
    found = element.find(name)
    if found is None:
        raise DatasetError(f"{path}: {where}{'/' if where else ''}{name}: missing")
    return found


def _text(path: Path, element: Element, where: str) -> str:
    """Return the text of the child that the last part of ``where`` names."""
    found = element.find(where.rpartition("/")[2])
    if found is None:
        raise DatasetError(f"{path}: {where}: missing")
    text = (found.text or "").strip()
    if not text:
        raise DatasetError(f"{path}: {where}: empty")
    return text


def _number(path: Path, element: Element, where: str) -> float:
    text = _text(path, element, where)
    if not NUMBER.fullmatch(text) or abs(float(text)) > LARGEST_PIXEL:
        raise DatasetError(
            f"{path}: {where}: expected a number within {LARGEST_PIXEL:g}, got {shortened(text)}"
        )
    return float(text)


def _whole(
    path: Path, element: Element, where: str, *, low: int, high: int = int(LARGEST_PIXEL)
) -> int:
    value = _number(path, element, where)
    if value != int(value) or not low <= value <= high:
        raise DatasetError(
            f"{path}: {where}: expected a whole number {low} to {high}, got {value:g}"
        )
    return int(value)


def _suffix(root: Element) -> str:
    """Return the ending of the image's file; nothing else of a file's own name is believed."""
    name = root.findtext("filename") or ""
    suffix = name.strip()[name.strip().rfind(".") :] if "." in name else ""
    return suffix if suffix.lower() in SUFFIXES else ".jpg"
