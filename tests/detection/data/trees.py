"""Small data folders in the real formats, and what they hold."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

from detection.data.bdd import BDD_CLASSES
from detection.data.voc import VOC_CLASSES


@dataclass(frozen=True)
class Thing:
    """One object: edges x1, y1, x2, y2 in pixels."""

    name: str
    box: tuple[float, float, float, float]
    ignored: bool = False


@dataclass(frozen=True)
class Picture:
    """One image and what is in it."""

    name: str
    hw: tuple[int, int]
    things: tuple[Thing, ...]


def pictures(
    names: Sequence[str], classes: Sequence[str], rng: np.random.Generator, most: int = 4
) -> list[Picture]:
    """Images of random size with random objects inside; some have none."""
    found = []
    for name in names:
        height, width = (int(side) for side in rng.integers(16, 40, 2))
        things = []
        for _ in range(int(rng.integers(0, most + 1))):
            x1, y1 = int(rng.integers(0, width - 4)), int(rng.integers(0, height - 4))
            x2, y2 = int(rng.integers(x1 + 1, width + 1)), int(rng.integers(y1 + 1, height + 1))
            label = str(rng.choice(list(classes)))
            things.append(Thing(label, (x1, y1, x2, y2), bool(rng.random() < 0.3)))
        found.append(Picture(name, (height, width), tuple(things)))
    return found


def paint(path: Path, hw: tuple[int, int], seed: int = 0) -> None:
    """Write an image of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng([seed, *path.name.encode()]).integers(0, 256, (*hw, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def voc_xml(picture: Picture) -> str:
    """As the development kit writes it: pixels from 1, the last one included."""
    objects = "".join(
        f"<object><name>{escape(thing.name)}</name><pose>Unspecified</pose>"
        f"<truncated>0</truncated><difficult>{int(thing.ignored)}</difficult><bndbox>"
        f"<xmin>{thing.box[0] + 1:g}</xmin><ymin>{thing.box[1] + 1:g}</ymin>"
        f"<xmax>{thing.box[2]:g}</xmax><ymax>{thing.box[3]:g}</ymax></bndbox></object>\n"
        for thing in picture.things
    )
    height, width = picture.hw
    return (
        f"<annotation><folder>VOC2007</folder><filename>{picture.name}.jpg</filename>"
        f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
        f"<segmented>0</segmented>\n{objects}</annotation>\n"
    )


def write_voc(
    root: Path, years: Mapping[str, Mapping[str, Sequence[str]]], seed: int = 0
) -> dict[str, Picture]:
    """Write VOC<year> folders with the lists of names; return every image by its path."""
    rng = np.random.default_rng(seed)
    written = {}
    for year, lists in years.items():
        base = root / f"VOC{year}" if year else root
        (base / "ImageSets" / "Main").mkdir(parents=True)
        (base / "Annotations").mkdir()
        for name, stems in lists.items():
            (base / "ImageSets" / "Main" / f"{name}.txt").write_text("\n".join(stems) + "\n")
        stems = sorted({stem for one in lists.values() for stem in one})
        for picture in pictures(stems, VOC_CLASSES, rng):
            image = base / "JPEGImages" / f"{picture.name}.jpg"
            paint(image, picture.hw, seed)
            (base / "Annotations" / f"{picture.name}.xml").write_text(voc_xml(picture))
            written[image.relative_to(root).as_posix()] = picture
    return written


def voc_0712(root: Path) -> dict[str, Picture]:
    """The usual two years in the small."""
    stems = [f"{number:06d}" for number in range(1, 9)]
    later = [f"2008_{number:06d}" for number in range(1, 5)]
    return write_voc(
        root,
        {
            "2007": {"train": stems[:3], "val": stems[3:5], "trainval": stems[:5]}
            | {"test": stems[5:], "cat_train": ["not -1"]},
            "2012": {"trainval": later},
        },
    )


OLDER = {"pedestrian": "person", "bicycle": "bike", "motorcycle": "motor"}


def bdd_document(content: Sequence[Picture], form: str) -> Any:
    """Labels in the form of 2018 (older names, lanes among them) or of 2020."""
    old = form == "2018"
    frames = []
    for picture in content:
        labels: list[dict[str, Any]] = []
        for number, thing in enumerate(picture.things):
            x1, y1, x2, y2 = thing.box
            labels.append(
                {
                    "id": str(number),
                    "category": OLDER.get(thing.name, thing.name) if old else thing.name,
                    "attributes": {"occluded": False, "crowd": thing.ignored},
                    "box2d": {"x1": x1, "y1": y1, "x2": x2 - 1, "y2": y2 - 1},
                }
            )
        if old:
            labels.append({"id": "99", "category": "lane", "poly2d": [{"vertices": [[0, 0]]}]})
        frame: dict[str, Any] = {"name": f"{picture.name}.jpg", "timestamp": 10000}
        if labels:
            frame["labels"] = labels
        frames.append(frame)
    return frames


def write_bdd(
    root: Path, form: str = "2020", counts: Mapping[str, int] | None = None, seed: int = 0
) -> dict[str, list[Picture]]:
    """Write the folders of BDD100K; return the images of each split."""
    rng = np.random.default_rng(seed)
    written = {}
    for split, count in (counts or {"train": 5, "val": 3}).items():
        names = [f"{split[0]}{number:04x}-7d5e" for number in range(count)]
        content = pictures(names, BDD_CLASSES, rng)
        for picture in content:
            image = root / "images" / "100k" / split / f"{picture.name}.jpg"
            paint(image, picture.hw, seed)
        name = f"det_20/det_{split}" if form == "2020" else f"bdd100k_labels_images_{split}"
        path = root / "labels" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(bdd_document(content, form)))
        written[split] = content
    return written


def write_classes(root: Path, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Write ImageNet's layout: split -> class -> images."""
    for split, classes in counts.items():
        for name, count in classes.items():
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                paint(root / split / name / f"{split}_{number}.JPEG", (20, 30), seed=number)
