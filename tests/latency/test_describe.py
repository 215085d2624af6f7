"""Tables, predictors and predictions as fields."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines import EngineBuildError, FakeBackend
from latency import (
    LatencyError,
    LatencyTable,
    Predictor,
    TableMismatchError,
    describe_evaluation,
    describe_latency,
    describe_predictor,
    describe_table,
    evaluate,
    fit,
    merge_tables,
    predict_archs,
    read_table,
)
from searchspaces import ArchitectureError, SearchSpace
from tests.latency.oracle import additive_backend, true_latency_ms

RunProfile = Callable[..., LatencyTable]


def plain(fields: Any) -> Any:
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    return fields


@pytest.fixture
def table(run_profile: RunProfile) -> LatencyTable:
    return run_profile()


@pytest.fixture
def predictor(table: LatencyTable) -> Predictor:
    return fit(table)


def test_a_table(table: LatencyTable) -> None:
    fields = plain(describe_table(table))
    assert fields["device"] == "additive"
    assert (fields["threads"], fields["precision"], fields["batch"]) == (1, "fp32", 1)
    assert fields["measured"]["detector"] == 8
    assert sum(fields["measured"].values()) == len(table.measurements)
    assert fields["failures"] == []


def test_every_unstable_entry_is_told_even_under_one_label(table: LatencyTable) -> None:
    """Chains of one kind share a label; none may hide another."""
    rows = tuple(
        replace(row, measurement=replace(row.measurement, converged=False))
        for row in table.rows
        if row.measurement is not None
    )
    labels = [row.workload.label for row in rows]
    assert len(set(labels)) < len(labels)
    unstable = plain(describe_table(replace(table, rows=rows)))["unstable"]
    assert len(unstable) == len(table.measurements) == len(rows)
    assert all(any(entry.startswith(label) for label in labels) for entry in unstable)


def test_failures_are_told(run_profile: RunProfile) -> None:
    def sometimes(model: Any) -> float:
        if len(model.graph.nodes) > 10:  # whole detectors
            raise EngineBuildError("too large")
        return true_latency_ms(model.graph)

    fields = plain(describe_table(run_profile(backend=FakeBackend(latency_ms=sometimes))))
    assert "detector" not in fields["measured"]
    assert len(fields["failures"]) == 8
    assert all("EngineBuildError: too large" in failure for failure in fields["failures"])


def test_a_predictor(predictor: Predictor) -> None:
    fields = plain(describe_predictor(predictor))
    assert fields["modules"] == len(predictor.costs)
    assert fields["calibration_detectors"] == 8
    assert 0 <= fields["left_out_mape"] < 3  # costs there follow no rule: each is a surprise
    assert 0 < fields["interval_half_width_pct"] < 10
    assert 0 <= fields["unattributed_pct"] < 2  # a constant: any module that all hold may have it


def test_a_prediction(predictor: Predictor, space: SearchSpace) -> None:
    arch = space.decode("0123012301")
    latency = predictor.predict(space.detector(arch))
    fields = plain(describe_latency("detnas-nano:0123012301", latency))
    parts = sum(item["ms"] for item in fields["breakdown"])
    assert parts + fields["unattributed_ms"] == pytest.approx(fields["p50_ms"])
    assert fields["lo_ms"] <= fields["p50_ms"] <= fields["hi_ms"]
    assert fields["coverage"] == 1.0
    assert sum(item["count"] for item in fields["breakdown"]) == len(
        space.detector(arch).graph().nodes
    )


def test_architectures_are_predicted_in_the_predictors_own_space(
    predictor: Predictor, space: SearchSpace
) -> None:
    code = "01-23-0123-01"
    (row,) = predict_archs(predictor, [f"detnas-nano:{code}"])
    graph = space.detector(space.decode(code)).graph()
    assert row["arch"] == f"detnas-nano:{code}"
    assert row["p50_ms"] == pytest.approx(true_latency_ms(graph), rel=1e-4)
    with pytest.raises(LatencyError, match="fitted on detnas-nano"):
        predict_archs(predictor, ["detnas-small:" + "0" * 20])
    with pytest.raises(ArchitectureError):
        predict_archs(predictor, ["detnas-nano:0"])
    assert predict_archs(predictor, []) == []


def test_an_evaluation(predictor: Predictor, run_profile: RunProfile) -> None:
    held_out = run_profile("held.jsonl", modules=False, seed=9)
    fields = plain(describe_evaluation(evaluate(predictor, held_out)))
    assert fields["n"] == len(fields["detectors"]) > 0
    assert fields["mape"] == pytest.approx(0.0, abs=0.01)
    assert fields["as_measured"]["mape"] == pytest.approx(0.0, abs=0.01)
    assert fields["within_5pct"] in (1.0, 100.0)
    assert {"kendall_tau", "interval_coverage", "within_10pct"} <= fields.keys()


def test_tables_are_merged_into_a_new_file(run_profile: RunProfile, tmp_path: Path) -> None:
    one, two = run_profile("a.jsonl"), run_profile("b.jsonl", seed=1)
    output = tmp_path / "both.jsonl"
    merged = merge_tables([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], output)
    assert len(merged.rows) == len(one.rows) + len(two.rows)
    assert read_table(output).rows == merged.rows
    with pytest.raises(LatencyError, match="exists; write to another file"):
        merge_tables([tmp_path / "a.jsonl"], output)
    with pytest.raises(LatencyError, match="nothing to merge"):
        merge_tables([], tmp_path / "none.jsonl")


def test_tables_of_other_devices_are_not_merged(run_profile: RunProfile, tmp_path: Path) -> None:
    run_profile("a.jsonl")
    run_profile("b.jsonl", backend=additive_backend(macs_per_ms=3.0, noise=0.01))
    with pytest.raises(TableMismatchError):
        merge_tables([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "both.jsonl")
    assert not (tmp_path / "both.jsonl").exists()
