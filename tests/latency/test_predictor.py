from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from latency import (
    LatencyError,
    PredictorError,
    TableError,
    TableMismatchError,
    UnprofiledModuleError,
    evaluate,
    fit,
    graph_macs,
    isolated_sum_ms,
    load_predictor,
    macs_proportional_ms,
    predict_archs,
    read_table,
    save_predictor,
    score,
)
from searchspaces import make_space
from tests.latency.oracle import OPTIONS, additive_backend, true_latency_ms


@pytest.fixture
def predictor(run_profile):
    return fit(run_profile())


def test_additive_device_is_predicted_exactly(predictor, space, rng):
    for _ in range(20):
        detector = space.detector(space.sample(rng))
        latency = predictor.predict(detector)
        true_ms = true_latency_ms(detector.graph())
        assert latency.p50_ms == pytest.approx(true_ms, rel=1e-4)  # some noise is always allowed
        assert latency.lo_ms <= latency.p50_ms <= latency.hi_ms
        assert latency.coverage == 1.0
        total = sum(item.ms for item in latency.breakdown)
        assert latency.p50_ms == pytest.approx(total + latency.unattributed_ms)
        assert {item.part for item in latency.breakdown} == {"backbone", "neck", "head"}


def test_the_ways_to_name_a_detector_agree(predictor, space, rng):
    detector = space.detector(space.sample(rng))
    graph = detector.graph()
    ways = [detector, graph, graph.counts(), detector.modules()]
    assert len({round(predictor.predict(way).p50_ms, 9) for way in ways}) == 1
    assert np.ptp(predictor.predict_ms(ways)) < 1e-9


def test_unknown_modules_are_estimated_and_widen_the_interval(predictor, space):
    other = make_space("detnas-nano", **OPTIONS | {"input_hw": (96, 64)})
    known, foreign = (s.detector(s.decode("0" * 10)) for s in (space, other))
    sure, unsure = predictor.predict(known), predictor.predict(foreign)
    assert (sure.coverage, unsure.coverage) == (1.0, 0.0)
    assert unsure.p50_ms > 0
    width = [(each.hi_ms - each.lo_ms) / each.p50_ms for each in (sure, unsure)]
    assert width[1] > 10 * width[0]
    assert not all(item.familiar for item in unsure.breakdown)


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


def test_a_profile_cut_short_can_be_fitted_and_says_so(run_profile, space, rng):
    table = run_profile(detectors=6)
    half = replace(table, rows=table.rows[: len(table.rows) // 2])
    predictor = fit(half)
    assert len(predictor.costs) < len(table.manifest.recipes)
    assert 0 < len(predictor.calibrated_on) < 6
    latencies = [predictor.predict(space.detector(space.sample(rng))) for _ in range(5)]
    assert min(latency.coverage for latency in latencies) < 1


def test_detectors_that_were_fitted_on_prove_nothing(predictor, run_profile):
    fitted = run_profile("again.jsonl", modules=False)
    with pytest.raises(PredictorError, match="fitted on every whole detector"):
        evaluate(predictor, fitted)
    mixed = run_profile("mixed.jsonl", modules=False, seed=4, detectors=3)
    result = evaluate(predictor, replace(mixed, rows=(*mixed.rows, *fitted.rows)))
    assert (result.scores.n, result.left_out) == (3, 8)


def test_upper_bound_is_above_the_median(predictor, space, rng):
    detector = space.detector(space.sample(rng))
    assert predictor.upper_ms(detector, 0.95) >= predictor.predict(detector).p50_ms


def test_file_round_trip_and_damage(predictor, tmp_path, space, rng):
    path = tmp_path / "p.json"
    save_predictor(path, predictor)
    again = load_predictor(path)
    assert again == predictor
    detector = space.detector(space.sample(rng))
    assert again.predict(detector).p50_ms == predictor.predict(detector).p50_ms
    assert again.predict(detector).hi_ms == pytest.approx(predictor.predict(detector).hi_ms)
    fields = json.loads(path.read_text())
    for change, message in (
        ({"schema": "detfit.predictor/7"}, "schema 'detfit.predictor/7' is not"),
        ({"closure": {"model": "magic", "residuals": [0.1]}}, "closure 'magic' is not one of"),
        ({"costs": {"nonsense": [1, 2]}}, "no module key"),
        ({"manifest": {}}, "names no schema"),
        ({"closure": fields["closure"] | {"scale": None}}, "scale must be a finite number"),
        ({"closure": fields["closure"] | {"residuals": []}}, "no residuals"),
    ):
        path.write_text(json.dumps(fields | change))
        with pytest.raises(PredictorError, match=message):
            load_predictor(path)
    del fields["costs"]
    path.write_text(json.dumps(fields))
    with pytest.raises(PredictorError, match="'costs' is missing"):
        load_predictor(path)
    path.write_text("[1]")
    with pytest.raises(PredictorError, match="schema None"):
        load_predictor(path)
    path.write_text("{")
    with pytest.raises(PredictorError, match="no predictor file"):
        load_predictor(path)
    with pytest.raises(PredictorError, match="there is no predictor"):
        load_predictor(tmp_path / "none.json")


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


def test_evaluate_refuses_what_it_cannot_compare(predictor, run_profile):
    with pytest.raises(PredictorError, match="no whole detectors"):
        evaluate(predictor, run_profile("empty.jsonl", detectors=0))
    other = run_profile(
        "other.jsonl", backend=additive_backend(noise=0.1), modules=False, detectors=1
    )
    with pytest.raises(TableMismatchError, match=r"device\.uuid"):
        evaluate(predictor, other)


def test_predict_archs(predictor):
    code = "detnas-nano:00-11-2233-00"
    row = predict_archs(predictor, [code])[0]
    assert row["arch"] == code
    assert row["lo_ms"] <= row["p50_ms"] <= row["hi_ms"]
    assert sum(item["count"] for item in row["breakdown"]) == 14
    with pytest.raises(LatencyError, match="fitted on detnas-nano"):
        predict_archs(predictor, ["detnas-small:" + "0" * 20])


def test_scores_have_closed_forms():
    measured = np.array([10.0, 20.0, 40.0, 80.0])
    scores = score(measured * [1.04, 0.92, 1.0, 1.2], measured)
    assert scores.mape == pytest.approx(8.0)
    assert (scores.within_5pct, scores.within_10pct, scores.kendall_tau) == (0.5, 0.75, 1.0)
    assert score(measured[::-1], measured).kendall_tau == -1.0
    assert np.isnan(score(measured[:1], measured[:1]).kendall_tau)
    with pytest.raises(PredictorError, match="cannot compare"):
        score(measured[:2], measured)
    with pytest.raises(PredictorError, match="cannot compare"):
        score(measured[:0], measured[:0])


def test_baselines_have_closed_forms(run_profile, macs_backend):
    table = run_profile(backend=macs_backend, isolated=True, detectors=6)
    graphs = [workload.graph for workload, _ in table.detectors()]
    measured = [m.median_ms for _, m in table.detectors()]
    assert macs_proportional_ms(table, graphs) == pytest.approx(measured, rel=0.02)
    modules = [sum(graph.counts().values()) for graph in graphs]
    expected = [graph_macs(g) / 1e6 + 0.01 * n for g, n in zip(graphs, modules, strict=True)]
    assert isolated_sum_ms(table, graphs) == pytest.approx(expected)
    bare = run_profile("bare.jsonl", detectors=0)
    with pytest.raises(UnprofiledModuleError, match="any whole detector"):
        macs_proportional_ms(bare, graphs)
    with pytest.raises(UnprofiledModuleError):
        isolated_sum_ms(bare, graphs)


@pytest.mark.parametrize(
    "change",
    [
        {"costs": None},
        {"costs": []},
        {"closure": {"model": "scale", "scale": 10**400, "offset_ms": 0, "residuals": [0.1]}},
    ],
)
def test_a_wrong_field_of_a_predictor_file_is_refused(predictor, tmp_path, change):
    path = tmp_path / "p.json"
    save_predictor(path, predictor)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(PredictorError, match=r"p\.json is damaged: .*detfit fit"):
        load_predictor(path)


def test_a_deeply_nested_predictor_file_is_refused(tmp_path):
    (tmp_path / "p.json").write_text("[" * 200_000)
    with pytest.raises(PredictorError, match="is no predictor file"):
        load_predictor(tmp_path / "p.json")


def test_a_predictor_replaces_predictors_alone(predictor, tmp_path):
    path = tmp_path / "p.json"
    for _ in range(2):
        save_predictor(path, predictor)
    for name, content in (("notes.json", "{}"), ("table.json", '{"schema":"detfit.latency-')):
        other = tmp_path / name
        other.write_text(content)
        with pytest.raises(LatencyError, match=f"{name} exists and is no predictor"):
            save_predictor(other, predictor)
        assert other.read_text() == content
    with pytest.raises(LatencyError, match=r"\.jsonl is for tables"):
        save_predictor(tmp_path / "p.jsonl", predictor)
    assert not (tmp_path / "p.jsonl").exists()


def test_tables_and_predictors_are_not_taken_for_each_other(predictor, run_profile, tmp_path):
    run_profile("table.jsonl")
    with pytest.raises(PredictorError, match=r"no predictor file: .*detfit fit .*table\.jsonl"):
        load_predictor(tmp_path / "table.jsonl")
    save_predictor(tmp_path / "p.json", predictor)
    with pytest.raises(TableError, match=r"p\.json is a predictor; name the table"):
        read_table(tmp_path / "p.json")
