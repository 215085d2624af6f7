from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines import FakeBackend
from latency import LatencyTable, Predictor, ProfileConfig, fit, profile
from searchspaces import cost_of, make_space
from tests.latency.oracle import OPTIONS, QUICK, additive_backend


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def space():
    return make_space("detnas-nano", **OPTIONS)


@pytest.fixture
def run_profile(space, tmp_path: Path) -> Callable[..., LatencyTable]:
    def run(name: str = "t.jsonl", backend: FakeBackend | None = None, **changes) -> LatencyTable:
        resume = changes.pop("resume", False)
        config = ProfileConfig(**{"protocol": QUICK, "replicates": 1, "detectors": 8} | changes)
        return profile(
            space,
            backend or additive_backend(),
            config,
            tmp_path / name,
            space_options=OPTIONS,
            resume=resume,
        )

    return run


@pytest.fixture
def macs_backend() -> FakeBackend:
    def latency(model) -> float:
        return sum(cost_of(s).macs * n for s, n in model.graph.counts().items()) / 1e6 + 0.01

    return FakeBackend(latency_ms=latency, device_name="macs")


@pytest.fixture
def predictor(run_profile) -> Predictor:
    return fit(run_profile())
