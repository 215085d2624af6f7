"""A supernet that was trained before the search, such as by a recipe on several GPUs.

DetNAS (Chen et al., NeurIPS 2019), sec. 3: its steps are pre-training, fine-tuning and search;
the search itself trains nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchspaces import write_atomically, writing

from ..errors import EvaluatorError, RunError
from ..progress import Progress
from .images import SPLIT, USUAL_SPLIT, SearchImages
from .learnt import SCORED_ON, told_of_supernet
from .supernet_files import SUPERNET_FILE, new_supernet

if TYPE_CHECKING:
    from detection import ImageSettings, WeightsInfo
    from searchspaces import SearchSpace


@dataclass(frozen=True, slots=True)
class GivenSupernet:
    """Take the weights of a supernet as they are.

    Attributes:
        path: The file.
        info: What it says of the weights.
        space: What is searched.
        options: What the space was made with.
        data_workers: Processes that read images.
    """

    path: Path
    info: WeightsInfo
    space: SearchSpace
    options: Mapping[str, Any]
    data_workers: int

    @property
    def images(self) -> ImageSettings:
        """Return what it has learnt from, as far as its file says so."""
        from detection import ImageSettings

        split = self.info.notes.get(SPLIT)
        return ImageSettings(split=split if isinstance(split, str) else USUAL_SPLIT)

    def check(self, images: SearchImages) -> dict[str, str]:
        """Refuse it where it does not fit space and data, and return what the run says of it.

        Raises:
            EvaluatorError: It does not fit, or is damaged.
        """
        from detection import learnt_images

        self._require_fit(images.training.annotations.class_names)
        return {SCORED_ON: told_of_supernet(self.path.name, learnt_images(self.info), images)}

    def write(self, folder: Path, images: SearchImages, progress: Progress | None) -> None:
        """Copy the file into the folder of a run, atomically and byte by byte.

        Raises:
            RunError: It cannot be read or written.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise RunError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        with writing(folder / SUPERNET_FILE, RunError):
            write_atomically(folder / SUPERNET_FILE, content)

    def _require_fit(self, class_names: tuple[str, ...]) -> None:
        from detection import CheckpointError, load_weights

        path, info = self.path, self.info
        if tuple(info.label_names) != class_names:
            raise EvaluatorError(
                f"{path} has learnt the classes {_few(info.label_names)}, the data has "
                f"{_few(class_names)}; name the data that it was trained on"
            )
        try:
            load_weights(path, new_supernet(self.space, 0))
        except CheckpointError as error:
            raise EvaluatorError(
                f"{error}; the supernet was made with {_told(info.space_options)}, the space of "
                f"the search with {_told(self.options)}: give both the same options"
            ) from error


def read_given(
    path: Path, space: SearchSpace, options: Mapping[str, Any], data_workers: int = 0
) -> GivenSupernet:
    """Return the supernet of a file, of which only what it says of itself is read.

    Args:
        path: The weights file.
        space: What is searched.
        options: What the space was made with.
        data_workers: Processes that read images.

    Raises:
        CheckpointError: The file is missing or damaged.
        EvaluatorError: It holds no supernet of the space that has learnt to detect.
    """
    from detection import read_weights_info

    info = read_weights_info(path)
    if info.architecture is not None:
        raise EvaluatorError(
            f"{path} holds one detector, {info.space}:{info.architecture}, which is no supernet; "
            "give the weights of one: detfit train SPACE --recipe NAME"
        )
    if info.space != space.name:
        raise EvaluatorError(
            f"{path} is a supernet of {info.space}, the search is one of {space.name}; name "
            "another supernet, or another --space"
        )
    if not info.label_names:
        raise EvaluatorError(
            f"{path} has learnt to classify images, and its detector nothing yet; begin a "
            "training with it (--start), and search what that leaves"
        )
    return GivenSupernet(path, info, space, dict(options), data_workers)


def _few(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''} ({len(names)})"


def _told(options: Mapping[str, Any]) -> str:
    plain = json.loads(json.dumps(dict(options)))
    return ", ".join(f"{name}={plain[name]}" for name in sorted(plain)) or "no options"
