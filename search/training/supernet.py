"""The supernet of a run: its data, its training, and the scores that it lends.

DetNAS (Chen et al., NeurIPS 2019), sec. 3: the supernet is trained on one part of the training
images; the other part scores its paths, so that the validation images stay unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from searchspaces import MASKS, sha256_of_file

from ..errors import EvaluatorError, RunError
from ..evaluators import Budget, Evaluator
from ..evaluators.base import VALIDATION_IMAGES
from ..progress import Progress

if TYPE_CHECKING:
    from detection import CocoDataset, Supernet, TrainConfig
    from searchspaces import Architecture, SearchSpace

    from ..settings import SearchSettings

SUPERNET_FILE, CHECKPOINTS = "supernet.safetensors", "supernet"
SEARCH_SHARE = 5  # at most one image in five scores, for small data sets


class SupernetStage:
    """Evaluate architectures by a run's supernet, which :meth:`prepare` trains or reads.

    Making it opens and checks the data; nothing is written before :meth:`prepare`.

    Args:
        space: What the supernet holds the paths of.
        options: What the space was made with, recorded with the weights.
        data_dir: Folder in COCO's layout; its train split is used.
        settings: Of the search.
        training: Of the supernet.
        device: Where the supernet is trained and evaluated.

    Raises:
        DatasetError: The data is not there or damaged, has another number of classes, or fewer
            images than a batch takes.
        RunError: There are too few images to keep some for scoring.
        TrainingError: The device is not here.
        CheckpointError: The weights to begin with are missing or damaged.
    """

    graded = VALIDATION_IMAGES

    def __init__(
        self,
        space: SearchSpace,
        options: Mapping[str, Any],
        data_dir: Path,
        settings: SearchSettings,
        training: TrainConfig,
        device: str = "cpu",
    ) -> None:
        from detection import open_training_data, read_weights_info, require_trainable

        if settings.start is not None:
            read_weights_info(settings.start)  # meet a missing file before anything is trained
        spec = space.detector(space.sample(np.random.default_rng(0)))
        masks = MASKS in spec.output_names
        images = open_training_data(
            data_dir, spec.input_hw, spec.num_classes, seed=settings.seed, masks=masks
        )
        ids = tuple(image.id for image in images.annotations.images)
        kept, scoring = split_for_search(ids, settings)
        self._training = images.subset(kept)
        self._recalibration = self._training.plain().first(settings.recalibration_images)
        self._scoring = images.plain().subset(scoring)
        require_trainable(self._training, training, device)
        self._space, self._options = space, dict(options)
        self._config, self._device = training, device
        self._images, self._seed, self._start = len(ids), settings.seed, settings.start
        self._evaluator: Evaluator | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Return what tells the data from other data, wherever its folder lies."""
        digest = sha256_of_file(self._training.annotations.path)
        return {"annotations_sha256": digest, "images": self._images}

    def prepare(self, folder: Path, progress: Progress | None = None) -> None:
        """Train the supernet of the run in a folder, or read it where that was done.

        The supernet is always read back from its file: a resumed run scores with exactly the
        weights of an undisturbed one.

        Raises:
            DatasetError: An image is damaged.
            TrainingError: The loss became infinite or NaN.
            CheckpointError: A file of the training is damaged.
        """
        from ..evaluators.supernet import SupernetEvaluator

        if not (folder / SUPERNET_FILE).exists():
            self._read_all((self._scoring, self._recalibration), progress)
            self._train(folder, progress)
        self._evaluator = SupernetEvaluator(
            load_supernet(folder, self._space),
            self._recalibration,
            self._scoring,
            len(self._recalibration),
            device=self._device,
            workers=self._config.workers,
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

    def _read_all(self, datasets: tuple[CocoDataset, ...], progress: Progress | None) -> None:
        """Meet a damaged image now, not as a failure of every architecture after the training."""
        total, done = sum(map(len, datasets)), 0
        for dataset in datasets:
            for index in range(len(dataset)):
                _ = dataset[index]
                done += 1
                if progress is not None:
                    progress("checking images", done, total)

    def _train(self, folder: Path, progress: Progress | None) -> None:
        from detection import WeightsInfo, load_start, save_weights, train, uniform_paths

        supernet = new_supernet(self._space, self._config.seed)
        if self._start is not None:
            load_start(supernet, str(self._start))
        train(
            uniform_paths(supernet, self._config.seed),
            supernet,
            self._training,
            self._config,
            folder / CHECKPOINTS,
            resume=True,
            device=self._device,
            progress=progress,
        )
        names = self._training.annotations.class_names
        info = WeightsInfo(
            space=self._space.name,
            num_classes=len(names),
            space_options=self._options,
            label_names=names,
            notes={"config": asdict(self._config), "images": len(self._training)},
        )
        save_weights(folder / SUPERNET_FILE, supernet, info, training_kept)


def training_kept() -> str:
    """Say what there is to go on from where trained weights cannot be written."""
    return f"its training is kept in {CHECKPOINTS}/"


def split_for_search(
    image_ids: tuple[int, ...], settings: SearchSettings
) -> tuple[list[int], list[int]]:
    """Split training images into those that train and those that score architectures.

    The split depends on the ids and the seed alone; both lists are sorted.

    Raises:
        RunError: There are too few images to split.
    """
    count = min(settings.search_images, len(image_ids) // SEARCH_SHARE)
    if count < 1:
        raise RunError(
            f"{len(image_ids)} training images are too few to keep some for scoring; "
            f"at least {SEARCH_SHARE} are needed"
        )
    ordered = sorted(image_ids)
    drawn = np.random.default_rng(settings.seed).permutation(len(ordered))[:count]
    kept = {ordered[index] for index in drawn.tolist()}
    return [image for image in ordered if image not in kept], sorted(kept)


def load_supernet(run: str | Path, space: SearchSpace) -> Supernet:
    """Return the supernet that a run has trained.

    Raises:
        CheckpointError: The run holds none, or one of another space.
    """
    from detection import load_weights

    supernet = new_supernet(space, 0)
    load_weights(Path(run) / SUPERNET_FILE, supernet)
    return supernet.eval()


def new_supernet(space: SearchSpace, seed: int) -> Supernet:
    """Draw a supernet's weights without touching torch's own random numbers."""
    import torch

    from detection import Supernet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Supernet(space)


def refuse_stray_supernet(folder: Path) -> None:
    """Refuse a folder without a run that holds a supernet: nobody knows what it was trained on.

    Raises:
        RunError: It does.
    """
    for name in (SUPERNET_FILE, CHECKPOINTS):
        if (folder / name).exists():
            raise RunError(f"{folder} holds {name} but no run; choose another -o")
