"""With processes that read, the next images are read while a batch is computed; without, after it.

That a batch waits for neither more nor less than its images is shown by the order of events, not
by a clock, so that a busy machine changes nothing.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection import CocoDataset, Preprocess, ShapesRecipe, open_split, write_shapes
from detection.metric.inference import Outputs, detect_dataset

IMAGES, BATCH = 7, 2
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> CocoDataset:
    recipe = ShapesRecipe(num_train=1, num_val=IMAGES, image_hw=(64, 64), size_px=(16, 48))
    folder = write_shapes(tmp_path_factory.mktemp("shapes"), recipe)
    return open_split(folder, "val", Preprocess((64, 64)))


class Watched:
    """Leave a file for every image that was read, in whatever process."""

    def __init__(self, dataset: CocoDataset, folder: Path) -> None:
        self.dataset, self.folder, self.annotations = dataset, folder, dataset.annotations

    def at_epoch(self, epoch: int) -> "Watched":
        return self

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        item = self.dataset[index]
        (self.folder / str(index)).touch()
        return item


class Computing:
    """Find nothing; say of each batch whether the next one was read before it was done."""

    def __init__(self, folder: Path, patience_s: float) -> None:
        self.folder, self.patience_s = folder, patience_s
        self.done, self.ahead = 0, list[bool]()

    def __call__(self, images: Any) -> Outputs:
        self.done = min(self.done + len(images), IMAGES)
        if self.done < IMAGES:
            self.ahead.append(self._wait_for(self.folder / str(self.done)))
        rows = (len(images), 1)
        labels = np.zeros(rows, np.int64)
        return np.zeros((*rows, 4), np.float32), np.zeros(rows, np.float32), labels, labels[:, 0]

    def _wait_for(self, path: Path) -> bool:
        begun = time.monotonic()
        while not path.exists() and time.monotonic() - begun < self.patience_s:
            time.sleep(0.005)
        return path.exists()


@pytest.mark.parametrize(("workers", "patience_s"), [(1, PATIENCE_S), (2, PATIENCE_S), (0, 0.0)])
def test_the_next_batch_is_read_while_one_is_computed(
    dataset: CocoDataset, tmp_path: Path, workers: int, patience_s: float
) -> None:
    computing = Computing(tmp_path, patience_s)
    watched: Any = Watched(dataset, tmp_path)
    found = detect_dataset(computing, watched, batch_size=BATCH, workers=workers)
    assert computing.ahead == [workers > 0] * 3
    assert [len(item) for item in found] == [0] * IMAGES
    assert len(list(tmp_path.iterdir())) == IMAGES
