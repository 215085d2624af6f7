"""A generated data set in COCO's layout: images on disk and instances with boxes and masks."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from searchspaces import write_atomically

from ..errors import DatasetError
from .files import json_bytes
from .scene import Scene, ShapesRecipe, paint_scene
from .shape_masks import mask_box, uncompressed_rle

SCHEMA = "detfit-shapes"
SCHEMA_VERSION = 1
RECIPE_NAME = "recipe.json"
SPLITS = ("train", "val")
JPEG_QUALITY = 92

Progress = Callable[[str, float, float], None]


def write_shapes(
    folder: str | Path, recipe: ShapesRecipe | None = None, *, progress: Progress | None = None
) -> Path:
    """Write a generated data set, or leave it as it is where it is already complete.

    The folder then holds ``recipe.json``, ``train/``, ``val/`` and
    ``annotations/instances_{train,val}.json``. The annotations are written last: an interrupted
    run is recognised and done anew.

    Args:
        folder: Made if missing; empty, or holding the same recipe.
        recipe: What to paint; the demo's recipe if None.
        progress: Called as ``progress(message, done, total)`` in images.

    Returns:
        The folder.

    Raises:
        DatasetError: The folder holds something else or another recipe.
    """
    folder, recipe = Path(folder), recipe or ShapesRecipe()
    wanted = json_bytes({"schema": SCHEMA, "version": SCHEMA_VERSION, **asdict(recipe)})
    _claim(folder, wanted)
    if _is_complete(folder, recipe):
        return folder
    total, done = recipe.num_train + recipe.num_val, 0
    (folder / "annotations").mkdir(exist_ok=True)
    for split_index, split in enumerate(SPLITS):
        (folder / split).mkdir(exist_ok=True)
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for image_index in range(_count(recipe, split)):
            scene = paint_scene(recipe, split_index, image_index)
            name = _file_name(recipe, image_index)
            image = _encode(scene, recipe.image_format)
            write_atomically(folder / split / name, image, durable=False)
            images.append(_image_row(image_index + 1, name, scene))
            annotations.extend(_annotation_rows(image_index + 1, len(annotations) + 1, scene))
            done += 1
            if progress is not None:
                progress(f"painting {split}", done, total)
        document = _document(recipe, images, annotations)
        write_atomically(_instances(folder, split), json_bytes(document))
    return folder


def _claim(folder: Path, wanted: bytes) -> None:
    """Make the folder ours by writing the recipe, or refuse it."""
    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"{folder}: is a file; name a folder for the generated data")
    recipe_path = folder / RECIPE_NAME
    if recipe_path.is_file():
        _refuse_other(recipe_path, wanted)
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise DatasetError(f"{folder}: not empty and without {RECIPE_NAME}; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(recipe_path, wanted)


def _refuse_other(recipe_path: Path, wanted: bytes) -> None:
    if recipe_path.read_bytes() == wanted:
        return
    try:
        held = json.loads(recipe_path.read_bytes())
    except ValueError as error:
        raise DatasetError(f"{recipe_path}: not JSON ({error})") from error
    asked = json.loads(wanted)
    if not isinstance(held, dict):
        raise DatasetError(f"{recipe_path}: not a recipe; name another folder")
    different = sorted(
        str(key) for key in held.keys() | asked.keys() if held.get(key) != asked.get(key)
    )
    raise DatasetError(
        f"{recipe_path.parent}: holds shapes of another recipe (differs in "
        f"{', '.join(different) or 'form'}); name another folder or remove it"
    )


def _is_complete(folder: Path, recipe: ShapesRecipe) -> bool:
    return all(
        _instances(folder, split).is_file()
        and all(
            (folder / split / _file_name(recipe, index)).is_file()
            for index in range(_count(recipe, split))
        )
        for split in SPLITS
    )


def _count(recipe: ShapesRecipe, split: str) -> int:
    return recipe.num_train if split == "train" else recipe.num_val


def _instances(folder: Path, split: str) -> Path:
    return folder / "annotations" / f"instances_{split}.json"


def _file_name(recipe: ShapesRecipe, image_index: int) -> str:
    return f"{image_index + 1:06d}.{recipe.image_format}"


def _encode(scene: Scene, image_format: str) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(scene.pixels)
    if image_format == "jpg":
        image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    else:
        image.save(buffer, "PNG", compress_level=1)  # noise does not compress; be quick
    return buffer.getvalue()


def _image_row(image_id: int, name: str, scene: Scene) -> dict[str, Any]:
    height, width = scene.pixels.shape[:2]
    return {"id": image_id, "file_name": name, "height": height, "width": width}


def _annotation_rows(image_id: int, first_id: int, scene: Scene) -> list[dict[str, Any]]:
    return [
        {
            "id": first_id + position,
            "image_id": image_id,
            "category_id": label + 1,
            "bbox": list(mask_box(mask)),
            "area": int(np.count_nonzero(mask)),
            "iscrowd": 0,
            "segmentation": uncompressed_rle(mask),
        }
        for position, (label, mask) in enumerate(zip(scene.labels, scene.masks, strict=True))
    ]


def _document(
    recipe: ShapesRecipe, images: list[dict[str, Any]], annotations: list[dict[str, Any]]
) -> dict[str, Any]:
    names = enumerate(recipe.class_names, start=1)
    return {
        "info": {"description": "generated shapes", "version": str(SCHEMA_VERSION)},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in names],
    }
