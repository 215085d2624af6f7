"""Correlations of factors in the report are those of the command line."""

from pathlib import Path

import pytest

from export.report.correlations import correlation_tables, correlations_html
from search import SearchResult, describe_correlations, run_search
from search.conformance import GOALS, quality
from search.evaluators.callable import CallableEvaluator
from search.spaces.digits import DigitSpace
from tests.search.structures import stage_one_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return stage_one_run(tmp_path_factory.mktemp("run") / "r")


def test_every_factor_that_changed_is_told_with_its_interval(run: SearchResult) -> None:
    found = describe_correlations(run)["evaluated"]
    tables = {each.objective: each.rows for each in correlation_tables(run)}
    assert tables.keys() == {"latency_ms", "ap"}
    for goal, rows in tables.items():
        told = [e for e in found if e["objective"] == goal and e["spearman"] is not None]
        assert [row[0] for row in rows] == [each["factor"] for each in told]
        assert [row[1] for row in rows] == [f"{each['spearman']:+.2f}" for each in told]
    html = correlations_html(correlation_tables(run))
    assert html.count("<table>") == 2
    assert "With latency_ms" in html


def test_too_few_results_and_other_spaces_tell_nothing(tmp_path: Path) -> None:
    assert correlation_tables(stage_one_run(tmp_path / "few", evals=4)) == ()
    other = run_search(
        DigitSpace(4, 3),
        "random",
        CallableEvaluator(quality, "quality"),
        GOALS,
        evals=20,
        out_dir=tmp_path / "digits",
    )
    assert correlation_tables(other) == ()
    assert correlations_html(()) == ""
