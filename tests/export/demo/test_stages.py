"""The budget that a demo chooses."""

import numpy as np
import pytest

from export.demo.stages import typical_budget_ms
from latency import Predictor, ProfileConfig, fit, profile
from searchspaces import make_space
from tests.export.conftest import OPTIONS
from tests.latency.oracle import QUICK, additive_backend


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    path = tmp_path_factory.mktemp("table") / "t.jsonl"
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=12)
    space = make_space("detnas-nano", **OPTIONS)
    return fit(profile(space, additive_backend(), config, path, space_options=OPTIONS))


def test_half_of_the_space_keeps_the_typical_budget(predictor: Predictor) -> None:
    space = make_space("detnas-nano", **OPTIONS)
    budget = typical_budget_ms(predictor, space, 0)
    assert typical_budget_ms(predictor, space, 0) == budget
    rng = np.random.default_rng(99)
    specs = [space.detector(space.sample(rng)) for _ in range(400)]
    kept = np.mean([predictor.upper_ms(spec) <= budget for spec in specs])
    assert 0.35 < kept < 0.65
