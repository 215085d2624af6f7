"""Which images a step sees, and how they are read."""

import json
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detection import CocoDataset, Preprocess, TrainConfig, TrainingError, open_split
from detection.training import batches
from detection.training.batches import epoch_batches, step_batches
from detection.training.processes import Processes

CONFIG = TrainConfig(steps=12, batch_size=2, seed=2)
GROUPED = replace(CONFIG, group_by_aspect=True)
SIZES = [(20, 10), (10, 20)] * 5  # width and height: images of even ids are landscapes


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> CocoDataset:
    root = tmp_path_factory.mktemp("coco")
    (root / "annotations").mkdir()
    (root / "train").mkdir()
    for number, (width, height) in enumerate(SIZES):
        Image.new("RGB", (width, height), (10 * number, 0, 0)).save(
            root / "train" / f"{number}.png"
        )
    document = {
        "images": [
            {"id": n, "file_name": f"{n}.png", "height": h, "width": w}
            for n, (w, h) in enumerate(SIZES)
        ],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 8, 8]}
            for n in range(len(SIZES))
        ],
    }
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document))
    return open_split(root, "train", Preprocess((16, 16)), train=True)


def seen(dataset: CocoDataset, config: TrainConfig, start: int, total: int) -> list[list[int]]:
    steps = step_batches(dataset, config, Processes(), start, total)
    return [[t["image_id"] for _, targets in parts for t in targets] for parts in steps]


def test_portraits_and_landscapes_make_batches_of_their_own(dataset: CocoDataset) -> None:
    epoch = seen(dataset, GROUPED, 0, 5)
    assert sorted(chain(*epoch)) == list(range(len(SIZES)))
    alike = [len({image_id % 2 for image_id in batch}) == 1 for batch in epoch]
    assert alike.count(True) == 4  # of either five, one is left over
    usual = seen(dataset, CONFIG, 0, 5)
    assert sum(len({image_id % 2 for image_id in batch}) == 1 for batch in usual) < 4


def test_grouped_steps_are_the_same_whatever_step_a_run_starts_at(dataset: CocoDataset) -> None:
    whole = seen(dataset, GROUPED, 0, 12)
    assert seen(dataset, GROUPED, 7, 12) == whole[7:]
    assert whole[:5] != whole[5:10]  # another epoch


def test_a_part_of_a_batch_stays_a_part_of_a_group(dataset: CocoDataset) -> None:
    halves = replace(GROUPED, accumulate=2)
    assert seen(dataset, halves, 0, 5) == seen(dataset, GROUPED, 0, 5)


def test_images_of_unknown_sizes_cannot_be_grouped() -> None:
    class Classified:
        def __len__(self) -> int:
            return 10

        def at_epoch(self, epoch: int) -> Any:
            raise AssertionError

    assert len(epoch_batches(Classified(), CONFIG, 0)) == 5
    with pytest.raises(TrainingError, match=r"group_by_aspect needs annotations .* set group_by"):
        epoch_batches(Classified(), GROUPED, 0)


def test_grouping_is_part_of_what_a_run_is_known_by() -> None:
    assert CONFIG.differences(GROUPED.decisive) == ("group_by_aspect: True then, False now",)
    before = {name: value for name, value in CONFIG.decisive.items() if "aspect" not in name}
    assert CONFIG.differences(before) == ()  # a checkpoint of before there was the setting
    assert GROUPED.differences(before) == ("group_by_aspect: False then, True now",)


@pytest.mark.parametrize("pinned", [False, True])
def test_workers_and_pinned_memory_reach_the_loader(
    dataset: CocoDataset, monkeypatch: pytest.MonkeyPatch, pinned: bool
) -> None:
    class AskedError(Exception):
        pass

    def loader(items: Any, **options: Any) -> Any:
        raise AskedError(options["num_workers"], options["pin_memory"])

    monkeypatch.setattr(batches, "DataLoader", loader)
    config = replace(CONFIG, workers=3)
    with pytest.raises(AskedError) as caught:
        next(step_batches(dataset, config, Processes(), 0, 5, pin_memory=pinned))
    assert caught.value.args == (3, pinned)


def test_batches_are_arrays_of_the_input_size(dataset: CocoDataset) -> None:
    ((images, targets),) = next(step_batches(dataset, GROUPED, Processes(), 0, 1))
    assert images.shape == (2, 3, 16, 16)
    assert torch.isfinite(images).all()
    assert np.isfinite(torch.cat([target["boxes"] for target in targets]).numpy()).all()
