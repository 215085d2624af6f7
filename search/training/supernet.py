"""The supernet of a run: its images, where it comes from, and the scores that it lends.

DetNAS (Chen et al., NeurIPS 2019), sec. 3: the supernet is trained on one part of the training
images; the other part scores its paths, so that the validation images stay unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import EvaluatorError
from ..evaluators import Budget, Evaluator
from ..evaluators.base import VALIDATION_IMAGES
from ..progress import Progress
from .given import read_given
from .images import SearchImages, open_search_images
from .procedure import whole_settings
from .supernet_files import SUPERNET_FILE, load_supernet
from .supernet_training import SupernetTraining

if TYPE_CHECKING:
    from detection import CocoDataset, ImageSettings, TrainConfig, TrainSettings
    from searchspaces import Architecture, SearchSpace

    from ..settings import SearchSettings


class SupernetSource(Protocol):
    """Where a run's supernet comes from: a training of its own, or a file."""

    @property
    def images(self) -> ImageSettings:
        """Return what it learns, or has learnt."""
        ...

    @property
    def data_workers(self) -> int:
        """Return how many processes read images."""
        ...

    def check(self, images: SearchImages) -> dict[str, str]:
        """Refuse what could not be, and return what the run says of it, by the name of a note."""
        ...

    def write(self, folder: Path, images: SearchImages, progress: Progress | None) -> None:
        """Write the weights into the folder of a run."""
        ...


class SupernetStage:
    """Evaluate architectures by a run's supernet, which :meth:`prepare` trains, copies or reads.

    Making it opens and checks the data; nothing is written before :meth:`prepare`.

    Args:
        space: What the supernet holds the paths of.
        options: What the space was made with, recorded with the weights.
        data_dir: Folder of detection data.
        settings: Of the search; with ``supernet``, that one is copied and nothing is trained.
        training: Of the supernet; ``None`` where it is trained already.
        device: Where the supernet is trained and evaluated.
        data_workers: Processes that read images where nothing is trained; a training says so
            itself.

    Raises:
        DatasetError: The data is not there or damaged, has another number of classes, or fewer
            images than a batch takes.
        RunError: There are too few images to keep some for scoring.
        TrainingError: The device is not here.
        CheckpointError: The weights to begin with, or the supernet, are missing or damaged.
        EvaluatorError: The supernet is not one of the space that detects the data's classes; or
            there is a training beside it, or neither.
    """

    graded = VALIDATION_IMAGES

    def __init__(
        self,
        space: SearchSpace,
        options: Mapping[str, Any],
        data_dir: Path,
        settings: SearchSettings,
        training: TrainConfig | TrainSettings | None,
        device: str = "cpu",
        *,
        data_workers: int = 0,
    ) -> None:
        source = _source(space, options, settings, training, device, data_workers)
        images = open_search_images(space, data_dir, settings, source.images)
        self._notes = source.check(images)
        self._recalibration = images.training.plain().first(settings.recalibration_images)
        self._space, self._source, self._images = space, source, images
        self._device, self._seed = device, settings.seed
        self._evaluator: Evaluator | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Return what tells the data from other data, wherever its folder lies."""
        return self._images.identity

    @property
    def notes(self) -> dict[str, str]:
        """Return what the run says of its training and images, a sentence each."""
        return self._notes

    def prepare(self, folder: Path, progress: Progress | None = None) -> None:
        """Train or copy the supernet of the run in a folder, or read it where that was done.

        The supernet is always read back from its file: a resumed run scores with exactly the
        weights of an undisturbed one.

        Raises:
            DatasetError: An image is damaged.
            TrainingError: The loss became infinite or NaN.
            CheckpointError: A file of the training is damaged.
            RunError: The given supernet cannot be copied.
        """
        from ..evaluators.supernet import SupernetEvaluator

        if not (folder / SUPERNET_FILE).exists():
            _read_all((self._images.scoring, self._recalibration), progress)
            self._source.write(folder, self._images, progress)
        self._evaluator = SupernetEvaluator(
            load_supernet(folder, self._space),
            self._recalibration,
            self._images.scoring,
            len(self._recalibration),
            device=self._device,
            workers=self._source.data_workers,
            seed=self._seed,
        )

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> Mapping[str, float]:
        """Score a path; see :class:`search.evaluators.supernet.SupernetEvaluator`.

        Raises:
            EvaluatorError: Nothing was prepared.
        """
        if self._evaluator is None:
            raise EvaluatorError("the supernet is not there yet; call prepare() first")
        return self._evaluator.evaluate(architecture, budget)


def _source(
    space: SearchSpace,
    options: Mapping[str, Any],
    settings: SearchSettings,
    training: TrainConfig | TrainSettings | None,
    device: str,
    data_workers: int,
) -> SupernetSource:
    """Return where the supernet comes from: either of both ways."""
    if settings.supernet is not None:
        if training is not None:
            raise EvaluatorError(
                f"{settings.supernet} is trained already (--supernet), and nothing is trained; "
                "leave the options of training (--steps, --batch-size, --lr, --optimizer, "
                "--recipe, --set) out"
            )
        return read_given(settings.supernet, space, options, data_workers)
    if training is None:
        raise EvaluatorError("nothing says how the supernet is trained, and none is given")
    whole = whole_settings(training)
    start, bins = settings.start, settings.macs_bins
    return SupernetTraining(space, dict(options), whole, start, bins, device)


def _read_all(datasets: tuple[CocoDataset, ...], progress: Progress | None) -> None:
    """Meet a damaged image now, not as a failure of every architecture after the training."""
    total, done = sum(map(len, datasets)), 0
    for dataset in datasets:
        for index in range(len(dataset)):
            _ = dataset[index]
            done += 1
            if progress is not None:
                progress("checking images", done, total)
