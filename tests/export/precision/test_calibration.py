import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from detection import DatasetError, Preprocess
from export.errors import PrecisionError
from export.precision.calibration import draw_calibration, spread_batches
from export.request.choices import PrecisionChoices

PREPROCESS = Preprocess((64, 64))


def draw(folder: Path, batch: int = 1, **choices: object):
    return draw_calibration(
        PrecisionChoices(**choices),  # type: ignore[arg-type]
        PREPROCESS,
        data_dir=folder,
        split="val",
        batch=batch,
    )


@pytest.fixture
def with_train(tmp_path: Path, data_folder: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(data_folder, folder)
    shutil.copytree(folder / "val", folder / "train2017")
    source = folder / "annotations" / "instances_val.json"
    shutil.copy(source, folder / "annotations" / "instances_train2017.json")
    return folder


def test_files_are_recorded_with_their_hashes(data_folder: Path) -> None:
    drawn = draw(data_folder, calibration_images=3, seed=1)
    assert len(drawn.record.images) == len(drawn) == 3
    for image in drawn.record.images:
        content = (data_folder / "val" / image.name).read_bytes()
        assert image.sha256 == hashlib.sha256(content).hexdigest()
    assert (drawn.record.method, drawn.record.seed) == ("percentile", 1)


def test_images_are_drawn_by_the_seed(data_folder: Path) -> None:
    def names(seed: int) -> list[str]:
        record = draw(data_folder, calibration_images=2, seed=seed).record
        return [image.name for image in record.images]

    assert names(0) == names(0)
    assert len({tuple(names(seed)) for seed in range(8)}) > 1


def test_arrays_are_the_images_as_the_engine_gets_them(data_folder: Path) -> None:
    drawn = draw(data_folder)
    arrays = [batch["image"] for batch in drawn.arrays()]
    infos = drawn.dataset.annotations.images
    assert len(arrays) == len(infos) == 4  # fewer than asked for: all of them
    for array, info in zip(arrays, infos, strict=True):
        np.testing.assert_array_equal(array[0], PREPROCESS.apply(drawn.dataset.load(info))[0])


def test_the_last_batch_is_filled_up(data_folder: Path) -> None:
    drawn = draw(data_folder, batch=3)
    arrays = [batch["image"] for batch in drawn.arrays()]
    assert (
        [array.shape for array in arrays] == [(3, 3, 64, 64)] * len(drawn) == [(3, 3, 64, 64)] * 2
    )
    np.testing.assert_array_equal(arrays[1][1], arrays[0][0])


def test_training_images_are_taken_where_there_are_some(
    with_train: Path, data_folder: Path
) -> None:
    record = draw(with_train).record
    assert record.data.endswith(" train2017")
    assert record.note == ""
    seen = draw(data_folder).record
    assert "among those that the engine is verified on" in seen.note
    chosen = draw(with_train, calibration_split="val").record
    assert chosen.note == seen.note
    other = draw(data_folder, calibration_dir=with_train).record
    assert other.data == record.data


def test_what_is_not_there_is_refused(data_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'test' is no split"):
        draw(data_folder, calibration_split="test")
    with pytest.raises(DatasetError, match="no such data folder"):
        draw(data_folder, calibration_dir=tmp_path / "none")


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"calibration_images": 0}, "calibration_images must be at least 1, got 0"),
        ({"max_evaluations": -1}, "max_evaluations must be at least 1, got -1"),
        (
            {"calibration_method": "mean"},
            "must be one of minmax, percentile, entropy, got 'mean'",
        ),
    ],
)
def test_wrong_choices_are_refused(choices: dict[str, object], message: str) -> None:
    with pytest.raises(PrecisionError, match=message):
        PrecisionChoices(**choices)  # type: ignore[arg-type]


def test_images_are_spread_over_the_data_in_whole_batches(data_folder: Path) -> None:
    dataset = draw(data_folder).dataset
    infos = dataset.annotations.images
    batches = spread_batches(dataset, 2)
    assert len(batches) == 2
    for batch, info in zip(batches, (infos[0], infos[-1]), strict=True):
        np.testing.assert_array_equal(batch["image"][0], PREPROCESS.apply(dataset.load(info))[0])
    assert [b["image"].shape[0] for b in spread_batches(dataset, 4, 3)] == [3, 3]
