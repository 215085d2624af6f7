from __future__ import annotations

from dataclasses import replace

import pytest

from latency import PredictorError, fit
from tests.latency.oracle import true_latency_ms


def test_a_profile_cut_short_can_be_fitted_and_says_so(run_profile, space, rng):
    table = run_profile(detectors=6)
    half = replace(table, rows=table.rows[: len(table.rows) // 2])
    predictor = fit(half)
    assert len(predictor.costs) < len(table.manifest.recipes)
    assert 0 < len(predictor.calibrated_on) < 6
    latencies = [predictor.predict(space.detector(space.sample(rng))) for _ in range(5)]
    assert min(latency.coverage for latency in latencies) < 1


def test_fit_needs_detectors_but_no_chains(run_profile, space):
    with pytest.raises(PredictorError, match="no whole detectors"):
        fit(run_profile("b.jsonl", detectors=0))
    wholes = fit(run_profile("a.jsonl", modules=False))
    detector = space.detector(space.decode("0123012301"))
    latency = wholes.predict(detector)
    assert latency.p50_ms == pytest.approx(true_latency_ms(detector.graph()), rel=0.2)
    assert latency.hi_ms - latency.lo_ms > 0.01 * latency.p50_ms
    table = run_profile("c.jsonl")
    tailless = [r for r in table.rows if "tail" not in r.workload.label]
    latency = fit(replace(table, rows=tuple(tailless))).predict(detector)
    assert latency.p50_ms == pytest.approx(true_latency_ms(detector.graph()), rel=0.05)
