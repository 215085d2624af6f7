"""The time of a step: the fastest of a path, the mean over paths."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from detection import TrainConfig
from detection.training.timing import TIMED_STEPS, WARM_STEPS, StepTime, measure_step

CONFIG = TrainConfig(steps=100, batch_size=8, accumulate=4, lr=1e6, warmup_steps=0)


class Sleeper(nn.Module):
    """Learn nothing for a while."""

    def __init__(self, naps: list[float]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.naps = naps
        self.shapes: list[tuple[int, ...]] = []

    def losses(self, images: Tensor, targets: Any, generator: Any = None) -> dict[str, Tensor]:
        time.sleep(self.naps.pop(0))
        self.shapes.append(tuple(images.shape))
        return {"loss": (self.weight**2).sum()}


def sleeping(*paths: list[float]) -> tuple[Callable[[int], Any], nn.ModuleList]:
    root = nn.ModuleList(Sleeper(naps) for naps in paths)
    return lambda step: root[step], root


def test_the_mean_over_paths_of_the_fastest_step() -> None:
    learner, root = sleeping([0.3, 0.02, 0.2], [0.3, 0.1])
    found = measure_step(learner, root, (32, 48), 3, CONFIG, paths=2)
    assert found.path_seconds == pytest.approx((0.02, 0.1), abs=0.05)
    assert found.seconds == pytest.approx(sum(found.path_seconds) / 2)
    assert found.seconds_per_image == found.seconds / 2
    first, second = root
    assert (len(first.shapes), len(second.shapes)) == (WARM_STEPS + TIMED_STEPS, TIMED_STEPS)
    assert set(first.shapes) == {(2, 3, 32, 48)}
    assert first.weight.item() == pytest.approx(1.0)  # whatever the rate of the run


def test_a_detector_is_one_path() -> None:
    learner, root = sleeping([0.0, 0.0, 0.0])
    found = measure_step(learner, root, (32, 32), 3, CONFIG)
    assert isinstance(found, StepTime)
    assert len(found.path_seconds) == 1
    assert found.images == 2
