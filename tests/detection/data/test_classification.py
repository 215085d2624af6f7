from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from PIL import Image

from detection.data.classification import (
    AREA_SHARE,
    ClassificationDataset,
    centre_window,
    classification_loader,
    random_window,
)
from detection.data.image_folder import find_classified
from detection.data.preprocess import Preprocess
from detection.errors import DatasetError

from .trees import write_classes

SMALL = Preprocess((16, 24))


@pytest.fixture
def dataset(tmp_path: Path) -> ClassificationDataset:
    write_classes(tmp_path, {"train": {"a": 3, "b": 2}})
    return ClassificationDataset(find_classified(tmp_path, "train"), SMALL, train=True, seed=5)


def test_items_depend_on_seed_epoch_and_index_alone(dataset: ClassificationDataset) -> None:
    first, label = dataset[4]
    assert (first.shape, first.dtype, label) == ((3, 16, 24), torch.float32, 1)
    assert first.equal(dataset.at_epoch(0)[4][0])
    assert not first.equal(dataset.at_epoch(1)[4][0])
    other = ClassificationDataset(dataset.images, SMALL, train=True, seed=6)
    assert not first.equal(other[4][0])
    with pytest.raises(IndexError, match=r"index 5 is outside of 0\.\.4"):
        dataset[5]


def test_measuring_takes_the_centre(tmp_path: Path) -> None:
    write_classes(tmp_path, {"train": {"a": 1}})
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[4:60, 4:60] = 255  # the centre of 0.875
    path = tmp_path / "train" / "a" / "train_0.JPEG"
    Image.fromarray(pixels).save(path, "PNG")
    plain = Preprocess((56, 56), mean=(0, 0, 0), std=(1, 1, 1))
    image, _ = ClassificationDataset(find_classified(tmp_path, "train"), plain)[0]
    np.testing.assert_allclose(image.numpy(), 1, atol=1e-6)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 1000))
def test_random_windows_lie_inside(height: int, width: int, seed: int) -> None:
    left, top, right, bottom = random_window((height, width), np.random.default_rng(seed))
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    share = (right - left) * (bottom - top) / (height * width)
    assert AREA_SHARE[0] * (1 - 1e-9) <= share <= 1 + 1e-9


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(1, 300))
def test_centre_windows_keep_the_inputs_shape(h: int, w: int, in_h: int, in_w: int) -> None:
    left, top, right, bottom = centre_window((h, w), (in_h, in_w))
    assert 0 <= left < right <= w
    assert 0 <= top < bottom <= h
    np.testing.assert_allclose((right - left) / (bottom - top), in_w / in_h)
    np.testing.assert_allclose([left + right, top + bottom], [w, h])


def test_batches(dataset: ClassificationDataset) -> None:
    batches = list(classification_loader(dataset, 2, shuffle=True, seed=1, epoch=2))
    assert [len(labels) for _, labels in batches] == [2, 2, 1]
    assert sorted(torch.cat([labels for _, labels in batches]).tolist()) == [0, 0, 0, 1, 1]
    later = classification_loader(dataset, 2, shuffle=True, seed=1, epoch=2, skip_batches=1)
    for (images, labels), (again, same) in zip(batches[1:], later, strict=True):
        assert images.equal(again)
        assert labels.equal(same)
    with pytest.raises(DatasetError, match="5 images make no full batch of 6"):
        classification_loader(dataset, 6, drop_last=True)


def test_damaged_images_are_named(dataset: ClassificationDataset) -> None:
    path = dataset.images.root / dataset.images.files[0][0]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DatasetError, match=r"train_0\.JPEG: not a readable image"):
        dataset[0]
