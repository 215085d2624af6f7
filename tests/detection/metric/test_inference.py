import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detection.data.augment import TrainAugment
from detection.data.coco import CocoDataset
from detection.data.layout import open_split
from detection.data.preprocess import Preprocess
from detection.data.rle import decode_rle
from detection.errors import MetricError
from detection.metric.coco_ap import evaluate_coco
from detection.metric.inference import Outputs, detect_dataset, run_engine, run_module

SIZES = ((30, 60), (60, 30), (40, 40), (7, 90), (64, 64))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five images of other sizes, each with one box from a quarter to three quarters."""
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val").mkdir()
    images, annotations = [], []
    for number, (height, width) in enumerate(SIZES, start=1):
        name = f"{number}.png"
        Image.new("RGB", (width, height), (number * 40, 0, 0)).save(tmp_path / "val" / name)
        images.append({"id": number, "file_name": name, "height": height, "width": width})
        bbox = [width / 4, height / 4, width / 2, height / 2]
        annotations.append({"id": number, "image_id": number, "category_id": 30, "bbox": bbox})
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 30, "name": "thing"}, {"id": 10, "name": "other"}],
    }
    (tmp_path / "annotations" / "instances_val.json").write_text(json.dumps(document))
    return tmp_path


@pytest.fixture
def dataset(root: Path) -> CocoDataset:
    return open_split(root, "val", Preprocess((64, 64)))


class Oracle:
    """Give back the true boxes in input pixels; count the calls."""

    def __init__(self, dataset: CocoDataset) -> None:
        self.by_image = {image.numpy().tobytes(): target for image, target in dataset}  # type: ignore[attr-defined]
        self.batches: list[int] = []

    def __call__(self, images: np.ndarray) -> Outputs:
        batch = len(images)
        self.batches.append(batch)
        boxes, scores = np.zeros((batch, 3, 4), np.float32), np.zeros((batch, 3), np.float32)
        labels, count = np.zeros((batch, 3), np.int64), np.zeros(batch, np.int64)
        for row, image in enumerate(images):
            boxes[row, 0] = self.by_image[image.tobytes()]["boxes"][0]
            scores[row, 0], labels[row, 0], count[row] = 0.5, 1, 1
            boxes[row, 1:], scores[row, 1:], labels[row, 1:] = np.nan, np.nan, 77  # padding
        return boxes, scores, labels, count


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("workers", [0, 1])
def test_boxes_come_back_in_original_pixels(
    dataset: CocoDataset, batch_size: int, workers: int
) -> None:
    oracle = Oracle(dataset)
    calls: list[tuple[str, float, float]] = []
    detections = detect_dataset(
        oracle,
        dataset,
        batch_size=batch_size,
        workers=workers,
        progress=lambda *values: calls.append(values),
    )
    assert set(oracle.batches) == {batch_size}
    assert calls[-1] == ("detecting", 5, 5)
    assert [item.image_id for item in detections] == [1, 2, 3, 4, 5]
    for item, (height, width) in zip(detections, SIZES, strict=True):
        assert len(item) == 1
        assert item.category_ids.tolist() == [30]
        expected = [width / 4, height / 4, width * 3 / 4, height * 3 / 4]
        np.testing.assert_allclose(item.boxes[0], expected, atol=1e-4)
    assert evaluate_coco(dataset.annotations, detections).ap == 1


def test_boxes_in_the_padding_are_clipped(dataset: CocoDataset) -> None:
    def whole_input(images: np.ndarray) -> Outputs:
        boxes = np.tile(np.float32([-9, -9, 99, 99]), (1, 1, 1))
        return boxes, np.ones((1, 1)), np.zeros((1, 1), np.int64), np.ones(1, np.int64)

    for item, (height, width) in zip(detect_dataset(whole_input, dataset), SIZES, strict=True):
        assert item.boxes.tolist() == [[0, 0, width, height]]
        assert item.category_ids.tolist() == [10]


def test_nothing_found(dataset: CocoDataset) -> None:
    def nothing(images: np.ndarray) -> Outputs:
        zeros = np.zeros((1, 2, 4)), np.zeros((1, 2)), np.zeros((1, 2), int), np.zeros(1, int)
        return zeros

    detections = detect_dataset(nothing, dataset)
    assert [len(item) for item in detections] == [0] * 5
    assert evaluate_coco(dataset.annotations, detections).ap == 0


class Net(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        batch = len(images)
        boxes = images.mean((1, 2, 3)).abs()[:, None, None] * torch.ones(1, 2, 4)
        return (
            boxes,
            torch.ones(batch, 2),
            torch.ones(batch, 2, dtype=torch.int64),
            torch.full((batch,), 2),
        )


class Engine:
    def run(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        with torch.inference_mode():
            outputs = Net()(torch.from_numpy(inputs["image"]))
        names = ("count", "labels", "scores", "boxes")  # the order of a mapping says nothing
        return dict(zip(names, (tensor.numpy() for tensor in reversed(outputs)), strict=True))


def test_module_and_engine_run_alike(dataset: CocoDataset) -> None:
    by_module = detect_dataset(run_module(Net()), dataset, batch_size=2)
    by_engine = detect_dataset(run_engine(Engine()), dataset, batch_size=2)
    for a, b in zip(by_module, by_engine, strict=True):
        assert len(a) == 2
        np.testing.assert_array_equal(a.boxes, b.boxes)
        np.testing.assert_array_equal(a.category_ids, b.category_ids)


GOOD: dict[str, Any] = {
    "boxes": np.zeros((1, 2, 4)),
    "scores": np.zeros((1, 2)),
    "labels": np.zeros((1, 2), np.int64),
    "count": np.array([2]),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": np.zeros((1, 3, 4))}, r"expected boxes \(1, D, 4\)"),
        ({"scores": np.zeros(2)}, r"expected boxes"),
        ({"count": np.array([[2]])}, r"expected boxes"),
        ({"count": np.array([3])}, r"count must lie in 0\.\.2, got \[3\]"),
        ({"count": np.array([-1])}, r"count must lie in 0\.\.2"),
        ({"labels": np.array([[0, 2]])}, r"image 1: labels must lie in 0\.\.1, got 0\.\.2"),
        ({"labels": np.array([[0, -1]])}, r"image 1: labels must lie in"),
        (
            {"scores": np.array([[0, np.nan]])},
            "image 1: the model gave a box or score that is not",
        ),
        ({"boxes": np.full((1, 2, 4), np.inf)}, "image 1: the model gave a box or score"),
    ],
)
def test_wrong_outputs(dataset: CocoDataset, change: dict[str, Any], message: str) -> None:
    outputs = {**GOOD, **change}

    def run(images: np.ndarray) -> Outputs:
        return outputs["boxes"], outputs["scores"], outputs["labels"], outputs["count"]

    with pytest.raises(MetricError, match=message):
        detect_dataset(run, dataset)


def test_augmented_data_is_refused(root: Path) -> None:
    dataset = open_split(root, "val", Preprocess((64, 64)), TrainAugment((64, 64)), train=True)
    with pytest.raises(MetricError, match="open it without augment"):
        detect_dataset(run_module(Net()), dataset)


class MaskNet(Net):
    """Says of the first detection that its upper half is the object, of the second nothing."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        masks = torch.zeros(len(images), 2, 4, 4)
        masks[:, 0, :2] = 1.0
        boxes = torch.tensor([8.0, 8, 24, 24]).repeat(len(images), 2, 1)
        _, *others = super().forward(images)
        return boxes, *others, masks


def test_masks_are_pasted_into_the_original_image(dataset: CocoDataset) -> None:
    for item, (height, width) in zip(
        detect_dataset(run_module(MaskNet()), dataset, batch_size=2), SIZES, strict=True
    ):
        assert item.masks is not None
        first, second = (decode_rle(mask) for mask in item.masks)
        assert first.shape == second.shape == (height, width)
        assert not second.any()
        y, x = np.indices((height, width)) + 0.5
        scale = max(height, width) / 64  # the upper half of 8..24, wherever the image ends
        expected = (x > 8 * scale) & (x < 24 * scale) & (y > 8 * scale) & (y < 16 * scale)
        assert (first != expected).sum() <= 48 * scale + 4  # edges are a matter of rounding


def test_an_engine_gives_masks_by_name(dataset: CocoDataset) -> None:
    class MaskEngine:
        def run(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
            with torch.inference_mode():
                outputs = [t.numpy() for t in MaskNet()(torch.from_numpy(inputs["image"]))]
            return dict(zip(("boxes", "scores", "labels", "count", "masks"), outputs, strict=True))

    by_engine = detect_dataset(run_engine(MaskEngine()), dataset)
    by_module = detect_dataset(run_module(MaskNet()), dataset)
    assert [item.masks for item in by_engine] == [item.masks for item in by_module]


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (np.zeros((1, 3, 4, 4)), r"expected masks \(1, 2, m, m\), got \(1, 3, 4, 4\)"),
        (np.zeros((1, 2, 4)), "expected masks"),
        (np.full((1, 2, 4, 4), np.nan), "image 1: the model gave a box, score or mask"),
    ],
)
def test_wrong_masks(dataset: CocoDataset, masks: np.ndarray, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        detect_dataset(lambda images: (*GOOD.values(), masks), dataset)
    with pytest.raises(MetricError, match="and perhaps masks, got 6 outputs"):
        detect_dataset(lambda images: (*GOOD.values(), masks, masks), dataset)
