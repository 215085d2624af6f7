"""A predictor of a simulated device, a few generated images, and searches that take a second."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detection import ShapesRecipe, TrainConfig, write_shapes
from latency import Predictor, ProfileConfig, fit, profile
from search import SearchResult, SearchSettings, search_detectors
from searchspaces import make_space
from tests.latency.oracle import QUICK, additive_backend

OPTIONS = {"head": "retinanet", "input_hw": (64, 64), "num_classes": 1}
RECIPE = ShapesRecipe(
    num_train=24, num_val=4, image_hw=(64, 64), size_px=(32, 56), num_classes=1, objects=(1, 1)
)
TRAINING = TrainConfig(
    steps=6, batch_size=4, lr=0.01, optimizer="adamw", log_every=1, checkpoint_every=2
)
SETTINGS = SearchSettings(
    budget_ms=200.0, strategy="random", evals=4, search_images=4, recalibration_images=6
)
"""Enough that every path scores differently; nearly every architecture keeps the budget."""

Search = Callable[..., SearchResult]


@pytest.fixture(scope="session")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    path = tmp_path_factory.mktemp("table") / "table.jsonl"
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=10)
    space = make_space("detnas-nano", **OPTIONS)
    return fit(profile(space, additive_backend(), config, path, space_options=OPTIONS))


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("shapes"), RECIPE)


@pytest.fixture(scope="session")
def run_search_in(predictor: Predictor, shapes: Path) -> Search:
    """Search into a folder; keyword arguments replace what is usual."""

    def run(folder: Path, **changes: Any) -> SearchResult:
        usual: dict[str, Any] = {
            "predictor": predictor,
            "settings": SETTINGS,
            "data_dir": shapes,
            "training": TRAINING,
        }
        return search_detectors(**usual | changes, out_dir=folder)

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, run_search_in: Search) -> SearchResult:
    """An undisturbed run; not to be changed."""
    return run_search_in(tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture
def finished_copy(tmp_path: Path, finished: SearchResult) -> Path:
    """A copy of the undisturbed run that a test may go on with."""
    return Path(shutil.copytree(finished.folder, tmp_path / "copy"))
