from __future__ import annotations

import json

import pytest

from latency import (
    LatencyError,
    PredictorError,
    TableError,
    load_predictor,
    read_table,
    save_predictor,
)


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
        ({"schema": "detfit.predictor/3"}, r"predictor/3' is not .*: detfit fit TABLE\.jsonl"),
        ({"schema": "detfit.predictor/7"}, r"predictor/7' is not .*: detfit fit TABLE\.jsonl"),
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
