from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, strategies as st

from detection.data.augment import TrainAugment
from detection.data.coco import CocoDataset
from detection.data.layout import open_split
from detection.data.loader import batch_order, make_loader, read_batches
from detection.data.preprocess import Preprocess
from detection.errors import DatasetError

from .conftest import WriteCoco


@pytest.fixture
def dataset(write_coco: WriteCoco) -> CocoDataset:
    document: dict[str, Any] = {
        "images": [
            {"id": number, "file_name": f"{number}.png", "height": 12, "width": 16}
            for number in range(11)
        ],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [
            {"id": number, "image_id": number, "category_id": 1, "bbox": [2, 2, 8, 8]}
            for number in range(7)
        ],
    }
    root: Path = write_coco(document)
    augment = TrainAugment((16, 16))
    return open_split(root, "val", Preprocess((16, 16)), augment, train=True)


def contents(loader: Any) -> list[tuple[bytes, list[int], list[Any]]]:
    return [
        (
            images.numpy().tobytes(),
            [target["image_id"] for target in targets],
            [target["boxes"].tolist() for target in targets],
        )
        for images, targets in loader
    ]


@given(
    length=st.integers(1, 40),
    batch_size=st.integers(1, 10),
    shuffle=st.booleans(),
    epoch=st.integers(0, 5),
)
def test_every_image_comes_once(length: int, batch_size: int, shuffle: bool, epoch: int) -> None:
    batches = batch_order(length, batch_size, shuffle=shuffle, epoch=epoch)
    assert sorted(chain(*batches)) == list(range(length))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    if length >= batch_size:
        full = batch_order(length, batch_size, shuffle=shuffle, epoch=epoch, drop_last=True)
        assert full == [batch for batch in batches if len(batch) == batch_size]


def test_order_depends_on_seed_and_epoch() -> None:
    orders = {
        tuple(chain(*batch_order(50, 8, shuffle=True, seed=seed, epoch=epoch)))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


def test_shapes_of_a_batch(dataset: CocoDataset) -> None:
    loader = make_loader(dataset, 4)
    assert len(loader) == 3
    images, targets = next(iter(loader))
    assert images.shape == (4, 3, 16, 16)
    assert [target["image_id"] for target in targets] == [0, 1, 2, 3]
    assert [len(images) for images, _ in loader] == [4, 4, 3]


def test_workers_and_global_random_state_change_nothing(dataset: CocoDataset) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    alone = contents(make_loader(dataset, 4, shuffle=True, epoch=3))
    assert torch.equal(before, torch.random.get_rng_state())
    assert alone == contents(make_loader(dataset, 4, shuffle=True, epoch=3, workers=2))
    assert alone != contents(make_loader(dataset, 4, shuffle=True, epoch=4))


def test_resume_within_an_epoch_gives_the_rest_of_it(dataset: CocoDataset) -> None:
    whole = contents(make_loader(dataset, 3, shuffle=True, epoch=1))
    assert contents(make_loader(dataset, 3, shuffle=True, epoch=1, skip_batches=2)) == whole[2:]
    assert contents(make_loader(dataset, 3, skip_batches=4)) == []


def test_bad_batch_sizes(dataset: CocoDataset) -> None:
    with pytest.raises(DatasetError, match="batch_size must be at least 1, got 0"):
        make_loader(dataset, 0)
    with pytest.raises(DatasetError, match="11 images make no full batch of 12"):
        make_loader(dataset, 12, drop_last=True)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_image_is_named_in_one_line(dataset: CocoDataset, workers: int) -> None:
    path = dataset.images_dir / "5.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DatasetError) as caught:
        list(read_batches(make_loader(dataset, 2, workers=workers)))
    assert str(caught.value).startswith(f"{path}: not a readable image (")
    assert "\n" not in str(caught.value)
