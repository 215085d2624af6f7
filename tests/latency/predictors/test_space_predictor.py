"""Many architectures at once equal each alone."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from latency import LatencyTable, ModuleCost, Predictor, fit
from searchspaces import make_space
from tests.latency.oracle import OPTIONS, true_latency_ms


def test_sums_equal_each_detectors_own(predictor, space, rng):
    archs = [space.sample(rng) for _ in range(50)]
    fast = predictor.for_space(space)
    found = fast.predict_ms(archs)
    assert found == pytest.approx(predictor.predict_ms([space.detector(a) for a in archs]))
    true = [true_latency_ms(space.detector(a).graph()) for a in archs]
    assert found == pytest.approx(true, rel=1e-4)
    assert fast.predict_ms(archs[:3]) == pytest.approx(found[:3])
    assert fast.predict_ms([]).shape == (0,)


def test_unmeasured_modules_are_estimated_alike(predictor, space, rng):
    kept = {spec: cost for i, (spec, cost) in enumerate(predictor.costs.items()) if i % 5}
    sparse = replace(predictor, costs=kept)
    archs = [space.sample(rng) for _ in range(10)]
    expected = sparse.predict_ms([space.detector(arch) for arch in archs])
    assert sparse.for_space(space).predict_ms(archs) == pytest.approx(expected)


def test_another_spaces_modules_are_estimated_alike(predictor, rng):
    other = make_space("detnas-nano", **OPTIONS | {"input_hw": (96, 64)})
    archs = [other.sample(rng) for _ in range(5)]
    expected = predictor.predict_ms([other.detector(arch) for arch in archs])
    assert predictor.for_space(other).predict_ms(archs) == pytest.approx(expected)


@pytest.mark.timing
@pytest.mark.parametrize("name", ["detnas-large", "crnas-resnet101", "smnas-modular"])
def test_fifty_thousand_detectors_a_second(run_profile, name):
    table: LatencyTable = run_profile(detectors=1)
    space = make_space(name)
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(2_000)]
    specs = {spec for arch in archs for spec, _ in space.detector(arch).modules()}
    costs = {spec: ModuleCost(1.0, 0.0) for spec in specs}
    predictor = Predictor(table.manifest, costs, fit(table).closure, ())
    fast = predictor.for_space(space)
    fast.predict_ms(archs)
    rates = []
    for _ in range(10):
        begun = time.process_time()  # of one core; others may use it too
        fast.predict_ms(archs)
        rates.append(len(archs) / (time.process_time() - begun))
    assert max(rates) >= 50_000
