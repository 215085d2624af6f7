"""COCO accuracy of a torch module."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from detection import (
    CocoAnnotations,
    CocoDataset,
    Preprocess,
    ShapesRecipe,
    find_split,
    open_split,
    write_shapes,
)
from detection.errors import MetricError
from detection.metric.coco_ap import NUMBERS
from detection.metric.score import detect_with, score_detector

RECIPE = ShapesRecipe(num_train=1, num_val=5, image_hw=(64, 64), size_px=(20, 40))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> CocoDataset:
    folder = write_shapes(tmp_path_factory.mktemp("shapes"), RECIPE)
    return open_split(folder, "val", Preprocess((64, 64)))


class Oracle(nn.Module):
    """Finds exactly the annotated objects, image after image, whatever it is shown."""

    def __init__(self, dataset: CocoDataset, shift: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout()
        self._dataset, self._shift = dataset, shift
        self._next: Iterator[int] = iter(range(len(dataset)))
        self.modes: list[bool] = []

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        self.modes.append(self.training)
        boxes, labels = (
            torch.zeros(len(images), 4, 4),
            torch.zeros(len(images), 4, dtype=torch.int64),
        )
        count = torch.zeros(len(images), dtype=torch.int64)
        for row in range(len(images)):
            index = next(self._next, len(self._dataset) - 1)  # a last batch is filled up
            target = self._dataset[index][1]
            n = count[row] = len(target["labels"])
            boxes[row, :n], labels[row, :n] = target["boxes"] + self._shift, target["labels"]
        return boxes, torch.linspace(0.9, 0.6, 4).repeat(len(images), 1), labels, count


@pytest.mark.parametrize("batch_size", [1, 2, 5, 8])
def test_a_perfect_detector_is_perfect(dataset: CocoDataset, batch_size: int) -> None:
    report = score_detector(Oracle(dataset), dataset, batch_size=batch_size)
    numbers = np.array([getattr(report, name) for name in NUMBERS])
    measured = numbers[~np.isnan(numbers)]
    assert (measured[:1] == 1.0).all()
    assert report.ap == report.ap50 == report.ar100 == pytest.approx(1.0)
    assert report.n_images == 5


def test_shifted_boxes_cost_the_strict_thresholds_only(dataset: CocoDataset) -> None:
    report = score_detector(Oracle(dataset, shift=3.0), dataset)
    assert report.ap50 == pytest.approx(1.0)
    assert report.ap < 0.9


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_restored(dataset: CocoDataset, training: bool) -> None:
    module = Oracle(dataset).train(training)
    score_detector(module, dataset)
    assert set(module.modes) == {False}
    assert module.training is module.dropout.training is training


def test_the_mode_is_restored_after_an_error(dataset: CocoDataset) -> None:
    module = Oracle(dataset, shift=float("nan")).train()
    with pytest.raises(MetricError, match="not finite"):
        score_detector(module, dataset)
    assert module.training


def test_progress_counts_images(dataset: CocoDataset) -> None:
    told: list[tuple[str, float, float]] = []
    score_detector(
        Oracle(dataset), dataset, batch_size=2, progress=lambda *message: told.append(message)
    )
    assert [done for _, done, _ in told] == [2, 4, 5]
    assert {total for *_, total in told} == {5}


def test_workers_do_not_change_the_score(dataset: CocoDataset, tmp_path: Path) -> None:
    alone = score_detector(Oracle(dataset, shift=3.0), dataset)
    helped = score_detector(Oracle(dataset, shift=3.0), dataset, workers=1)
    np.testing.assert_array_equal(helped.numbers, alone.numbers)


class MaskOracle(Oracle):
    """Gives each object's mask as well, sampled from its own pixels."""

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        boxes, scores, labels, count = super().forward(images)
        masks = torch.zeros(len(images), 4, 28, 28)
        first = (len(self.modes) - 1) * len(images)
        for row in range(len(images)):
            index = min(first + row, len(self._dataset) - 1)
            for place, whole in enumerate(self._dataset[index][1]["masks"]):
                box = self._dataset[index][1]["boxes"][place : place + 1]
                rois = torch.cat((torch.zeros(1, 1), box), 1)
                masks[row, place] = roi_align(
                    whole[None, None].float(), rois, 28, sampling_ratio=4, aligned=True
                )[0, 0]
        return boxes, scores, labels, count, masks


def test_perfect_masks_score_high(tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes", RECIPE)
    found = find_split(folder, "val")
    annotations = CocoAnnotations.load(found.annotations, masks=True)
    dataset = CocoDataset(found.images_dir, annotations, Preprocess((64, 64)), masks=True)
    report = score_detector(MaskOracle(dataset), dataset, batch_size=1)
    assert report.ap == pytest.approx(1.0)
    assert report.masks is not None
    assert report.masks.ap50 == pytest.approx(1.0)
    assert report.masks.ap > 0.9
    plain = open_split(folder, "val", Preprocess((64, 64)))
    assert score_detector(MaskOracle(dataset), plain, batch_size=1).masks is None


@pytest.mark.parametrize(("device", "pinned"), [("cpu", False), ("cuda:0", True), ("cuda", True)])
def test_workers_and_pinned_memory_reach_the_loader(
    dataset: CocoDataset, monkeypatch: pytest.MonkeyPatch, device: str, pinned: bool
) -> None:
    asked: list[tuple[int, bool]] = []

    def loader(items: Any, batch_size: int, *, workers: int, pin_memory: bool) -> Any:
        asked.append((workers, pin_memory))
        return iter(())

    monkeypatch.setattr("detection.data.loader.make_loader", loader)
    assert detect_with(Oracle(dataset), dataset, device=device, workers=3) == []
    assert asked == [(3, pinned)]
