"""Paths by cost: every bin as often, the same at every call, and bounded."""

import numpy as np
import pytest
import torch

from detection import Detector, Supernet, TrainingError
from detection.training.binned_paths import binned_paths
from detection.training.paths import uniform_paths
from searchspaces import DetNasSpace

SPACE = DetNasSpace("detnas-nano", "retinanet", (64, 64), 3)


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    with torch.random.fork_rng(devices=[]):
        return Supernet(SPACE)


def macs(detector: Detector) -> int:
    return detector.spec.macs()["backbone"]


def test_costs_are_spread_evenly(supernet: Supernet) -> None:
    binned, uniform = binned_paths(supernet, 4, seed=1), uniform_paths(supernet, seed=1)
    spread = np.array([macs(binned(step)) for step in range(80)])
    usual = np.array([macs(uniform(step)) for step in range(80)])
    borders = np.linspace(spread.min(), spread.max(), 5)[1:-1]
    counts = np.bincount(np.digitize(spread, borders), minlength=4)
    assert counts.min() >= 10
    assert np.bincount(np.digitize(usual, borders), minlength=4).min() < 10
    assert spread.std() > usual.std()


def test_paths_depend_on_seed_and_step_alone(supernet: Supernet) -> None:
    first, again = binned_paths(supernet, 3, seed=1), binned_paths(supernet, 3, seed=1)
    codes = [first(step).spec for step in (5, 0, 5)]
    assert codes[0] == codes[2] == again(5).spec
    assert codes[1] == again(0).spec


def test_an_empty_bin_takes_the_closest_path(supernet: Supernet) -> None:
    paths = binned_paths(supernet, 10_000, seed=1)  # hardly any bin holds a path
    assert macs(paths(0)) > 0


def test_no_bin_is_refused(supernet: Supernet) -> None:
    with pytest.raises(TrainingError, match="macs_bins must be at least 1, got 0"):
        binned_paths(supernet, 0)
