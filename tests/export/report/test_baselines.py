"""The zoo beside a run, at equal latency."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from export import FrontMark, report_html, run_report, search_front
from export.report.baselines import Baselines, baselines_of, most_accurate
from export.report.baselines_view import (
    SHOWN,
    baselines_figure,
    baselines_html,
    best_published,
    nearest,
)
from latency import Predictor, ProfileConfig, fit, make_simulated, profile
from search import (
    CallableEvaluator,
    Constraint,
    Objective,
    SearchResult,
    latency_objective,
    load_result,
    run_search,
    save_latency,
)
from searchspaces import ZOO, Architecture, ZooSpace, make_space
from tests.latency.oracle import QUICK, additive_backend

SPACE = "smnas-modular"
NANO: dict[str, Any] = {"head": "retinanet", "input_hw": (64, 64), "num_classes": 3}
BUDGET_MS = 45.0


def score(arch: Architecture) -> float:
    return 30.0 + int(arch.digest[:4], 16) / 0xFFFF


def searched(folder: Path, predictor: Predictor | None = None, **options: Any) -> SearchResult:
    """Search a few networks by what they take on a V100 that is not here, or by a predictor."""
    name = "detnas-nano" if predictor else SPACE
    space = make_space(name, **options)
    device = predictor or make_simulated("V100", "fp32")
    limit = () if predictor else (Constraint("latency_ms", BUDGET_MS),)
    return run_search(
        space,
        "random",
        CallableEvaluator(score, "ap50"),
        (latency_objective(device, space), Objective("ap50", "max", "AP")),
        limit,
        evals=8,
        out_dir=folder,
        space_options=options,
        context={"evaluator": "scratch"},
        prepare=lambda: save_latency(folder, device),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return searched(tmp_path_factory.mktemp("run") / "r", input_hw=(600, 800), num_classes=80)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    path = tmp_path_factory.mktemp("table") / "table.jsonl"
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=10)
    space = make_space("detnas-nano", **NANO)
    return fit(profile(space, additive_backend(), config, path, space_options=NANO))


@pytest.fixture(scope="module")
def found(run: SearchResult) -> Baselines:
    compared = baselines_of(run, search_front(run))
    assert compared is not None
    return compared


def test_every_model_is_predicted_by_the_searchs_own_predictor(found: Baselines) -> None:
    assert not found.refused
    published = {row.name: row for row in found.rows if row.published_ap is not None}
    predictor, zoo = make_simulated("V100", "fp32"), ZooSpace()
    for name in ("E0", "E2", "E5", "FasterRCNN-R50-FPN", "DetNASNet-1.3G"):
        detector = zoo.detector(zoo.decode(name))
        assert published[name].ms == pytest.approx(float(predictor.predict_ms([detector])[0]))
        assert published[name].published_ap == ZOO[name].figures[0].value
        assert published[name].source == ZOO[name].figures[0].source
        low, high = published[name].interval
        assert low < published[name].ms < high
    assert [row.ms for row in found.rows] == sorted(row.ms for row in found.rows)


def test_published_ap_stands_only_where_input_and_classes_are_the_published_ones(
    found: Baselines,
) -> None:
    assert {row.name for row in found.rows} == set(ZOO)
    for row in found.rows:
        arch = ZooSpace().decode(row.name)
        height, width = ZooSpace().detector(arch).input_hw
        own = (row.size, row.classes) == (f"{width}x{height}", 80)
        has = any(figure.what == "COCO AP" for figure in ZOO[row.name].figures)
        assert (row.published_ap is not None) == (own and has)
    sizes = [row.size for row in found.rows if row.name == "E1"]
    assert sizes == ["800x600"], "published at the run's own size: told once"
    assert sorted(row.size for row in found.rows if row.name == "E0") == ["512x512", "800x600"]


def test_a_run_with_another_norm_is_compared_with_models_of_that_norm(tmp_path: Path) -> None:
    options: dict[str, Any] = {"input_hw": (320, 320), "num_classes": 3, "norm": "gn_ws"}
    run = searched(tmp_path / "r", **options)
    compared = baselines_of(run, search_front(run))
    assert compared is not None
    predictor, zoo = make_simulated("V100", "fp32"), ZooSpace(**options)
    expected = predictor.predict(zoo.detector(zoo.decode("E0"))).p50_ms
    assert expected in [row.ms for row in compared.rows if row.name == "E0"]
    other = zoo.with_norm("bn")
    assert predictor.predict(other.detector(other.decode("E0"))).p50_ms != expected


def test_ours_is_the_most_accurate_that_is_no_slower(run: SearchResult, found: Baselines) -> None:
    marks = search_front(run).marks
    faster = 0
    for row in found.rows:
        within = [mark for mark in marks if mark.cost <= row.ms]
        best = max((mark.accuracy for mark in within), default=None)
        assert (None if row.ours is None else row.ours.accuracy) == best
        faster += row.ours is None
    assert 0 < faster < len(found.rows)


def test_of_equal_accuracy_the_faster_one_stands_beside() -> None:
    slow, fast = FrontMark("slow", 9.0, 40.0), FrontMark("fast", 8.0, 40.0)
    assert most_accurate((slow, fast), 10.0) == fast
    assert most_accurate((slow, fast), 7.9) is None


def test_the_best_published_model_within_the_budget_is_named(found: Baselines) -> None:
    best = best_published(found)
    assert best is not None
    assert best.ms <= BUDGET_MS
    for row in found.rows:
        if row.published_ap is not None and row.ms <= BUDGET_MS:
            assert row.published_ap <= (best.published_ap or 0.0)
    text = baselines_html(found, "<chart>")
    assert f"within 45 ms is {best.name}" in text
    assert "The accuracies do not" in text
    assert "evaluator (scratch)" in text
    assert best_published(replace(found, budget_ms=0.001)) is None
    assert "No published model with a known AP is predicted within" in baselines_html(
        replace(found, budget_ms=0.001), ""
    )


def test_those_about_the_budget_are_shown_first(found: Baselines) -> None:
    near = nearest(found)
    assert len(near) == SHOWN
    worst = max(max(row.ms, BUDGET_MS) / min(row.ms, BUDGET_MS) for row in near)
    others = [row for row in found.rows if row not in near]
    assert all(max(r.ms, BUDGET_MS) / min(r.ms, BUDGET_MS) >= worst for r in others)


def test_the_chart_shows_published_ap_only(found: Baselines) -> None:
    figure = baselines_figure(found)
    assert figure is not None
    (trace,) = figure["data"]
    known = [row for row in found.rows if row.published_ap is not None]
    assert trace["y"] == [row.published_ap for row in known]
    assert figure["layout"]["shapes"][0]["x0"] == BUDGET_MS
    without = tuple(row for row in found.rows if row.published_ap is None)
    assert baselines_figure(replace(found, rows=without)) is None


def test_the_page_has_both_sides_apart(run: SearchResult) -> None:
    page = report_html(run_report(load_result(run.folder)))
    assert "Beside published models" in page
    assert 'id="baselines-chart"' in page
    assert "COCO AP, published" in page
    assert "its ap50, this run" in page


def test_a_predictor_that_knows_too_little_leaves_models_out(
    predictor: Predictor, tmp_path: Path
) -> None:
    run = searched(tmp_path / "r", predictor, **NANO)
    compared = baselines_of(run, search_front(run))
    assert compared is not None
    told = dict(compared.refused)
    assert sum(told.values()) + len(compared.rows) >= 2 * len(ZOO) - 6
    assert told["the predictor was fitted on modules too unlike theirs"] > len(ZOO) // 2
    assert "were left out: the predictor was fitted on modules" in baselines_html(compared, "")


def test_a_run_without_a_predictor_has_no_comparison(tmp_path: Path) -> None:
    run = searched(tmp_path / "r", input_hw=(600, 800))
    (run.folder / "simulated.json").unlink()
    assert baselines_of(run, search_front(run)) is None
    assert baselines_html(None, "") == ""
