"""Fronts of a run against every cost, with intervals and budgets."""

from pathlib import Path
from typing import Any

import pytest

from export import report_html, run_report, search_front
from export.report.charts import front_figure
from export.report.fronts import further_fronts
from latency import make_simulated
from search import (
    CallableEvaluator,
    Constraint,
    Objective,
    SearchResult,
    counted_objective,
    latency_objective,
    run_search,
    save_latency,
)
from searchspaces import Architecture, make_space

OPTIONS: dict[str, Any] = {"head": "retinanet", "input_hw": (64, 64), "num_classes": 3}
SPACE = make_space("detnas-nano", **OPTIONS)
HERE, THERE = make_simulated("V100"), make_simulated("T4")


def score(arch: Architecture) -> float:
    return 30.0 + int(arch.digest[:4], 16) / 0xFFFF


def searched(folder: Path, *known: Objective, **more: Any) -> SearchResult:
    def prepare() -> None:
        save_latency(folder, HERE)
        save_latency(folder, THERE, "edge")

    return run_search(
        SPACE,
        "random",
        CallableEvaluator(score, "ap50"),
        (*known, Objective("ap50", "max", "AP")),
        evals=15,
        out_dir=folder,
        space_options=OPTIONS,
        prepare=prepare,
        **more,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    here = latency_objective(HERE, SPACE)
    there = latency_objective(THERE, SPACE, "edge")
    return searched(
        tmp_path_factory.mktemp("run") / "r",
        here,
        there,
        counted_objective("macs", SPACE),
        constraints=(Constraint("latency_ms@edge", 1e3),),
    )


def test_members_have_the_predictors_interval_and_others_none(run: SearchResult) -> None:
    front = search_front(run)
    assert front.cost_title == "predicted latency (ms)"
    for mark in front.marks:
        if mark.dominated and not mark.chosen:
            assert mark.interval is None
            continue
        told = HERE.predict(SPACE.detector(SPACE.decode(mark.label)), 0.9)
        assert mark.interval == (told.lo_ms, told.hi_ms)
        assert told.lo_ms < mark.cost < told.hi_ms


def test_every_cost_has_its_front(run: SearchResult) -> None:
    edge, macs = further_fronts(run)
    assert (edge.cost_title, edge.budget_ms) == ("predicted latency on edge (ms)", 1e3)
    assert macs.cost_name == "macs"
    assert macs.show_cost(123_456_789.0) == "1.2346e+08"
    assert len(edge.marks) == len(macs.marks) == 15
    told = THERE.predict(SPACE.detector(SPACE.decode(edge.marks[0].label)), 0.9)
    assert edge.marks[0].cost == pytest.approx(told.p50_ms)
    assert all(mark.interval is None for mark in macs.marks)
    column = [goal.name for goal in run.objectives].index("macs")
    for mark, evaluation in zip(macs.marks, run.history, strict=True):
        assert mark.cost == evaluation.values[column]
        beaten = any(
            o.cost <= mark.cost
            and o.accuracy >= mark.accuracy
            and (o.cost, o.accuracy) != (mark.cost, mark.accuracy)
            for o in macs.marks
        )
        assert mark.dominated == beaten


def test_the_page_draws_all_of_them(run: SearchResult) -> None:
    page = report_html(run_report(run))
    for chart in ("front-chart", "front-2-chart", "front-3-chart"):
        assert f'id="{chart}"' in page
    assert "Bars are the 90 % intervals of the predictions." in page
    assert "The front against predicted latency on edge as a table" in page
    assert page.count("90 % interval") >= 2


def test_a_search_by_macs_alone_does_not_call_them_milliseconds(tmp_path: Path) -> None:
    run = searched(
        tmp_path / "r",
        counted_objective("macs", SPACE),
        constraints=(Constraint("macs", 1e12),),
    )
    data = run_report(run)
    assert data.budget_ms is None
    assert data.front is not None
    assert data.front.budget_ms == 1e12
    figure = front_figure(data.front)
    assert figure["layout"]["xaxis"]["title"]["text"].startswith("macs")
    assert "ms" not in figure["layout"]["annotations"][0]["text"]
    assert "predicted ms" not in report_html(data).partition("Beside published")[0]


def test_intervals_are_drawn_about_every_member(run: SearchResult) -> None:
    figure = front_figure(search_front(run))
    (front,) = [trace for trace in figure["data"] if trace["name"] == "front"]
    bars = front["error_x"]
    assert len(bars["array"]) == len(bars["arrayminus"]) == len(front["x"])
    assert min(bars["array"]) > 0 < min(bars["arrayminus"])
    (rest,) = [trace for trace in figure["data"] if trace["name"] == "dominated"]
    assert "error_x" not in rest
