"""What modules cost inside a detector, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from latency import MODULE, LatencyTable, describe_costs, fit
from latency.predictors.in_context import in_context

Profiler = Callable[..., LatencyTable]


def test_costs_are_those_that_predictions_sum(run_profile: Profiler) -> None:
    table = run_profile()
    found = in_context(table)
    assert found is not None
    assert found.costs == fit(table).costs
    assert found.detectors == 8
    assert found.chains == len(table.measurements) - 8
    (note,) = found.notes
    assert note.startswith("cost inside a detector, not timed alone")
    assert f"{found.chains} chains and 8 whole detectors" in note


def test_rows_are_one_number_without_interval(run_profile: Profiler) -> None:
    table = run_profile()
    found = in_context(table)
    assert found is not None
    rows = found.rows(table, MODULE)
    assert {row.workload.graph.nodes[0].spec for row in rows} == found.costs.keys()
    for row in rows:
        cost = found.costs[row.workload.graph.nodes[0].spec]
        assert row.measurement is not None
        assert row.measurement.raw_ms == (cost.ms,)
        assert not row.measurement.converged
        assert row.workload.label.startswith("cost inside a detector, standard deviation")


def test_a_module_that_costs_nothing_has_no_row(run_profile: Profiler) -> None:
    table = run_profile()
    found = in_context(table)
    assert found is not None
    spec, cost = next(iter(found.costs.items()))
    free = replace(found, costs={**found.costs, spec: replace(cost, ms=0.0)})
    assert len(free.rows(table, MODULE)) == len(found.costs) - 1
    assert "1 modules that come to 0 ms there" in free.notes


def test_whole_detectors_alone_tell_no_modules(run_profile: Profiler) -> None:
    assert in_context(run_profile(modules=False)) is None


def test_costs_are_listed_the_dearest_first(run_profile: Profiler) -> None:
    predictor = fit(run_profile())
    listed = describe_costs(predictor)
    assert {each["key"]: each["ms"] for each in listed} == {
        spec.key: cost.ms for spec, cost in predictor.costs.items()
    }
    times = [each["ms"] for each in listed]
    assert times == sorted(times, reverse=True)
    assert all(each["sd_ms"] >= 0 for each in listed)
