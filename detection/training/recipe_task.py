"""What a recipe trains, and the plan of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from searchspaces import MASKS, Architecture, DetectorSpec, SearchSpace, sha256_of_file

from ..data.classification import ClassificationDataset
from ..data.coco import CocoDataset
from ..data.image_folder import find_classified
from ..data.preprocess import Preprocess
from ..detector import Detector
from ..recipes.keys import OWN_KEYS
from ..recipes.plan import TrainingPlan
from ..recipes.resolve import ASKED, ResolvedRecipe, Setting
from ..supernet import Supernet
from .binned_paths import binned_paths
from .classifier import classifier_for_step, make_linear
from .identity import target_identity, target_name
from .images import augment_of, open_detector_data, open_training_data
from .paths import LearnerForStep, one_detector, uniform_paths
from .standalone import require_device
from .starts import IMAGENET, SCRATCH, fresh_supernet, load_start, require_start, seeded
from .step import resolve_precision
from .timing import StepTime, measure_step

CLASSIFICATION_HW = (224, 224)
"""Input of ImageNet pre-training: DetNAS counts its multiply-adds there."""

MEASURED_PATHS = 4  # of a supernet, whose paths differ in cost
GIVEN = f"{ASKED}, or the run's"


@dataclass(frozen=True, slots=True)
class RecipeTask:
    """Name what a recipe trains.

    Attributes:
        recipe: Resolved.
        space: Made with ``options``.
        architecture: What is trained; ``None`` for the space's supernet.
        options: Of the space, as recorded with the weights.
        start: ``scratch``, ``imagenet`` or a weights file; ``None`` where the recipe decides.
    """

    recipe: ResolvedRecipe
    space: SearchSpace
    architecture: Architecture | None
    options: Mapping[str, Any]
    start: str | None = None

    @property
    def classifies(self) -> bool:
        """Return whether the backbone alone is trained, on classified images."""
        return self.recipe.task == "classification"

    @property
    def spec(self) -> DetectorSpec:
        """Return the detector, or any of the supernet's."""
        arch = self.architecture
        return self.space.detector(arch or self.space.sample(np.random.default_rng(0)))

    @property
    def target(self) -> str:
        """Return the architecture as on the command line, or the space of the supernet."""
        return target_name(self.space, self.architecture)

    @property
    def input_hw(self) -> tuple[int, int]:
        """Return height and width of what is trained on."""
        return CLASSIFICATION_HW if self.classifies else self.spec.input_hw

    @property
    def identity(self) -> dict[str, Any]:
        """Return what decides the steps beside the loop's settings, as plain values.

        Weights to start from are told by their content: a file may be moved.
        """
        names = (name for name in OWN_KEYS if name not in ("drops", "start"))
        own = {name: self.recipe.get(name) for name in names}
        start = require_start(self.recipe.get("start", SCRATCH), self.start)
        known = start in (SCRATCH, IMAGENET) or not Path(start).is_file()
        return {
            "recipe": self.recipe.name,
            **target_identity(self.space, self.architecture, self.options, self.spec),
            "start": start if known else sha256_of_file(Path(start)),
            **{name: value for name, value in own.items() if value is not None},
        }

    def fresh(self) -> Detector | Supernet:
        """Return what is trained, with weights drawn from the recipe's seed."""
        seed, arch = self.recipe.config.seed, self.architecture
        if arch is None:
            return fresh_supernet(self.space, seed)
        return seeded(lambda: Detector(self.space.detector(arch)), seed)

    def root(self) -> Detector | Supernet:
        """Return what is trained, with its starting weights.

        Raises:
            TrainingError: Pre-trained weights are wanted and none are named.
            CheckpointError: They do not fit or cannot be read.
        """
        start = require_start(self.recipe.get("start", "scratch"), self.start)
        root = self.fresh()
        load_start(root, start)
        return root

    def learner(self, root: Detector | Supernet, classes: int) -> tuple[LearnerForStep, nn.Module]:
        """Return what each step trains, and what holds all parameters.

        Args:
            root: From :meth:`root`.
            classes: Of classified images.
        """
        seed, paths = self.recipe.config.seed, self._detector_for_step(root)
        if not self.classifies:
            return (paths if isinstance(root, Supernet) else one_detector(paths(0))), root
        linear = seeded(lambda: make_linear(paths(0), classes), seed)
        smoothing = self.recipe.get("label_smoothing", 0.0)
        both = nn.ModuleDict({"network": root, "classifier": linear})
        return classifier_for_step(paths, linear, smoothing), both

    def _detector_for_step(self, root: Detector | Supernet) -> Callable[[int], Detector]:
        """Return the detector, or the path that each step draws."""
        if not isinstance(root, Supernet):
            return lambda _: root
        bins, seed = self.recipe.get("macs_bins", 0), self.recipe.config.seed
        return binned_paths(root, bins, seed) if bins else uniform_paths(root, seed)

    def for_images(self, count: int) -> RecipeTask:
        """Return the same for so many images to train on; see :class:`ResolvedRecipe`."""
        return replace(self, recipe=self.recipe.for_images(count))

    def open_detection(self, data_dir: Path) -> CocoDataset:
        """Open the images that a supernet trains on.

        Raises:
            DatasetError: They are not there, damaged, or have another number of classes.
        """
        spec, images = self.spec, self.recipe.train_settings.images
        return open_training_data(
            data_dir,
            spec.input_hw,
            spec.num_classes,
            seed=self.recipe.config.seed,
            split=images.split,
            masks=MASKS in spec.output_names,
            augment=augment_of(images, spec.input_hw),
        )

    def open_classified(self, data_dir: Path) -> ClassificationDataset:
        """Open the classified images that a backbone trains on.

        Raises:
            DatasetError: They are not there.
        """
        images = find_classified(data_dir, "train")
        seed = self.recipe.config.seed
        return ClassificationDataset(images, Preprocess(self.input_hw), train=True, seed=seed)

    def count_images(self, data_dir: Path) -> int:
        """Return how many images of a folder are trained on, where the training would start.

        Raises:
            DatasetError: They, or those that score a detector, are not there, are damaged or do
                not fit.
        """
        if self.classifies:
            return len(self.open_classified(data_dir))
        if self.architecture is None:
            return len(self.open_detection(data_dir))
        settings = self.recipe.train_settings
        data = open_detector_data(data_dir, self.spec, settings.images, settings.config.seed)
        return len(data.training)


def plan_training(
    task: RecipeTask, data_dir: Path | None = None, *, device: str = "cpu", measure: bool = True
) -> TrainingPlan:
    """Return what a run will do.

    Args:
        task: What is trained.
        data_dir: Whose images are counted; the paper's number is taken if left out.
        device: Where a step is measured.
        measure: Whether to measure one, at the real size of the images.

    Raises:
        DatasetError: The data is not there, damaged, or does not fit.
        TrainingError: A step is to be measured on a device that is not here.
    """
    if measure:
        require_device(device)
    images, source = task.recipe.data.images, task.recipe.data.source
    if data_dir is not None:
        images = task.count_images(data_dir)
        source = f"{data_dir}, {_counted(task)}"
    task = task.for_images(images)
    return TrainingPlan(
        task.recipe,
        task.target,
        task.input_hw,
        images,
        source,
        step_time=_measured(task, device) if measure else None,
        options=_options(task),
        start=task.start,
        precision=_precision(task, device, measure),
    )


def _counted(task: RecipeTask) -> str:
    """Say which images of a folder are counted."""
    if task.classifies:
        return "images of split train"
    return f"images with objects of split {task.recipe.train_settings.images.split}"


def _precision(task: RecipeTask, device: str, here: bool) -> str | None:
    """Return what a device computes in, where that is known without it."""
    asked = task.recipe.config.precision
    known = here or (asked == "auto" and device == "cpu")
    return resolve_precision(asked, device) if known else None


def _measured(task: RecipeTask, device: str) -> StepTime:
    classes = task.recipe.data.classes if task.classifies else task.spec.num_classes
    learner, root = task.learner(task.fresh(), classes)
    return measure_step(
        learner,
        root,
        task.input_hw,
        classes,
        task.recipe.config,
        paths=MEASURED_PATHS if task.architecture is None else 1,
        device=device,
    )


def _options(task: RecipeTask) -> tuple[Setting, ...]:
    """Return what the space is made with, and why."""
    own = {item.name: item for item in task.recipe.options}
    return tuple(_option(task, own.get(name), name, value) for name, value in task.options.items())


def _option(task: RecipeTask, own: Setting | None, name: str, value: Any) -> Setting:
    listed = list(value) if isinstance(value, tuple) else value
    if own is not None and own.value == listed:
        return own
    if name == "num_classes" and value == task.recipe.data.classes:
        return Setting(name, value, f"classes of {task.recipe.data.name}")
    return Setting(name, listed, GIVEN)
