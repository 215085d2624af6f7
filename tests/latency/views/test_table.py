"""A table as fields: what it holds, how it closes, how data-dependent times scatter."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines import EngineBuildError, FakeBackend
from latency import (
    DETECTOR,
    LatencyTable,
    describe_predictor,
    describe_table,
    describe_table_closure,
    fit,
    read_table,
)
from tests.latency.noise import conv_specs, noisy_table
from tests.latency.oracle import true_latency_ms
from tests.latency.views.fields import plain

RunProfile = Callable[..., LatencyTable]


@pytest.fixture
def table(run_profile: RunProfile) -> LatencyTable:
    return run_profile()


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


def test_a_table_says_how_it_closes(table: LatencyTable) -> None:
    closure = plain(describe_table(table))["closure"]
    fitted = describe_predictor(fit(table))
    assert closure["detectors"] == 8
    for name in ("left_out_mape", "interval_half_width_pct", "unattributed_pct"):
        assert closure[name] == fitted[name]


def test_what_cannot_close_says_why(rng: np.random.Generator) -> None:
    assert describe_table_closure(noisy_table(rng, conv_specs(3), count=6)) is None


def test_chains_whose_time_depends_on_the_data_keep_their_spread(table: LatencyTable) -> None:
    """Four inputs that take 1, 2, 3 and 4 times as long."""
    rows = tuple(
        replace(row, measurement=replace(row.measurement, inputs=4, raw_ms=(1.0, 2.0, 3.0, 4.0)))
        for row in table.rows
        if row.measurement is not None
    )
    told = plain(describe_table(replace(table, rows=rows)))["data_dependent"]
    assert len(told) == sum(row.workload.role != DETECTOR for row in rows)
    for spread in told:
        assert (spread["inputs"], spread["p50_ms"]) == (4, 2.5)
        assert (spread["fastest_input_ms"], spread["slowest_input_ms"]) == (1.0, 4.0)
        assert spread["p50_ms"] < spread["p90_ms"] < spread["p99_ms"] < 4.0


def test_a_profile_records_inputs_for_its_tail_alone(table: LatencyTable) -> None:
    told = describe_table(table)["data_dependent"]
    assert [spread["name"] for spread in told] == ["tail up to detections"]
    assert told[0]["inputs"] > 1


def test_what_an_engine_did_otherwise_than_asked_is_kept_and_told(
    run_profile: RunProfile, tmp_path: Path
) -> None:
    class Reluctant(FakeBackend):
        """Warns of whole detectors, as an engine that cannot capture them."""

        def build(self, model: Any, **options: Any) -> Any:
            engine = super().build(model, **options)
            if len(model.graph.nodes) > 10:
                engine.warnings = ("no CUDA graph: it synchronises",)
            return engine

    backend = Reluctant(
        latency_ms=lambda model: true_latency_ms(model.graph), device_name="reluctant"
    )
    table = run_profile("warned.jsonl", backend=backend)
    again = read_table(tmp_path / "warned.jsonl")
    assert again.rows == table.rows
    warned = [row for row in again.rows if row.warnings]
    assert {row.workload.role for row in warned} == {DETECTOR}
    told = f"no CUDA graph: it synchronises (8 of {len(table.rows)} visits)"
    assert plain(describe_table(again))["warnings"] == [told]
