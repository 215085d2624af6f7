import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from detection.data.layout import open_split
from detection.data.preprocess import Preprocess
from detection.data.scene import ShapesRecipe, paint_scene
from detection.data.shapes import write_shapes
from detection.errors import DatasetError

SMALL = ShapesRecipe(
    num_train=5, num_val=3, image_hw=(64, 72), size_px=(16.0, 40.0), num_classes=6
)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("image_format", ["png", "jpg"])
def test_same_recipe_same_bytes(tmp_path: Path, image_format: str) -> None:
    recipe = replace(SMALL, image_format=image_format)
    a, b = (content(write_shapes(tmp_path / name, recipe)) for name in "ab")
    assert a == b
    assert len(a) == 5 + 3 + 2 + 1
    other = content(write_shapes(tmp_path / "c", replace(recipe, seed=1)))
    assert other["train/000001." + image_format] != a["train/000001." + image_format]


def test_it_reads_back_as_coco(tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes", SMALL)
    dataset = open_split(folder, "val", Preprocess((64, 72)))
    report = dataset.annotations.report()
    assert len(dataset) == 3
    assert report.objects == report.usable > 0
    assert report.clipped == report.degenerate == report.crowd == 0
    assert dataset.annotations.class_names == SMALL.class_names


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_boxes_masks_and_areas_are_those_of_the_painted_pixels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(SMALL, max_occlusion=0.5, objects=(2, 4))
    folder = write_shapes(tmp_path / "shapes", recipe)
    coco = COCO(folder / "annotations" / "instances_train.json")
    capsys.readouterr()
    for image_id in coco.getImgIds():
        scene = paint_scene(recipe, 0, image_id - 1)
        path = folder / "train" / coco.loadImgs(image_id)[0]["file_name"]
        np.testing.assert_array_equal(np.asarray(Image.open(path)), scene.pixels)
        rows = coco.loadAnns(coco.getAnnIds(image_id))
        assert len(rows) == len(scene.masks)
        for row, mask, label in zip(rows, scene.masks, scene.labels, strict=True):
            np.testing.assert_array_equal(coco.annToMask(row).astype(bool), mask)
            y, x = np.nonzero(mask)
            assert row["bbox"] == [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
            assert row["area"] == mask.sum()
            assert row["category_id"] == label + 1
            assert row["iscrowd"] == 0


def test_complete_folder_is_left_as_it_is(tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes", SMALL)
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
    calls: list[tuple[str, float, float]] = []
    write_shapes(folder, SMALL, progress=lambda *values: calls.append(values))
    assert times == {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
    assert calls == []


@pytest.mark.parametrize("lost", ["annotations/instances_val.json", "train/000002.png"])
def test_interrupted_run_is_completed(tmp_path: Path, lost: str) -> None:
    folder = write_shapes(tmp_path / "shapes", SMALL)
    before = content(folder)
    (folder / lost).unlink()
    assert content(write_shapes(folder, SMALL)) == before


def test_progress_counts_images(tmp_path: Path) -> None:
    calls: list[tuple[str, float, float]] = []
    write_shapes(tmp_path / "s", SMALL, progress=lambda *values: calls.append(values))
    assert [(done, total) for _, done, total in calls] == [(i, 8) for i in range(1, 9)]
    assert [message for message, _, _ in calls] == ["painting train"] * 5 + ["painting val"] * 3


def test_other_recipe_is_refused_and_named(tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes", SMALL)
    before = content(folder)
    with pytest.raises(DatasetError, match=r"differs in noise, seed\); name another folder"):
        write_shapes(folder, replace(SMALL, seed=4, noise=1.0))
    assert content(folder) == before


def test_foreign_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match="is a file"):
        write_shapes(tmp_path / "file", SMALL)
    with pytest.raises(DatasetError, match=r"not empty and without recipe\.json"):
        write_shapes(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "detfit-shapes", "version": 99}'])
def test_unreadable_recipes_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(DatasetError, match=r"not JSON|not a recipe|differs in .*version"):
        write_shapes(tmp_path, SMALL)


def test_default_recipe_is_the_demo(tmp_path: Path) -> None:
    recipe = ShapesRecipe()
    assert recipe.image_hw == (128, 128)
    assert recipe.num_classes == 3
    assert recipe.objects == (1, 3)
    assert recipe.size_px == (24.0, 72.0)
    assert json.loads(content(write_shapes(tmp_path / "s", SMALL))["recipe.json"])["version"] == 1
