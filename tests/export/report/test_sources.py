"""A report of whatever a path holds."""

from pathlib import Path

import pytest

from export import ReportError, report_of
from export.files import sha256_of
from latency import ProfileConfig, TableError, fit, profile, save_predictor
from search import CallableEvaluator, Objective, RunError, run_search
from searchspaces import cost_of, make_space
from tests.export.conftest import OPTIONS
from tests.latency.oracle import QUICK, additive_backend

SPACE = make_space("detnas-nano", **OPTIONS)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "t.jsonl"
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=6)
    profile(SPACE, additive_backend(), config, path, space_options=OPTIONS)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def latency(arch: object) -> float:
        return 1e-6 * sum(cost_of(s).macs * n for s, n in SPACE.detector(arch).modules())  # type: ignore[arg-type]

    goals = (Objective("latency_ms", "min", "ms", latency), Objective("ap", "max", "AP"))
    evaluator = CallableEvaluator(lambda arch: float(arch.genes[0]), "ap")
    folder = tmp_path_factory.mktemp("runs") / "run"
    run_search(
        SPACE, "random", evaluator, goals, evals=4, out_dir=folder, notes={"data": "/photos"}
    )
    return folder


def test_a_run(run: Path, tmp_path: Path) -> None:
    artifact = report_of(run, tmp_path / "r.html")
    page = artifact.path.read_text()
    assert "Search of detnas-nano" in page
    assert "/photos" in page
    assert artifact.size_bytes == len(artifact.path.read_bytes())
    assert artifact.sha256 == sha256_of(artifact.path.read_bytes())


def test_a_bundle_gives_the_report_that_it_holds(bundle_folder: Path, tmp_path: Path) -> None:
    artifact = report_of(bundle_folder, tmp_path / "r.html")
    assert artifact.path.read_bytes() == (bundle_folder / "report.html").read_bytes()
    assert artifact.sha256 == sha256_of(artifact.path.read_bytes())


def test_a_damaged_bundle_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    (bundle_folder / "report.html").write_text("<script>evil()</script>")
    with pytest.raises(ValueError, match=r"report\.html"):
        report_of(bundle_folder, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_a_table_with_and_without_predictions(table: Path, tmp_path: Path) -> None:
    from latency import read_table

    save_predictor(tmp_path / "p.json", fit(read_table(table)))
    label = read_table(table).detectors()[0][0].label
    plain = report_of(table, tmp_path / "plain.html").path.read_text()
    assert "Latency table of detnas-nano" in plain
    assert label not in plain
    predicted = report_of(table, tmp_path / "p.html", tmp_path / "p.json").path.read_text()
    assert label in predicted


def test_nonsense(tmp_path: Path, run: Path) -> None:
    output = tmp_path / "r.html"
    for source in (tmp_path / "missing", tmp_path):
        with pytest.raises(ReportError, match="holds nothing to report on; name a search run"):
            report_of(source, output)
    (tmp_path / "notes.txt").write_text("no table\n")
    with pytest.raises(TableError, match=r"notes\.txt, line 1"):
        report_of(tmp_path / "notes.txt", output)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"run\.json cannot be read"):
        report_of(tmp_path / "broken", output)
    assert not output.exists()
    with pytest.raises(ReportError, match="cannot write"):
        report_of(run, tmp_path / "no" / "such" / "folder.html")


def test_a_predictor_goes_with_a_table(run: Path, bundle_folder: Path, tmp_path: Path) -> None:
    for source in (run, bundle_folder):
        with pytest.raises(ReportError, match="a predictor goes with a latency table"):
            report_of(source, tmp_path / "r.html", tmp_path / "p.json")
