"""Data sets of odd image files and odd annotations, as training and the check meet them."""

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detection import TrainConfig, check_data, one_detector, open_training_data, train
from detection.data.augment import TrainAugment
from detection.data.coco import CocoDataset
from detection.data.layout import open_split
from detection.data.preprocess import Preprocess
from detection.errors import DatasetError
from tests.detection.training.together import SIDE, detector

INPUT = (48, 64)
Box = tuple[float, float, float, float]


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng([width, height])
    return Image.fromarray(rng.integers(0, 256, (height, width, 3)).astype(np.uint8))


def sixteen_bit(path: Path) -> None:
    values = np.linspace(0, 65535, 60 * 40).astype(np.uint16).reshape(40, 60)
    Image.fromarray(values).save(path)


def palette(path: Path) -> None:
    noise(60, 40).quantize(16).save(path, transparency=bytes([0, 128] * 8))


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # by 90 degrees: shown, it is 40x60
    noise(60, 40).save(path, exif=exif)


WRITERS: dict[str, tuple[Callable[[Path], Any], tuple[int, int]]] = {
    "grey.jpg": (lambda path: noise(60, 40).convert("L").save(path), (60, 40)),
    "sixteen.png": (sixteen_bit, (60, 40)),
    "cmyk.jpg": (lambda path: noise(60, 40).convert("CMYK").save(path), (60, 40)),
    "palette.png": (palette, (60, 40)),
    "turned.jpg": (turned, (60, 40)),
    "dot.png": (lambda path: noise(1, 1).save(path), (1, 1)),
    "wide.png": (lambda path: noise(20_000, 3).save(path), (20_000, 3)),
    "high.png": (lambda path: noise(1, 5_000).save(path), (1, 5_000)),
}


def coco(root: Path, sizes: dict[str, tuple[int, int]], boxes: dict[str, list[Box]]) -> Path:
    """Write the annotations of images that lie in ``root/train``; ids have holes."""
    images = [
        {"id": 10 * n + 3, "file_name": name, "width": w, "height": h}
        for n, (name, (w, h)) in enumerate(sizes.items())
    ]
    ids = {image["file_name"]: image["id"] for image in images}
    document = {
        "images": images,
        "categories": [{"id": i, "name": f"class {i}"} for i in (2, 7, 90)],
        "annotations": [
            {"id": 5 * n, "image_id": ids[name], "category_id": (2, 90)[n % 2], "bbox": list(box)}
            for n, (name, box) in enumerate((n, b) for n, each in boxes.items() for b in each)
        ],
    }
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document))
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Every odd file once, with a box over all of it."""
    (tmp_path / "train").mkdir()
    for name, (write, _) in WRITERS.items():
        write(tmp_path / "train" / name)
    sizes = {name: size for name, (_, size) in WRITERS.items()}
    return coco(tmp_path, sizes, {name: [(0, 0, w, h)] for name, (w, h) in sizes.items()})


def items(dataset: CocoDataset, epoch: int = 0) -> list[tuple[torch.Tensor, Any]]:
    there = dataset.at_epoch(epoch)
    return [there[index] for index in range(len(there))]


def test_odd_files_become_inputs_with_boxes_inside(root: Path) -> None:
    dataset = open_split(root, "train", Preprocess(INPUT))
    for image, target in items(dataset):
        assert image.shape == (3, *INPUT)
        assert torch.isfinite(image).all()
        height, width = target["letterbox"].resized_hw
        assert target["boxes"].tolist() == [[0, 0, width, height]]  # all of the image


def test_odd_files_are_augmented_within_the_input(root: Path) -> None:
    augment = TrainAugment(INPUT, scale=(0.3, 3.0))
    dataset = open_split(root, "train", Preprocess(INPUT), augment, train=True)
    limits = torch.tensor([INPUT[1], INPUT[0]] * 2)
    for epoch in range(5):
        for image, target in items(dataset, epoch):
            assert image.shape == (3, *INPUT)
            assert torch.isfinite(image).all()
            boxes = target["boxes"]
            assert ((boxes >= 0) & (boxes <= limits)).all()
            assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_a_detector_trains_on_odd_files_with_crowds_holes_and_a_class_without_objects(
    root: Path, tmp_path: Path
) -> None:
    path = root / "annotations" / "instances_train.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["iscrowd"] = 1  # an image of a crowd alone: left out
    document["annotations"][1]["bbox"] = [50, 30, 100, 1e6]  # beyond the image: clipped
    document["annotations"].append(
        {"id": 999, "image_id": 3, "category_id": 7, "bbox": [5, 5, -3, 0]}  # no box at all
    )
    path.write_text(json.dumps(document))
    dataset = open_training_data(root, (SIDE, SIDE), 3)
    assert len(dataset) == len(WRITERS) - 1
    found = {int(label) for _, target in items(dataset) for label in target["labels"]}
    assert found <= {0, 2}  # class 7, label 1, has no object
    model = detector()
    config = TrainConfig(steps=3, batch_size=2, lr=1e-3, log_every=1)
    report = train(one_detector(model), model, dataset, config, tmp_path / "run")
    assert all(np.isfinite(row.total) for row in report.history)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    noise(60, 40).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:-700])


def bomb(path: Path) -> None:
    """A PNG whose header promises 40,000 x 40,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b""))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (empty, r"bad\.jpg: not a readable image \(cannot identify"),
        (cut, r"bad\.jpg: not a readable image \(image file is truncated"),
        (bomb, r"bad\.jpg: not a readable image \(Image size \(1600000000 pixels\) exceeds"),
        (lambda path: path.mkdir(), "1 of 1 image files that .* names are missing"),
        (
            lambda path: noise(40, 60).save(path),
            r"bad\.jpg: the file is 40x60, the annotations say 60x40; .* The sides are swapped: "
            "EXIF may turn the image, .*; store it upright",
        ),
        (
            lambda path: noise(61, 40).save(path),
            r"bad\.jpg: the file is 61x40, the annotations say 60x40; boxes would not fit$",
        ),
    ],
)
def test_files_that_cannot_be_used_are_named_in_one_line(
    tmp_path: Path, write: Callable[[Path], Any], message: str
) -> None:
    (tmp_path / "train").mkdir()
    write(tmp_path / "train" / "bad.jpg")
    coco(tmp_path, {"bad.jpg": (60, 40)}, {"bad.jpg": [(0, 0, 9, 9)]})
    with pytest.raises(DatasetError, match=message) as caught:
        _ = open_split(tmp_path, "train", Preprocess(INPUT))[0]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("box", ["NaN", "Infinity", "-Infinity", "1e400", '"5"', "null"])
def test_boxes_that_are_no_numbers_are_refused_by_place(root: Path, box: str) -> None:
    path = root / "annotations" / "instances_train.json"
    path.write_text(path.read_text().replace("[0, 0, 1, 1]", f"[0, {box}, 1, 1]"))
    with pytest.raises(DatasetError, match=r"annotations\[5\]\.bbox: expected four finite") as e:
        open_split(root, "train", Preprocess(INPUT))
    assert "\n" not in str(e.value)


def test_crowds_alone_teach_nothing(root: Path) -> None:
    path = root / "annotations" / "instances_train.json"
    document = json.loads(path.read_text())
    for row in document["annotations"]:
        row["iscrowd"] = 1
    path.write_text(json.dumps(document))
    with pytest.raises(DatasetError, match="no image is left to learn from: none of the 8 holds"):
        open_training_data(root, INPUT, 3)


def test_the_check_reads_odd_files_and_counts_bad_ones(root: Path) -> None:
    assert check_data(root).passed
    empty(root / "train" / "grey.jpg")
    assert not check_data(root).passed
