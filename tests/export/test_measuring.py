from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection import Preprocess
from engines import FakeBackend, Measurement, TimingProtocol, TorchModel
from export.evaluation import open_data
from export.measuring import ATTEMPTS, first_images, measure_engine

FAST = TimingProtocol(warmup_min_ms=0, min_samples=6, max_samples=6, max_seconds=0.1)


class Restless:
    """An engine whose first measurements are unstable."""

    def __init__(self, *unsteady: bool) -> None:
        model = TorchModel(None, {"image": np.ones((1, 3), np.float32)}, macs=10_000_000)
        good = FakeBackend().build(model).measure(FAST)
        self.results = [replace(good, steady=not bad, converged=not bad) for bad in unsteady]
        self.calls: list[Any] = []

    def measure(self, protocol: TimingProtocol, inputs: object = None) -> Measurement:
        self.calls.append((protocol, inputs))
        return self.results[len(self.calls) - 1]


def test_a_stable_measurement_is_taken_once() -> None:
    engine = Restless(False, False)
    assert measure_engine(engine, FAST).steady  # type: ignore[arg-type]
    assert engine.calls == [(FAST, None)]


def test_an_unstable_measurement_is_taken_again() -> None:
    engine = Restless(True, False, False)
    assert measure_engine(engine, FAST).steady  # type: ignore[arg-type]
    assert len(engine.calls) == 2


def test_it_gives_up_with_the_best_of_the_bad() -> None:
    engine = Restless(*[True] * 5)
    engine.results[1] = replace(engine.results[1], converged=True)
    assert measure_engine(engine, FAST) is engine.results[1]  # type: ignore[arg-type]
    assert len(engine.calls) == ATTEMPTS


@pytest.mark.parametrize("batch", [1, 3, 6])
def test_first_images_fill_the_batch(data_folder: Path, batch: int) -> None:
    data = open_data(data_folder, "val", Preprocess((64, 64)))
    images = first_images(data, batch)["image"]
    assert images.shape == (batch, 3, 64, 64)
    assert images.std() > 0.1
    if batch > len(data):
        np.testing.assert_array_equal(images[0], images[len(data)])
