"""A few images as a detector is given them: photographs from a folder, or generated scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import DatasetError
from .images import load_image
from .preprocess import Preprocess
from .scene import ShapesRecipe, paint_scene
from .shape_masks import SHAPES

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
# Of the smaller side: COCO's objects span about a twentieth of the image to half of it.
OBJECT_SHARE = (0.06, 0.5)
# As many edges and as much grain as make detectors of random weights find about as much on every
# scene; on smooth scenes with few objects it varies fifty times as much as on photographs.
OBJECTS = (8, 20)
NOISE = 24.0
SMALLEST_PX = 6.0
SCENES = 0  # the split of the recipe that scenes are painted of

Float32Array = npt.NDArray[np.float32]


def example_images(
    input_hw: tuple[int, int], count: int, *, folder: str | Path | None = None, seed: int = 0
) -> Float32Array:
    """Return images preprocessed as for detection, ``(count, 3, h, w)``.

    Args:
        input_hw: Height and width of the detector's input.
        count: How many; photographs are used again where the folder holds fewer.
        folder: Searched with its subfolders for photographs, of which the seed draws some; scenes
            of a few shapes are painted at the input's size if None.
        seed: Draws photographs or scenes.

    Raises:
        DatasetError: The folder is missing or holds no image, or an image cannot be read.
        PreprocessError: The size is no pair of positive integers.
    """
    preprocess = Preprocess(input_hw)
    images = (
        _scenes(input_hw, count, seed) if folder is None else _photographs(folder, count, seed)
    )
    return np.stack([preprocess.apply(image)[0] for image in images])


def _photographs(folder: str | Path, count: int, seed: int) -> list[Image.Image]:
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise DatasetError(
            f"{folder}: holds no image ({', '.join(SUFFIXES)}); name another folder"
        )
    order = np.random.default_rng(seed).permutation(len(paths))
    chosen = [paths[order[index % len(paths)]] for index in range(count)]
    return [load_image(path, apply_exif=True) for path in chosen]


def _scenes(input_hw: tuple[int, int], count: int, seed: int) -> list[Image.Image]:
    side = min(input_hw)
    low, high = (max(SMALLEST_PX, share * side) for share in OBJECT_SHARE)
    recipe = ShapesRecipe(
        image_hw=input_hw,
        num_classes=len(SHAPES),
        objects=OBJECTS,
        size_px=(low, high),
        rotation_deg=180.0,
        noise=NOISE,
        seed=seed,
    )
    scenes = (paint_scene(recipe, SCENES, index) for index in range(count))
    return [Image.fromarray(scene.pixels) for scene in scenes]
