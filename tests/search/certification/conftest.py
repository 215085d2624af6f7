"""A finished run of forty random networks, and a copy that a test may certify."""

import shutil
from pathlib import Path

import pytest

from latency import Predictor
from search import (
    CallableEvaluator,
    Objective,
    SearchResult,
    latency_objective,
    load_result,
    run_search,
)
from search.objectives.latency import save_latency
from tests.search.certification.bench import SPACE, score
from tests.search.conftest import OPTIONS


@pytest.fixture(scope="session")
def searched(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    folder = tmp_path_factory.mktemp("searched") / "run"
    goals = (latency_objective(predictor, SPACE), Objective("ap", "max", "AP"))
    run_search(
        SPACE,
        "random",
        CallableEvaluator(score, "ap"),
        goals,
        evals=40,
        out_dir=folder,
        space_options=OPTIONS,
        prepare=lambda: save_latency(folder, predictor),
    )
    return load_result(folder)


@pytest.fixture
def run(searched: SearchResult, tmp_path: Path) -> Path:
    return Path(shutil.copytree(searched.folder, tmp_path / "run"))
