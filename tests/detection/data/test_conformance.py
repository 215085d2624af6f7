"""What every layout has to give; a new one is added to `WRITERS`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detection.data.annotations import CocoAnnotations
from detection.data.layout import LAYOUTS, detect_layout, find_split, open_split
from detection.data.loader import make_loader
from detection.data.preprocess import Preprocess
from detection.data.scene import ShapesRecipe
from detection.data.shapes import write_shapes
from detection.data.splits.drawing import draw_split
from detection.metric.coco_ap import evaluate_coco
from detection.metric.detections import ImageDetections
from detection.metric.voc_ap import evaluate_voc

from .trees import voc_0712, write_bdd

SMALL = Preprocess((32, 32))


def write_coco(root: Path) -> None:
    write_shapes(root, ShapesRecipe(num_train=6, num_val=4, image_hw=(40, 48), size_px=(8, 20)))


WRITERS: dict[str, Callable[[Path], object]] = {
    "bdd100k": write_bdd,
    "coco": write_coco,
    "voc": voc_0712,
}


def test_every_layout_is_held_to_it() -> None:
    assert set(WRITERS) == set(LAYOUTS)


@pytest.fixture(params=sorted(WRITERS))
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    WRITERS[request.param](tmp_path)
    assert detect_layout(tmp_path) == request.param
    return tmp_path


def perfect(annotations: CocoAnnotations) -> list[ImageDetections]:
    """Every object that is to be found, found."""
    table, found = annotations.objects, []
    for index, image in enumerate(annotations.images):
        rows = np.flatnonzero((table.image_index == index) & ~table.ignored)
        near = table.boxes[rows, :2]
        boxes = np.hstack([near, near + table.boxes[rows, 2:]])
        ids = np.array(annotations.category_ids)[table.labels[rows]]
        found.append(ImageDetections(image.id, boxes, np.linspace(1, 0.5, len(rows)), ids))
    return found


@pytest.mark.parametrize("split", ["train", "val"])
def test_images_exist_and_boxes_lie_inside(root: Path, split: str) -> None:
    found = find_split(root, split)
    annotations = found.load()
    assert found.annotations.is_file()
    assert annotations.images
    assert len({image.id for image in annotations.images}) == len(annotations.images)
    for index, image in enumerate(annotations.images):
        assert (found.images_dir / image.file_name).is_file()
        boxes, labels = annotations.training_objects(index)
        assert (boxes >= 0).all()
        assert (boxes <= [image.width, image.height] * 2).all()
        assert (labels < len(annotations.class_names)).all()


def test_train_and_val_mean_the_same_classes(root: Path) -> None:
    train, val = (find_split(root, split).load() for split in ("train", "val"))
    assert train.categories == val.categories
    assert not {i.file_name for i in train.images} & {i.file_name for i in val.images} or (
        find_split(root, "train").images_dir != find_split(root, "val").images_dir
    )


def test_batches_are_the_loaders(root: Path) -> None:
    dataset = open_split(root, "train", SMALL, train=True, drop_empty=True)
    loader = make_loader(dataset, 2, shuffle=True, drop_last=True)
    for images, targets in loader:
        assert images.shape == (2, 3, 32, 32)
        assert all(len(target["labels"]) for target in targets)


def test_perfect_detections_have_perfect_scores(root: Path) -> None:
    annotations = find_split(root, "val").load()
    assert (~annotations.objects.ignored).any()
    coco = evaluate_coco(annotations, perfect(annotations))
    voc = evaluate_voc(annotations, perfect(annotations))
    assert coco.ap50 == pytest.approx(1)
    assert voc.ap50 == pytest.approx(1)
    assert voc.ap50_11_points == pytest.approx(1)


def test_splits_can_be_drawn_and_opened(root: Path) -> None:
    held, _ = draw_split(root, "arch", held_out=2, seed=3)
    assert len(open_split(root, held.name, SMALL)) == 2
