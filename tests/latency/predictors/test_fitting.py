from __future__ import annotations

import json
from dataclasses import replace

import pytest

from latency import (
    PredictorError,
    describe_predictor,
    fit,
    load_predictor,
    make_simulated,
    save_predictor,
)
from latency.simulated.device_file import FOLDER
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


def test_a_device_of_ones_own_is_kept_in_the_file(run_profile, space, tmp_path):
    table, own = run_profile(detectors=4), tmp_path / "mine.json"
    fields = json.loads((FOLDER / "t4.json").read_text())
    for name in ("Mine", fields["name"]):  # one of its own, and an edited copy of a shipped one
        fields["name"] = name
        fields["bandwidth_gb_s"]["value"] = 1.0
        own.write_text(json.dumps(fields))
        predictor = fit(table, source=make_simulated(f"{own}:tensorrt"))
        own.unlink()
        assert describe_predictor(predictor)["trend"] == f"simulated:{name}:tensorrt"
        assert predictor.joint.basis.specification
        save_predictor(tmp_path / "p.json", predictor)
        again = load_predictor(tmp_path / "p.json")
        assert again.joint.basis == predictor.joint.basis
        detectors = [space.detector(space.decode("0123012301"))]
        assert again.predict_ms(detectors) == pytest.approx(predictor.predict_ms(detectors))
    shipped = fit(table, source=make_simulated("T4:tensorrt"))
    assert not shipped.joint.basis.specification
    assert shipped.joint.basis != predictor.joint.basis
