"""The training of a run's supernet: a path of it at every step.

DetNAS (Chen et al., NeurIPS 2019), sec. 3.1 and 3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress
from .images import HELD_OUT, SPLIT, SearchImages
from .learnt import SCORED_ON, told_of_start
from .procedure import fitted, told_changes
from .supernet_files import CHECKPOINTS, SUPERNET_FILE, new_supernet, training_kept

if TYPE_CHECKING:
    from detection import (
        Detector,
        ImageSettings,
        Supernet,
        TrainConfig,
        TrainSettings,
        WeightsInfo,
    )
    from searchspaces import SearchSpace


@dataclass(frozen=True, slots=True)
class SupernetTraining:
    """Train a supernet by itself, on this machine.

    Attributes:
        space: What the supernet holds the paths of.
        options: What the space was made with, recorded with the weights.
        settings: Of the training.
        start: Weights that the backbone begins with; from nothing if ``None``.
        macs_bins: Bins of multiply-adds that the paths are drawn over; 0 draws uniformly.
        device: Where is trained.
    """

    space: SearchSpace
    options: Mapping[str, Any]
    settings: TrainSettings
    start: Path | None
    macs_bins: int
    device: str

    @property
    def images(self) -> ImageSettings:
        """Return what is learnt from."""
        return self.settings.images

    @property
    def data_workers(self) -> int:
        """Return how many processes read images."""
        return self.settings.config.workers

    def check(self, images: SearchImages) -> dict[str, str]:
        """Refuse what could not be trained, and return what the run says of it.

        Raises:
            DatasetError: There are fewer images than a batch takes.
            TrainingError: The device is not here.
            CheckpointError: The weights to begin with are missing, damaged or of other backbones.
        """
        from detection import learnt_images, read_weights_info

        changes = told_changes(fitted(self.settings, images.training, self.device))
        if self.start is None:
            return changes
        learnt = learnt_images(read_weights_info(self.start))
        self._begun(self.settings.config.seed)  # now, not once the folder is the run's
        said = told_of_start(self.start.name, learnt, images)
        return changes if said is None else {**changes, SCORED_ON: said}

    def write(self, folder: Path, images: SearchImages, progress: Progress | None) -> None:
        """Train, and write the weights into the folder of a run.

        Raises:
            DatasetError: An image is damaged.
            TrainingError: The loss became infinite or NaN.
            CheckpointError: A file of the training is damaged.
        """
        from detection import save_weights, train

        config = fitted(self.settings, images.training, self.device).config
        supernet, info = self._begun(config.seed), self._info(config, images)
        train(
            self._paths(supernet, config.seed),
            supernet,
            images.training,
            config,
            folder / CHECKPOINTS,
            resume=True,
            device=self.device,
            progress=progress,
        )
        save_weights(folder / SUPERNET_FILE, supernet, info, training_kept)

    def _begun(self, seed: int) -> Supernet:
        """Return the supernet as its training begins."""
        from detection import load_start

        supernet = new_supernet(self.space, seed)
        if self.start is not None:
            load_start(supernet, str(self.start))
        return supernet

    def _paths(self, supernet: Supernet, seed: int) -> Callable[[int], Detector]:
        from detection import binned_paths, uniform_paths

        if self.macs_bins:
            return binned_paths(supernet, self.macs_bins, seed)
        return uniform_paths(supernet, seed)

    def _info(self, config: TrainConfig, images: SearchImages) -> WeightsInfo:
        from detection import WeightsInfo, learnt_before

        names = images.training.annotations.class_names
        return WeightsInfo(
            space=self.space.name,
            num_classes=len(names),
            space_options=self.options,
            label_names=names,
            notes={
                "config": asdict(config),
                "images": len(images.training),
                SPLIT: self.images.split,
                HELD_OUT: images.scored_sha256,
                **learnt_before("scratch" if self.start is None else str(self.start)),
            },
        )
