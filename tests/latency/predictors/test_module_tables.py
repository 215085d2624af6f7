"""Tables of modules alone: imported, split, fitted, evaluated; no detector anywhere."""

from __future__ import annotations

import json

import numpy as np
import pytest

from latency import (
    PredictorError,
    TableMismatchError,
    describe_evaluation,
    describe_predictor,
    evaluate,
    fit,
    import_table,
    load_predictor,
    make_origin,
    save_predictor,
    split_table,
)
from tests.latency.estimator.device import depthwise, grid, measured


def lines(times) -> str:
    rows = []
    for spec, ms in times.items():
        kind = "Regular" if spec.get_int("groups") == 1 else "Depthwise"
        batch, c, h, w = spec.inputs[0].shape
        sizes = (batch, c, h, w, *map(spec.get_int, ("out_channels", "kernel", "stride")))
        rows.append(f"{{{kind},{','.join(map(str, sizes))},0}} {ms:.6f}\n")
    return "".join(rows)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    few = [spec for spec in grid() if spec.get_int("stride") == 1][::4]  # too few for trees
    times = measured([*few, *depthwise()], 0.02, np.random.default_rng(0))
    (folder / "conv.txt").write_text(lines(times))
    origin = make_origin("tinynas-conv", "V100")
    return import_table(folder / "conv.txt", folder / "V.jsonl", "tinynas-conv", origin)


@pytest.fixture(scope="module")
def parts(table):
    return split_table(table, 0.2, np.random.default_rng(1))


@pytest.fixture(scope="module")
def predictor(parts):
    return fit(parts[0])


def test_modules_are_compared(predictor, parts):
    result = evaluate(predictor, parts[1])
    assert (result.scores.n, result.left_out, result.confidence) == (len(parts[1]), 0, 0.9)
    assert result.scores.mape < 30
    assert result.scores.kendall_tau > 0.7
    assert 0.7 <= result.interval_coverage <= 1
    assert result.scores.n == len(describe_evaluation(result)["detectors"])


def test_modules_that_were_fitted_on_prove_nothing(predictor, parts, table):
    assert evaluate(predictor, table).left_out == len(parts[0])
    with pytest.raises(PredictorError, match="every module of this table"):
        evaluate(predictor, parts[0])
    other = fit(table)
    with pytest.raises(PredictorError, match="every module of this table"):
        evaluate(other, parts[1])


def test_another_precision_is_refused(predictor, tmp_path):
    (tmp_path / "c.txt").write_text("{Regular,1,16,7,7,16,3,1,0} 0.1\n")
    origin = make_origin("tinynas-conv", "V100", precision="fp16")
    held = import_table(tmp_path / "c.txt", tmp_path / "h.jsonl", "tinynas-conv", origin)
    with pytest.raises(TableMismatchError, match="precision"):
        evaluate(predictor, held)


def test_exact_costs_come_first_and_estimates_are_flagged(predictor, parts):
    known, unknown = next(iter(parts[0])), next(iter(parts[1]))
    latency = predictor.predict([(known, 2), (unknown, 1)])
    exact, estimate = latency.breakdown
    assert (exact.ms, exact.measured) == (2 * parts[0][known].median_ms, True)
    assert (estimate.measured, estimate.familiar) == (False, True)
    assert estimate.margin_ms > 0 == exact.margin_ms
    assert latency.hi_ms == pytest.approx(latency.p50_ms + estimate.margin_ms)
    assert latency.coverage == pytest.approx(exact.ms / (exact.ms + estimate.ms))
    assert latency.confidence == 0  # no detector has shown that modules add up here
    narrow = predictor.predict([(unknown, 1)], 0.5)
    assert narrow.hi_ms < predictor.predict([(unknown, 1)], 0.9).hi_ms
    assert predictor.upper_ms([(unknown, 1)]) > narrow.p50_ms


def test_the_file_holds_the_estimator(predictor, parts, tmp_path):
    path = tmp_path / "p.json"
    save_predictor(path, predictor)
    again = load_predictor(path)
    assert again == predictor
    assert evaluate(again, parts[1]) == evaluate(predictor, parts[1])
    save_predictor(tmp_path / "q.json", again)
    assert (tmp_path / "q.json").read_bytes() == path.read_bytes()


def test_damage_is_refused_by_name(predictor, tmp_path):
    path = tmp_path / "p.json"
    save_predictor(path, predictor)
    fields = json.loads(path.read_text())
    packed = fields["estimator"]["npz"]
    for change, message in (
        (
            {"estimator": fields["estimator"] | {"npz": packed[:-8] + "AAAA" + packed[-4:]}},
            "sha256",
        ),
        ({"estimator": fields["estimator"] | {"schema": "x"}}, "estimator: schema 'x'"),
        ({"estimator": 3}, "estimator: schema None"),
    ):
        path.write_text(json.dumps(fields | change))
        with pytest.raises(PredictorError, match=f"p.json is damaged: .*{message}"):
            load_predictor(path)
    del fields["estimator"]
    path.write_text(json.dumps(fields))
    with pytest.raises(PredictorError, match="'estimator' is missing"):
        load_predictor(path)
    path.write_text(json.dumps(fields | {"schema": "detfit.predictor/1"}))
    assert load_predictor(path).estimator is None  # what the first version wrote


def test_description(predictor):
    fields = json.loads(json.dumps(describe_predictor(predictor), allow_nan=False))
    assert fields["calibration_detectors"] == 0
    assert fields["left_out_mape"] is None
    families = fields["estimated_families"]
    assert set(families) == {"conv fp32 b1", "conv depthwise fp32 b1"}
    assert all(row["interval_factor"] > 1 for row in families.values())
    assert sum(row["modules"] for row in families.values()) == fields["modules"]
