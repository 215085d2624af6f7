"""Painting one image of the generated data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from .rle import Mask
from .shape_masks import SHAPES, shape_mask

PLACE_ATTEMPTS = 25
COLOUR_CANDIDATES = 8
TEXTURE_CELLS = 6  # the background's waves are at most this many to a side
MIN_VISIBLE_PX = 16

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShapesRecipe:
    """Say what a generated data set looks like; equal recipes give equal bytes.

    The defaults are the demo's: three classes, one to three large objects per 128 x 128 image.

    Attributes:
        num_train: Images of the split ``train``.
        num_val: Images of the split ``val``.
        image_hw: Height and width of the images, or the smallest ones if `max_image_hw` is given.
        max_image_hw: Largest height and width; both are drawn for each image.
        num_classes: The first so many of `SHAPES`.
        objects: Fewest and most objects per image; 0 allows empty images. Where no room is left
            an image may hold fewer.
        size_px: Smallest and largest diameter of the circle around an object.
        max_occlusion: Largest part of an object that others may hide, 0..1.
        rotation_deg: Largest turn to either side.
        noise: Standard deviation of the pixel noise, in grey levels 0..255.
        image_format: ``"png"`` (lossless) or ``"jpg"`` (quality 92).
        seed: Of everything; an image depends on seed, split and its number alone.

    Raises:
        DatasetError: A field has a value outside of what it allows.
    """

    num_train: int = 600
    num_val: int = 100
    image_hw: tuple[int, int] = (128, 128)
    max_image_hw: tuple[int, int] | None = None
    num_classes: int = 3
    objects: tuple[int, int] = (1, 3)
    size_px: tuple[float, float] = (24.0, 72.0)
    max_occlusion: float = 0.15
    rotation_deg: float = 15.0
    noise: float = 6.0
    image_format: str = "png"
    seed: int = 0

    def __post_init__(self) -> None:
        largest = self.max_image_hw or self.image_hw
        checks = {
            "num_train and num_val must be at least 1": min(self.num_train, self.num_val) >= 1,
            "image_hw must be at least 8 and at most max_image_hw": (
                8 <= self.image_hw[0] <= largest[0] and 8 <= self.image_hw[1] <= largest[1]
            ),
            f"num_classes must be 1..{len(SHAPES)}": 1 <= self.num_classes <= len(SHAPES),
            "objects must be 0 <= fewest <= most": 0 <= self.objects[0] <= self.objects[1],
            "size_px must be 6 <= smallest <= largest <= the image's smaller side": (
                6 <= self.size_px[0] <= self.size_px[1] <= min(self.image_hw)
            ),
            "max_occlusion must be 0 <= value < 1": 0 <= self.max_occlusion < 1,
            "rotation_deg must be 0..180": 0 <= self.rotation_deg <= 180,
            "noise must be 0..128": 0 <= self.noise <= 128,
            "image_format must be png or jpg": self.image_format in ("png", "jpg"),
            "seed must be at least 0": self.seed >= 0,
        }
        broken = [rule for rule, holds in checks.items() if not holds]
        if broken:
            raise DatasetError(f"shapes recipe: {broken[0]}; got {self}")

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes, by label."""
        return tuple(SHAPES)[: self.num_classes]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Hold one painted image.

    Attributes:
        pixels: (h, w, 3) uint8, RGB.
        labels: Class of each object.
        masks: Visible pixels of each object, (h, w) bool; no two overlap.
    """

    pixels: npt.NDArray[np.uint8]
    labels: tuple[int, ...]
    masks: tuple[Mask, ...]


def paint_scene(recipe: ShapesRecipe, split_index: int, image_index: int) -> Scene:
    """Paint image number `image_index` of a split (0 for train, 1 for val)."""
    rng = np.random.default_rng([recipe.seed, split_index, image_index])
    image_hw = _image_hw(recipe, rng)
    labels, masks = _place(recipe, image_hw, rng)
    canvas = _background(image_hw, rng)
    for mask in masks:
        canvas[mask] = _object_pixels(canvas, mask, rng)
    canvas += rng.normal(0.0, recipe.noise, canvas.shape)
    pixels = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
    return Scene(pixels, tuple(labels), tuple(masks))


def _image_hw(recipe: ShapesRecipe, rng: np.random.Generator) -> tuple[int, int]:
    if recipe.max_image_hw is None:
        return recipe.image_hw
    pairs = zip(recipe.image_hw, recipe.max_image_hw, strict=True)
    height, width = (int(rng.integers(low, high, endpoint=True)) for low, high in pairs)
    return height, width


def _place(
    recipe: ShapesRecipe, image_hw: tuple[int, int], rng: np.random.Generator
) -> tuple[list[int], list[Mask]]:
    """Return labels and visible masks; later objects lie in front."""
    labels: list[int] = []
    masks: list[Mask] = []
    whole_px: list[int] = []
    for _ in range(int(rng.integers(*recipe.objects, endpoint=True))):
        label = int(rng.integers(recipe.num_classes))
        for _ in range(PLACE_ATTEMPTS):
            front = _draw_mask(recipe, image_hw, label, rng)
            visible = [mask & ~front for mask in masks]
            if front.sum() >= MIN_VISIBLE_PX and all(
                behind.sum() >= (1 - recipe.max_occlusion) * area
                for behind, area in zip(visible, whole_px, strict=True)
            ):
                labels.append(label)
                masks = [*visible, front]
                whole_px.append(int(front.sum()))
                break
    return labels, masks


def _draw_mask(
    recipe: ShapesRecipe, image_hw: tuple[int, int], label: int, rng: np.random.Generator
) -> Mask:
    size_px = rng.uniform(*recipe.size_px)
    y, x = (rng.uniform(size_px / 2, side - size_px / 2) for side in image_hw)
    angle_rad = np.deg2rad(rng.uniform(-recipe.rotation_deg, recipe.rotation_deg))
    return shape_mask(recipe.class_names[label], image_hw, (x, y), size_px, float(angle_rad))


def _background(image_hw: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Return a gradient between two colours with a low wave pattern on it, (h, w, 3) 0..255."""
    y, x = np.meshgrid(*(np.linspace(0, 1, side) for side in image_hw), indexing="ij")
    angle = rng.uniform(0, 2 * np.pi)
    blend = ((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + 0.75) / 1.5
    start, end = rng.uniform(40, 215, (2, 3))
    canvas: FloatArray = start + (end - start) * blend[..., None]
    for _ in range(3):
        waves = rng.uniform(-TEXTURE_CELLS, TEXTURE_CELLS, 2)
        phase = rng.uniform(0, 2 * np.pi)
        wave = np.sin(2 * np.pi * (waves[0] * x + waves[1] * y) + phase)
        canvas += wave[..., None] * rng.uniform(-8, 8, 3)
    return canvas


def _object_pixels(canvas: FloatArray, mask: Mask, rng: np.random.Generator) -> FloatArray:
    """Return shaded pixels (n, 3) in the candidate colour that differs most from what is there."""
    behind = canvas[mask].mean(axis=0)
    candidates = rng.uniform(0, 255, (COLOUR_CANDIDATES, 3))
    colour = candidates[np.linalg.norm(candidates - behind, axis=1).argmax()]
    rows, columns = np.nonzero(mask)
    slope = rng.uniform(-15, 15, 2)
    height, width = mask.shape
    shade = slope[0] * (rows / height - 0.5) + slope[1] * (columns / width - 0.5)
    pixels: FloatArray = colour + shade[:, None]
    return pixels
