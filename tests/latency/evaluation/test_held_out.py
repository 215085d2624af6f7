from __future__ import annotations

from dataclasses import replace

import pytest

from latency import PredictorError, TableMismatchError, evaluate, fit
from tests.latency.oracle import additive_backend


def test_noise_widens_the_interval_and_it_covers(run_profile):
    predictor = fit(run_profile(backend=additive_backend(noise=0.02, seed=1), detectors=20))
    assert predictor.closure.margin(0.9) > 0.001
    held_out = run_profile(
        "held.jsonl", backend=additive_backend(noise=0.02, seed=1), modules=False, seed=9
    )
    result = evaluate(predictor, held_out)
    assert result.scores.n == 8
    assert result.scores.mape < 5
    assert result.interval_coverage >= 0.6  # 8 detectors at 90 %: fewer than 5 inside is 1 in 2000
    assert result.confidence == 0.9


def test_detectors_that_were_fitted_on_prove_nothing(predictor, run_profile):
    fitted = run_profile("again.jsonl", modules=False)
    with pytest.raises(PredictorError, match="fitted on every whole detector"):
        evaluate(predictor, fitted)
    mixed = run_profile("mixed.jsonl", modules=False, seed=4, detectors=3)
    result = evaluate(predictor, replace(mixed, rows=(*mixed.rows, *fitted.rows)))
    assert (result.scores.n, result.left_out) == (3, 8)


def test_evaluate_refuses_what_it_cannot_compare(predictor, run_profile):
    held = run_profile("held.jsonl", modules=False, seed=9)
    assert evaluate(predictor, held, batch=1) == evaluate(predictor, held)
    with pytest.raises(PredictorError, match="at batch 1, none at batch 2; leave --batch out"):
        evaluate(predictor, held, batch=2)
    with pytest.raises(PredictorError, match="no whole detectors"):
        evaluate(predictor, run_profile("empty.jsonl", detectors=0))
    other = run_profile(
        "other.jsonl", backend=additive_backend(noise=0.1), modules=False, detectors=1
    )
    with pytest.raises(TableMismatchError, match=r"device\.uuid"):
        evaluate(predictor, other)
