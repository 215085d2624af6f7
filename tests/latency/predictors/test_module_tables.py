"""Tables of modules alone: imported, split, fitted, evaluated; no detector anywhere."""

from __future__ import annotations

import json
from dataclasses import replace

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
    make_simulated,
    save_predictor,
    split_table,
)
from latency.simulated.device_file import FOLDER
from tests.latency.estimator.device import SIDES, WIDTHS, conv, depthwise, grid, measured


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


def of_batch(table, batch: int):
    rows = tuple(row for row in table.rows if row.workload.graph.nodes[0].spec.batch == batch)
    return replace(table, rows=rows)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Modules of batch 1 and 4: a table to fit on, and a fifth to judge by."""
    folder = tmp_path_factory.mktemp("both")
    specs = [
        conv(a, b, side, batch=n) for n in (1, 4) for a in WIDTHS for b in WIDTHS for side in SIDES
    ]
    (folder / "conv.txt").write_text(lines(measured(specs, 0.02, np.random.default_rng(0))))
    origin = make_origin("tinynas-conv", "V100")
    table = import_table(folder / "conv.txt", folder / "V.jsonl", "tinynas-conv", origin)
    return split_table(table, 0.2, np.random.default_rng(1))


def test_batch_sizes_are_told_apart(both):
    predictor, held = fit(both[0]), both[1]
    assert describe_predictor(predictor)["batches"] == list(predictor.batches) == [1, 4]
    result = evaluate(predictor, held)
    fields = describe_evaluation(result)
    assert fields["notes"] == []
    assert fields["by_batch"].keys() == {"1", "4"}
    parts = fields["by_batch"].values()
    assert sum(part["unfamiliar"] for part in parts) == fields["unfamiliar"] < len(held) / 5
    assert sum(part["n"] for part in parts) == fields["n"]
    errors = sum(part["n"] * part["mape"] for part in parts)
    assert errors == pytest.approx(fields["n"] * fields["mape"])
    alone = evaluate(predictor, held, batch=4)
    assert alone.batches == (4,)
    assert alone.scores == result.of_batch(4).scores
    with pytest.raises(PredictorError, match="no modules of batch 2, only of batch 1, 4"):
        evaluate(predictor, held, batch=2)


def test_a_batch_size_that_was_not_fitted_on_is_told(both):
    predictor, held = fit(of_batch(both[0], 1)), both[1]
    result = evaluate(predictor, held)
    strange = len(of_batch(held, 4))
    assert result.of_batch(4).unfamiliar == strange > 0
    (note,) = result.notes
    assert f"batch 1: {strange} of the {len(held)} compared are of batch 4" in note
    assert evaluate(predictor, held, batch=1).notes == ()
    with pytest.raises(TableMismatchError, match="batch is 1 here, 4 there") as caught:
        evaluate(predictor, held, batch=4)
    assert caught.value.fields == ("batch",)
    other = replace(held, manifest=replace(held.manifest, batch=4))  # imported with --batch 4, say
    assert evaluate(predictor, other).scores == result.scores


def test_detectors_are_predicted_at_batch_sizes_that_were_measured(both):
    predictor = fit(both[0])
    assert predictor.at_batch(4).manifest.batch == 4
    with pytest.raises(PredictorError, match="at batch 1, 4 and knows nothing of batch 8"):
        predictor.at_batch(8)


def test_few_modules_may_follow_a_simulated_device_alone(both, tmp_path):
    train, source = of_batch(both[0], 1), make_simulated("V100:tensorrt")
    predictor = fit(replace(train, rows=train.rows[:12]), source=source)
    assert describe_predictor(predictor)["trend"] == "simulated:V100:tensorrt"
    save_predictor(tmp_path / "p.json", predictor)
    again = load_predictor(tmp_path / "p.json")
    specs = [spec for spec in train if spec not in predictor.costs]
    assert np.array_equal(again.modules_ms(specs), predictor.modules_ms(specs))
    assert describe_predictor(fit(train))["trend"] is None
    with pytest.raises(PredictorError, match=r"simulated device is the only prior; .* --from"):
        fit(train, source=predictor)
    with pytest.raises(PredictorError, match=r"--from does nothing here: .* 8 to 499"):
        fit(replace(train, rows=train.rows[:5]), source=source)


def test_a_prior_of_ones_own_is_kept_in_the_file(both, tmp_path):
    train, own = of_batch(both[0], 1), tmp_path / "mine.json"
    own.write_text((FOLDER / "v100.json").read_text().replace('"V100"', '"Mine"', 1))
    source = make_simulated(f"{own}:tensorrt")
    own.unlink()
    predictor = fit(replace(train, rows=train.rows[:12]), source=source)
    save_predictor(tmp_path / "p.json", predictor)
    again = load_predictor(tmp_path / "p.json")
    assert describe_predictor(again)["trend"] == "simulated:Mine:tensorrt"
    specs = [spec for spec in train if spec not in predictor.costs]
    assert np.array_equal(again.modules_ms(specs), predictor.modules_ms(specs))
