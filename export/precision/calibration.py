"""The images that int8 is calibrated on: drawn, recorded with their hashes, fed one batch a time.

Those of training are best: what is verified on them would flatter no one, and the images of the
verification stay unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from detection import Preprocess, find_splits, open_split
from searchspaces import IMAGE, sha256_of_file

from ..records.precision import CalibrationImage, CalibrationRecord
from ..request.choices import PrecisionChoices

if TYPE_CHECKING:
    from detection import CocoDataset

TRAIN = "train"
SEEN = "these images are among those that the engine is verified on"


@dataclass(frozen=True, slots=True)
class CalibrationSet:
    """Hold the images of a calibration.

    Attributes:
        record: Which they are.
        dataset: They, in the order of the record.
        batch: Images per array.
    """

    record: CalibrationRecord
    dataset: CocoDataset
    batch: int

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch)

    def arrays(self) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """Yield the engine's input batch by batch; the last one is filled up from the first.

        Raises:
            DatasetError: An image is damaged.
        """
        images = self.dataset.annotations.images
        for start in range(0, len(images), self.batch):
            rows = [images[(start + i) % len(images)] for i in range(self.batch)]
            apply, load = self.dataset.preprocess.apply, self.dataset.load
            yield {IMAGE: np.stack([apply(load(info))[0] for info in rows])}


def draw_calibration(
    choices: PrecisionChoices,
    preprocess: Preprocess,
    *,
    data_dir: str | Path,
    split: str,
    batch: int = 1,
) -> CalibrationSet:
    """Draw the images of a calibration.

    Args:
        choices: Which and how many.
        preprocess: The detector's.
        data_dir: Folder that the engine is verified on, where no other is chosen.
        split: That it is verified on, where the folder has nothing to train on.
        batch: Images per array.

    Raises:
        DatasetError: The data is not there or damaged.
    """
    folder = Path(choices.calibration_dir or data_dir)
    name = choices.calibration_split or _training_split(folder) or split
    whole = open_split(folder, name, preprocess).plain()
    infos = whole.annotations.images
    order = np.random.default_rng(choices.seed).permutation(len(infos))
    chosen = sorted(order[: choices.calibration_images].tolist())
    drawn = whole.subset(infos[index].id for index in chosen)
    images = tuple(
        CalibrationImage(info.file_name, sha256_of_file(drawn.images_dir / info.file_name))
        for info in drawn.annotations.images
    )
    seen = folder.resolve() == Path(data_dir).resolve() and name == split
    record = CalibrationRecord(
        data=f"{folder} {name}",
        method=choices.calibration_method,
        seed=choices.seed,
        images=images,
        note=SEEN if seen else "",
    )
    return CalibrationSet(record, drawn, batch)


def spread_batches(
    dataset: CocoDataset, count: int, batch: int = 1
) -> list[dict[str, npt.NDArray[Any]]]:
    """Return the engine's input for images that are evenly spread over a data set.

    Args:
        dataset: The images.
        count: How many, rounded up to whole batches; the same ones again where there are fewer.
        batch: Images per array.
    """
    images = dataset.annotations.images
    whole = -(-count // batch) * batch
    chosen = np.linspace(0, len(images) - 1, whole).round().astype(int).tolist()
    arrays = [dataset.preprocess.apply(dataset.load(images[index]))[0] for index in chosen]
    return [{IMAGE: np.stack(arrays[i : i + batch])} for i in range(0, whole, batch)]


def _training_split(folder: Path) -> str | None:
    names = [item.name for item in find_splits(folder) if item.name.startswith(TRAIN)]
    return names[0] if names else None
