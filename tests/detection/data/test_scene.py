from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detection.data.scene import ShapesRecipe, paint_scene
from detection.errors import DatasetError

RECIPE = ShapesRecipe()


def test_an_image_depends_on_seed_split_and_number_alone() -> None:
    first = paint_scene(RECIPE, 0, 3)
    np.testing.assert_array_equal(
        first.pixels, paint_scene(replace(RECIPE, num_train=9), 0, 3).pixels
    )
    for other in (
        paint_scene(RECIPE, 1, 3),
        paint_scene(RECIPE, 0, 4),
        paint_scene(replace(RECIPE, seed=1), 0, 3),
    ):
        assert not np.array_equal(first.pixels, other.pixels)


def test_masks_do_not_overlap_and_counts_keep_to_the_recipe() -> None:
    recipe = replace(RECIPE, objects=(2, 5), max_occlusion=0.6, size_px=(40.0, 70.0))
    for number in range(20):
        scene = paint_scene(recipe, 0, number)
        assert len(scene.labels) == len(scene.masks) <= 5
        assert max(np.sum(scene.masks, axis=0).max(), 1) == 1
        assert all(mask.any() for mask in scene.masks)


@pytest.mark.parametrize("max_occlusion", [0.0, 0.3])
def test_no_object_is_hidden_more_than_allowed(max_occlusion: float) -> None:
    recipe = replace(
        RECIPE,
        objects=(5, 5),
        num_classes=1,
        size_px=(50.0, 50.0),
        max_occlusion=max_occlusion,
    )
    whole = np.pi * 25**2
    areas = [mask.sum() for n in range(10) for mask in paint_scene(recipe, 0, n).masks]
    assert min(areas) >= (1 - max_occlusion) * whole * 0.98
    assert max_occlusion == 0 or min(areas) < 0.95 * whole


def test_painted_pixels_are_those_of_the_masks() -> None:
    recipe = replace(RECIPE, noise=0.0)
    for number in range(10):
        with_objects = paint_scene(recipe, 0, number)
        inside = np.any(with_objects.masks, axis=0)
        pixels = with_objects.pixels.astype(int)
        jump_y = abs(np.diff(pixels, axis=0)).max(axis=2) > 40
        border_y = inside[1:] != inside[:-1]
        assert not (jump_y & ~border_y & ~inside[1:]).any()  # the background is smooth
        assert jump_y[border_y].mean() > 0.8  # the objects stand out


def test_empty_images_and_drawn_sizes() -> None:
    recipe = replace(RECIPE, objects=(0, 0), image_hw=(80, 90), max_image_hw=(100, 120))
    scenes = [paint_scene(recipe, 0, number) for number in range(20)]
    heights, widths = zip(*(scene.pixels.shape[:2] for scene in scenes), strict=True)
    assert 80 <= min(heights) < max(heights) <= 100
    assert 90 <= min(widths) < max(widths) <= 120
    assert all(scene.labels == () for scene in scenes)


def test_every_class_occurs() -> None:
    recipe = replace(RECIPE, num_classes=6)
    labels = {label for number in range(40) for label in paint_scene(recipe, 0, number).labels}
    assert labels == set(range(6))
    assert recipe.class_names == ("circle", "square", "triangle", "star", "ring", "cross")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_train": 0}, "num_train and num_val must be at least 1"),
        ({"num_classes": 7}, r"num_classes must be 1\.\.6"),
        ({"objects": (3, 1)}, "objects must be"),
        ({"size_px": (24.0, 200.0)}, "size_px must be"),
        ({"size_px": (2.0, 20.0)}, "size_px must be"),
        ({"image_hw": (4, 128)}, "image_hw must be"),
        ({"max_image_hw": (64, 64)}, "image_hw must be"),
        ({"max_occlusion": 1.0}, "max_occlusion must be"),
        ({"rotation_deg": -1.0}, "rotation_deg must be"),
        ({"noise": float("nan")}, "noise must be"),
        ({"image_format": "bmp"}, "image_format must be png or jpg"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_bad_recipes(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        ShapesRecipe(**change)
