"""Every family of detectors learns eight generated images by heart, by one recipe."""

from pathlib import Path

import pytest
import torch

from detection import (
    Detector,
    Preprocess,
    ShapesRecipe,
    TrainConfig,
    one_detector,
    open_split,
    score_detector,
    train,
    write_shapes,
)
from searchspaces import MASKS
from tests.detection.variants import CLASSES, SIDE, VARIANTS

RECIPE = ShapesRecipe(
    num_train=8, num_val=1, image_hw=(SIDE, SIDE), num_classes=CLASSES, size_px=(24.0, 60.0)
)
CONFIG = TrainConfig(steps=300, batch_size=8, optimizer="adamw", lr=3e-3, warmup_steps=20)


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_eight_images_are_learnt(name: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    spec = VARIANTS[name]
    masks = MASKS in spec.output_names
    write_shapes(tmp_path / "data", RECIPE)
    images = open_split(tmp_path / "data", "train", Preprocess(spec.input_hw), masks=masks)
    torch.manual_seed(0)
    detector = Detector(spec)
    train(one_detector(detector), detector, images, CONFIG, tmp_path / "run")
    report = score_detector(detector, images)
    assert report.ap50 >= 0.9
    assert (report.masks is not None) == masks
    assert report.masks is None or report.masks.ap50 >= 0.8
