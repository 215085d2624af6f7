from pathlib import Path

import pytest

from detection.data.image_folder import class_folders, find_classified
from detection.data.layout import detect_layout, find_split
from detection.errors import DatasetError

from .trees import write_classes


def test_labels_are_the_train_classes_in_order(tmp_path: Path) -> None:
    write_classes(tmp_path, {"train": {"n02": 2, "n01": 1, "n03": 0}, "val": {"n02": 1}})
    assert class_folders(tmp_path) == ("train", "val")
    assert detect_layout(tmp_path) == "image-folder"
    train = find_classified(tmp_path, "train")
    assert train.class_names == ("n01", "n02", "n03")
    assert train.files == (
        ("n01/train_0.JPEG", 0),
        ("n02/train_0.JPEG", 1),
        ("n02/train_1.JPEG", 1),
    )
    assert find_classified(tmp_path, "val").files == (("n02/val_0.JPEG", 1),)
    assert all((train.root / name).is_file() for name, _ in train.files)


def test_what_is_no_classified_split(tmp_path: Path) -> None:
    write_classes(tmp_path, {"train": {"a": 1}, "val": {"b": 1}})
    with pytest.raises(DatasetError, match="1 classes are not in train/, first b"):
        find_classified(tmp_path, "val")
    with pytest.raises(DatasetError, match="'test' is no split, expected train or val"):
        find_classified(tmp_path, "test")
    with pytest.raises(DatasetError, match="no such data folder"):
        find_classified(tmp_path / "absent", "val")
    with pytest.raises(DatasetError, match=r"no classified images; expected train/CLASS/"):
        find_classified(tmp_path / "train", "val")
    with pytest.raises(DatasetError, match="classified images without boxes"):
        find_split(tmp_path, "train")
