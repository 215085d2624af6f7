"""Data in PASCAL VOC's layout is scored by the metric that its papers quote, too."""

from pathlib import Path
from typing import Any

import pytest

from detection import (
    Preprocess,
    ShapesRecipe,
    TrainConfig,
    open_split,
    train_detector,
    write_shapes,
)
from detection.metric.score import detect_with
from detection.metric.voc_ap import evaluate_voc
from searchspaces import make_space
from tests.detection.data.trees import write_voc

CONFIG = TrainConfig(steps=2, batch_size=2, log_every=1, evaluate_every=1)


def trained_on(folder: Path, classes: int, output: Path) -> Any:
    options: dict[str, Any] = {
        "head": "retinanet",
        "input_hw": (64, 64),
        "num_classes": classes,
    }
    space = make_space("detnas-nano", **options)
    arch = space.decode("0123012301")
    return train_detector(space, arch, folder, CONFIG, output, space_options=options)


def test_voc_data_is_scored_by_both_metrics(tmp_path: Path) -> None:
    folder, stems = tmp_path / "voc", [f"{number:06d}" for number in range(16)]
    write_voc(folder, {"2007": {"trainval": stems[:8], "test": stems[8:]}}, seed=1)
    trained = trained_on(folder, 20, tmp_path / "w.safetensors")
    dataset = open_split(folder, "val", Preprocess((64, 64)))
    expected = evaluate_voc(dataset.annotations, detect_with(trained.detector, dataset))
    assert trained.voc.to_dict() == expected.to_dict()
    rows = [row.scores for row in trained.training.history]
    assert [set(row) for row in rows] == [
        {"ap", "ap50", "ap75", "voc_ap50", "voc_ap50_11_points"}
    ] * 2
    assert rows[-1]["voc_ap50"] == pytest.approx(expected.ap50)
    assert rows[-1]["voc_ap50_11_points"] == pytest.approx(expected.ap50_11_points)
    assert "voc_ap50" in (tmp_path / "w.training" / "log.csv").read_text().splitlines()[0]


def test_other_data_by_coco_alone(tmp_path: Path) -> None:
    recipe = ShapesRecipe(num_train=4, num_val=2, image_hw=(64, 64), size_px=(16, 48))
    trained = trained_on(write_shapes(tmp_path / "s", recipe), 3, tmp_path / "w.safetensors")
    assert trained.voc is None
    assert set(trained.training.history[-1].scores) == {"ap", "ap50", "ap75"}
