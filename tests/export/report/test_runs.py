from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines import FakeBackend, TimingProtocol
from export import (
    AgreementMark,
    ExportResult,
    Manifest,
    ReportError,
    bundle_report,
    predicted_latency,
    report_html,
    report_of,
    run_report,
    search_front,
    table_report,
    write_report,
)
from export.report.bundle import manifest_report
from latency import LatencyTable, Predictor, ProfileConfig, fit, profile
from search import CallableEvaluator, Constraint, Objective, SearchResult, run_search
from searchspaces import Architecture, cost_of, make_space

from .browser import browser
from .test_browser import LOOK, assert_whole

OPTIONS = {"head": "retinanet", "input_hw": (64, 64), "num_classes": 3}
QUICK = TimingProtocol(
    warmup_min_ms=0, warmup_max_ms=1, min_samples=6, max_samples=6, max_seconds=0.01
)


def size_ms(arch: Architecture) -> float:
    return 1.0 + sum(int(gene) for gene in arch.genes)


def fitness(arch: Architecture) -> float:
    if arch.genes[0] == 3:
        raise RuntimeError("no data")
    return 100.0 - 5.0 * abs(12 - size_ms(arch))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return run_search(
        make_space("detnas-nano", **OPTIONS),
        "random",
        CallableEvaluator(fitness, "ap50"),
        (Objective("latency_ms", "min", "ms", known=size_ms), Objective("ap50", "max", "AP")),
        (Constraint("latency_ms", 16.0),),
        evals=25,
        out_dir=tmp_path_factory.mktemp("run"),
        seed=3,
        space_options={"head": "retinanet"},
        context={"data": "shapes"},
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> LatencyTable:
    def latency(model: Any) -> float:
        return sum(cost_of(s).macs * n for s, n in model.graph.counts().items()) / 1e7 + 0.05

    space = make_space("detnas-nano", **OPTIONS)
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=6)
    path = tmp_path_factory.mktemp("table") / "t.jsonl"
    backend = FakeBackend(latency_ms=latency, device_name="macs")
    return profile(space, backend, config, path, space_options=OPTIONS)


@pytest.fixture(scope="module")
def predictor(table: LatencyTable) -> Predictor:
    return fit(table)


def test_front_marks_what_is_dominated(run: SearchResult) -> None:
    front = search_front(run)
    assert (front.accuracy_name, front.budget_ms) == ("ap50", 16.0)
    assert len(front.marks) + front.failed == 25
    assert front.failed == len(run.failures) > 0
    for mark in front.marks:
        beaten = any(
            o.cost <= mark.cost
            and o.accuracy >= mark.accuracy
            and (o.cost, o.accuracy) != (mark.cost, mark.accuracy)
            for o in front.marks
        )
        assert mark.dominated == beaten
    (chosen,) = [mark for mark in front.marks if mark.chosen]
    within = [mark for mark in front.marks if mark.cost <= 16.0]
    assert chosen.accuracy == max(mark.accuracy for mark in within)


def test_the_choice_and_the_budget_may_be_given(run: SearchResult) -> None:
    code = run.finished[0].code if run.finished[0].status == "ok" else run.finished[1].code
    front = search_front(run, chosen=code, budget_ms=9.5)
    assert front.budget_ms == 9.5
    assert [mark.label for mark in front.marks if mark.chosen] == [code]
    assert not any(mark.chosen for mark in search_front(run, budget_ms=0.1).marks)


def test_run_report_tells_where_it_comes_from(run: SearchResult) -> None:
    data = run_report(run)
    provenance = dict(data.provenance)
    assert provenance["seed"] == "3"
    assert provenance["evaluations"] == "25 of 25"
    assert provenance["context data"] == "shapes"
    assert "detnas-nano" in data.title
    missing = "Not part of this report: Verdict, Beside published models, Accuracy"
    assert missing in report_html(data)


def test_a_run_without_latency_or_accuracy_has_no_front(tmp_path: Path) -> None:
    space = make_space("detnas-nano", **OPTIONS)
    for direction, match in (("max", "minimises no latency"), ("min", "maximises no accuracy")):
        result = run_search(
            space,
            "random",
            CallableEvaluator(lambda arch: 1.0, "only"),
            (Objective("only", direction),),  # type: ignore[arg-type]
            evals=2,
            out_dir=tmp_path / direction,
        )
        with pytest.raises(ReportError, match=match):
            search_front(result)


def test_table_report_compares_its_detectors(table: LatencyTable, predictor: Predictor) -> None:
    data = table_report(table, predictor)
    assert len(data.agreement) == len(table.detectors()) == 6
    for mark in data.agreement:
        assert mark.predicted_ms == pytest.approx(mark.measured_ms, rel=0.2)
    assert dict(data.provenance)["whole detectors"] == "6"
    assert float(dict(data.provenance)["closure left out mape"]) < 20
    assert "closure unattributed pct" in dict(table_report(table).provenance)
    assert table_report(table).agreement == ()
    assert "macs" in report_html(data)


def test_manifest_report_holds_all_that_the_manifest_says(manifest: Manifest) -> None:
    data = manifest_report(manifest, agreement=(AgreementMark("other", 5.0, 5.1),))
    assert data.verdict == manifest.verdict
    assert [mark.label for mark in data.agreement] == ["other", manifest.origin.arch]
    assert data.agreement[1].measured_ms == 6.1
    assert dict(data.provenance)["device name"] == "Test CPU"
    assert dict(data.provenance)["measurement"] == "stable"
    assert dict(data.provenance)["verified on"] == "data val, 100 images"
    assert dict(data.files) == manifest.files
    (row,) = data.certificates
    assert row.platform == str(manifest.platforms[0])
    assert (row.ap_drop, row.f1) == ("+0.10 (-0.10 to +0.30)", "0.9950")
    assert "1 thread, on Test CPU" in data.subject


def test_bundle_report(exported: ExportResult) -> None:
    data = bundle_report(exported.bundle)
    assert data.verdict == exported.verdict
    assert data.commands == ("detfit export ...",)
    assert data.agreement == (), "nothing was predicted"


def test_report_of_whatever_a_path_holds(
    tmp_path: Path,
    run: SearchResult,
    table: LatencyTable,
    exported: ExportResult,
    predictor: Predictor,
) -> None:
    from latency import save_predictor, write_table

    write_table(tmp_path / "t.jsonl", table)
    save_predictor(tmp_path / "p.json", predictor)
    report_of(run.folder, tmp_path / "run.html")
    report_of(tmp_path / "t.jsonl", tmp_path / "table.html", tmp_path / "p.json")
    artifact = report_of(exported.bundle.path, tmp_path / "bundle.html")
    assert "Search of detnas-nano" in (tmp_path / "run.html").read_text()
    assert "Latency table of detnas-nano" in (tmp_path / "table.html").read_text()
    assert artifact.path.read_bytes() == exported.bundle.report_path.read_bytes()
    assert "data:image/jpeg;base64" in artifact.path.read_text()
    with pytest.raises(ReportError, match="nothing to report on"):
        report_of(tmp_path / "nowhere", tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()


def test_a_prediction_is_written_down_by_node(predictor: Predictor) -> None:
    space = make_space("detnas-nano", **OPTIONS)
    graph = space.detector(space.decode("21-20-2112-33")).graph()
    latency = predictor.predict(graph)
    for modules in (graph, graph.counts()):
        found = predicted_latency(predictor.predict(modules), graph)
        assert found.p50_ms == pytest.approx(latency.p50_ms)
        assert sum(share.ms for share in found.breakdown) == pytest.approx(latency.p50_ms)
        assert [share.name for share in found.breakdown[:-1]] == [n.name for n in graph.nodes]
        assert found.breakdown[-1].part == "other"
        assert found.confidence == latency.confidence
    other = space.detector(space.decode("00-00-0000-00")).graph()
    with pytest.raises(KeyError):
        predicted_latency(latency, other)


def test_a_browser_draws_runs_and_tables(
    tmp_path: Path, run: SearchResult, table: LatencyTable, predictor: Predictor
) -> None:
    with browser() as chrome:
        for data, charts in ((run_report(run), 3), (table_report(table, predictor), 1)):
            path = write_report(tmp_path / "r.html", data).path
            for view in chrome.look(path, (1280, False), (390, False), script=LOOK):
                assert_whole(view)
                assert len(view.found["charts"]) == charts


def test_a_run_tells_how_it_went(run: SearchResult, tmp_path: Path) -> None:
    data = run_report(run)
    course = data.course
    assert course is not None
    assert len(course.volumes) == len(run.finished) - len(run.failures)
    assert list(course.volumes) == sorted(course.volumes)
    assert course.volumes[-1] == 1.0
    front = sorted(
        (mark for mark in search_front(run).marks if not mark.dominated),
        key=lambda mark: mark.cost,
    )
    assert course.drawn[0] == front[0].label
    assert course.drawn[-1] == front[-1].label
    page = report_html(data)
    assert "How the search went" in page
    assert "data:image/svg+xml;base64," in page


def test_a_run_whose_order_is_not_confirmed_warns(run: SearchResult) -> None:
    data = run_report(run)
    assert data.course is not None
    warned = replace(data, course=replace(data.course, warning="the front <is> not to be trusted"))
    assert "Warning: the front &lt;is&gt; not to be trusted" in report_html(warned)
    assert "not to be trusted" not in report_html(data)
