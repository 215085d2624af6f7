import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detection.data.annotations import CocoAnnotations
from detection.data.augment import TrainAugment
from detection.data.coco import CocoDataset
from detection.data.layout import open_split
from detection.data.preprocess import Preprocess
from detection.errors import DatasetError

from .conftest import DOCUMENT, WriteCoco

SMALL = Preprocess((20, 30))


@pytest.fixture
def root(write_coco: WriteCoco, document: dict[str, Any]) -> Path:
    return write_coco(document)


def same(a: CocoDataset, b: CocoDataset, index: int) -> bool:
    (image_a, target_a), (image_b, target_b) = a[index], b[index]
    return torch.equal(image_a, image_b) and torch.equal(target_a["boxes"], target_b["boxes"])


def test_evaluation_item(root: Path) -> None:
    dataset = open_split(root, "val", SMALL)
    image, target = dataset[0]
    assert image.shape == (3, 20, 30)
    assert image.dtype == torch.float32
    assert target["boxes"].tolist() == [[25, 15, 30, 20]]
    assert target["boxes"].dtype == torch.float32
    assert target["labels"].tolist() == [0]
    assert target["labels"].dtype == torch.int64
    assert target["image_id"] == 7
    assert target["letterbox"] is not None
    assert target["letterbox"].original_hw == (40, 60)


def test_images_without_objects_are_kept_unless_told_otherwise(root: Path) -> None:
    dataset = open_split(root, "val", SMALL)
    assert len(dataset) == 3
    assert dataset[2][1]["boxes"].shape == (0, 4)
    assert dataset[2][1]["labels"].shape == (0,)
    training = open_split(root, "val", SMALL, train=True, drop_empty=True)
    assert [training[index][1]["image_id"] for index in range(len(training))] == [7, 3]
    assert len(open_split(root, "val", SMALL, train=True)) == 3


@pytest.mark.parametrize("options", [{"augment": TrainAugment((20, 30))}, {"drop_empty": True}])
def test_what_changes_the_data_needs_train(root: Path, options: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match="set train=True"):
        open_split(root, "val", SMALL, **options)


def test_missing_images_are_found_at_construction(root: Path) -> None:
    for name in ("a.png", "empty.png"):
        (root / "val" / name).unlink()
    with pytest.raises(DatasetError, match=r"2 of 3 image files.*missing, first a\.png, empty"):
        open_split(root, "val", SMALL)


def test_only_the_first_three_missing_images_are_named(tmp_path: Path) -> None:
    images = [
        {"id": i, "file_name": f"{i}.jpg", "height": 9, "width": 9} for i in range(1000, 1009)
    ]
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    with pytest.raises(DatasetError, match=r"9 of 9 .*first 1000\.jpg, 1001\.jpg, 1002\.jpg$"):
        CocoDataset(tmp_path, CocoAnnotations.load(path), SMALL)


def test_no_images_left(write_coco: WriteCoco, document: dict[str, Any]) -> None:
    document["annotations"] = []
    root = write_coco(document)
    with pytest.raises(DatasetError, match="no image is left"):
        open_split(root, "val", SMALL, train=True, drop_empty=True)


def test_damaged_and_resized_images_are_named_when_read(root: Path) -> None:
    dataset = open_split(root, "val", SMALL)
    (root / "val" / "a.png").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match=r"a\.png: not a readable image"):
        dataset[0]
    Image.new("RGB", (30, 20)).save(root / "val" / "b.png")
    with pytest.raises(
        DatasetError, match=r"b\.png: the file is 30x20, the annotations say 20x30"
    ):
        dataset[1]


def test_indices_outside_are_refused(root: Path) -> None:
    dataset = open_split(root, "val", SMALL)
    for index in (-1, 3):
        with pytest.raises(IndexError, match=r"outside of 0\.\.2"):
            dataset[index]


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_photographs(root: Path, mode: str) -> None:
    dataset = open_split(root, "val", SMALL)
    Image.new(mode, (60, 40)).save(root / "val" / "a.png", "JPEG")
    assert dataset[0][0].shape == (3, 20, 30)


def augmented(root: Path, **options: Any) -> CocoDataset:
    return open_split(root, "val", SMALL, TrainAugment((20, 30)), train=True, **options)


def test_augmentation_depends_on_seed_epoch_and_index_alone(root: Path) -> None:
    dataset = augmented(root)
    torch.manual_seed(1)
    first = dataset[0]
    torch.manual_seed(2)
    assert torch.equal(first[0], dataset[0][0])
    assert same(dataset, augmented(root), 1)
    assert same(dataset, pickle.loads(pickle.dumps(dataset)), 1)
    epochs = [dataset.at_epoch(epoch)[0][0] for epoch in range(6)]
    assert torch.equal(epochs[0], first[0])
    assert len({image.numpy().tobytes() for image in epochs}) > 3
    assert dataset.epoch == 0
    seeds = [augmented(root, seed=seed)[0][0].numpy().tobytes() for seed in range(6)]
    assert len(set(seeds)) > 3


def test_augmented_items_fit_the_input(root: Path) -> None:
    dataset = augmented(root)
    for epoch in range(5):
        for index in range(3):
            image, target = dataset.at_epoch(epoch)[index]
            assert image.shape == (3, 20, 30)
            assert target["letterbox"] is None
            boxes = target["boxes"]
            assert (boxes >= 0).all()
            assert (boxes <= torch.tensor([30.0, 20, 30, 20])).all()


def test_real_photographs(coco80: Path) -> None:
    dataset = open_split(coco80, "val", Preprocess((96, 96)))
    for index in range(0, 80, 16):
        image, target = dataset[index]
        assert torch.isfinite(image).all()
        assert target["letterbox"] is not None
        back = target["letterbox"].to_original(target["boxes"].numpy())
        boxes, _ = dataset.annotations.training_objects(index)
        np.testing.assert_allclose(back, boxes, atol=1e-3)


def test_subsets_keep_the_files_order_and_their_own_objects(root: Path) -> None:
    dataset = open_split(root, "val", SMALL)
    part = dataset.subset([5, 7, 7])
    assert [part[index][1]["image_id"] for index in range(len(part))] == [7, 5]
    assert same(part, dataset, 0)
    assert part[1][1]["boxes"].shape == (0, 4)
    assert len(dataset) == 3  # the whole stays whole
    for ids, message in (([], "no image is left"), ([7, 8], "image id 8 is not in the file")):
        with pytest.raises(DatasetError, match=message):
            dataset.subset(ids)


def test_the_first_images(root: Path) -> None:
    dataset = open_split(root, "val", SMALL)
    for count, ids in ((1, [7]), (2, [7, 3]), (3, [7, 3, 5]), (99, [7, 3, 5])):
        first = dataset.first(count)
        assert [image.id for image in first.annotations.images] == ids
        assert [first[i][1]["image_id"] for i in range(len(first))] == ids
    for count in (0, -1):
        with pytest.raises(DatasetError, match=f"asked for the first {count} images"):
            dataset.first(count)


def test_plain_images_are_not_augmented(root: Path) -> None:
    evaluated = open_split(root, "val", SMALL)
    augment = TrainAugment((20, 30))
    trained = open_split(root, "val", SMALL, augment, train=True, seed=1)
    assert not all(same(trained, evaluated, index) for index in range(3))
    assert all(same(trained.plain(), evaluated, index) for index in range(3))
    assert trained.plain()[0][1]["letterbox"] == evaluated[0][1]["letterbox"]
    assert trained[0][1]["letterbox"] is None  # the original still augments


def with_outlines(document: dict[str, Any]) -> dict[str, Any]:
    for row in document["annotations"]:
        x, y, w, h = row["bbox"]
        corners = [x + w / 2, y, x + w, y + h / 2, x + w / 2, y + h, x, y + h / 2]
        row["segmentation"] = [corners]  # a diamond
    return document


def edge_distance(mask: np.ndarray) -> np.ndarray:
    """How many steps each pixel is away from one of the other kind, at most 3."""
    distance = np.full(mask.shape, 3)
    for step in (2, 1):
        padded = np.pad(mask, step, mode="edge")
        for dy in range(-step, step + 1):
            for dx in range(-step, step + 1):
                height, width = mask.shape
                moved = padded[step + dy : step + dy + height, step + dx : step + dx + width]
                distance[moved != mask] = step
    return distance


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_masks_are_letterboxed_like_the_outline(
    write_coco: WriteCoco, document: dict[str, Any]
) -> None:
    """Scaling the mask or scaling the polygon: the same but for pixels at the edge."""
    from pycocotools import mask as coco_mask

    root = write_coco(with_outlines(document))
    annotations = CocoAnnotations.load(root / "annotations" / "instances_val.json", masks=True)
    dataset = CocoDataset(root / "val", annotations, SMALL, masks=True)
    (mask,) = dataset[1][1]["masks"].numpy()
    letterbox = dataset[1][1]["letterbox"]
    assert letterbox is not None
    corners = np.array(document["annotations"][0]["segmentation"][0]).reshape(-1, 2)
    scaled = (corners * letterbox.scale_xy).ravel().tolist()
    expected = coco_mask.decode(coco_mask.frPyObjects([scaled], 20, 30))[:, :, 0].astype(bool)
    assert mask.any()
    assert (edge_distance(expected)[mask != expected] <= 1).all()


def test_items_have_masks_only_if_asked(write_coco: WriteCoco, document: dict[str, Any]) -> None:
    root = write_coco(with_outlines(document))
    training = open_split(root, "val", SMALL, train=True, masks=True)
    _, target = training[0]
    assert target["masks"].shape == (1, 20, 30)
    assert target["masks"].dtype == torch.bool
    assert training[2][1]["masks"].shape == (0, 20, 30)
    measured = training.plain()  # outlines are for the metric alone
    assert measured.annotations.has_masks
    assert "masks" not in measured[0][1]
    assert open_split(root, "val", SMALL, masks=True)[0][1]["masks"].shape == (1, 20, 30)
    assert "masks" not in open_split(root, "val", SMALL, train=True)[0][1]
    plain = CocoAnnotations.load(root / "annotations" / "instances_val.json")
    with pytest.raises(DatasetError, match="outlines were not read"):
        CocoDataset(root / "val", plain, SMALL, masks=True)
    with pytest.raises(DatasetError, match=r"segmentation: missing"):
        open_split(write_coco(DOCUMENT, "bare"), "val", SMALL, masks=True)


def test_augmented_masks_stay_in_their_boxes(
    write_coco: WriteCoco, document: dict[str, Any]
) -> None:
    root = write_coco(with_outlines(document))
    dataset = augmented(root, masks=True)
    seen = 0
    for epoch in range(12):
        for index in range(3):
            target = dataset.at_epoch(epoch)[index][1]
            assert len(target["masks"]) == len(target["boxes"])
            for mask, (x1, y1, x2, y2) in zip(
                target["masks"].numpy(), target["boxes"].tolist(), strict=True
            ):
                rows, columns = np.nonzero(mask)
                if not len(rows):
                    continue
                seen += 1
                assert columns.min() >= x1 - 1
                assert columns.max() + 1 <= x2 + 1
                assert rows.min() >= y1 - 1
                assert rows.max() + 1 <= y2 + 1
    assert seen > 15
