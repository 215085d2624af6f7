"""The engine itself on the bench: what it measures flows back, and what it refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from latency import Predictor, ProfileConfig, TableMismatchError, fit, profile, read_table
from search import (
    CallableEvaluator,
    CertifySettings,
    EngineBench,
    Objective,
    RunError,
    certify_run,
    latency_objective,
    run_search,
)
from search.certification.certification import CERTIFICATION_FILE
from search.objectives.latency import save_latency
from tests.latency.oracle import QUICK, additive_backend
from tests.search.certification.bench import SPACE, Bench, score
from tests.search.conftest import OPTIONS


@contextmanager
def engine_bench(predictor: Predictor, **options: Any) -> Iterator[EngineBench]:
    backend = additive_backend(**options)
    with EngineBench(predictor, SPACE, backend=backend) as bench:
        yield bench


def test_the_engine_is_measured_and_fed_back(tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    config = ProfileConfig(protocol=QUICK, replicates=2, detectors=6)
    profile(SPACE, additive_backend(), config, table, space_options=OPTIONS)
    predictor = fit(read_table(table))
    folder = tmp_path / "run"
    goals = (latency_objective(predictor, SPACE), Objective("ap", "max", "AP"))
    result = run_search(
        SPACE,
        "random",
        CallableEvaluator(score, "ap"),
        goals,
        evals=6,
        out_dir=folder,
        space_options=OPTIONS,
        prepare=lambda: save_latency(folder, predictor),
    )
    budget = 1.1 * result.front.best().values[0]
    settings = CertifySettings(builds=3, most=1)
    rows = len(read_table(table).rows)
    with engine_bench(predictor) as bench:
        found = certify_run(folder, budget_ms=budget, bench=bench, settings=settings, table=table)
    (candidate,) = found.certified
    assert candidate.measured_ms == pytest.approx(candidate.predicted_ms, rel=0.05)
    assert candidate.predicted_again_ms == pytest.approx(candidate.measured_ms, rel=0.02)
    later = read_table(table)
    assert len(later.rows) == rows + 3
    assert [row.delivered for row in later.rows[rows:]] == [True] * 3
    assert any("to certify the search in run" in note for note in later.manifest.notes)
    assert found.table == str(table)


def test_another_device_is_refused(predictor: Predictor) -> None:
    with pytest.raises(RunError, match="not what the predictor was profiled on: uuid was"):
        EngineBench(predictor, SPACE, backend=additive_backend(noise=0.1))


def test_a_table_of_another_device_is_refused_before_measuring(
    run: Path, predictor: Predictor, tmp_path: Path
) -> None:
    table = tmp_path / "other.jsonl"
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=2, modules=False)
    profile(SPACE, additive_backend(noise=0.01), config, table, space_options=OPTIONS)
    bench = Bench(predictor, {})
    with pytest.raises(TableMismatchError, match="cannot be fed back"):
        certify_run(run, budget_ms=100.0, bench=bench, table=table)
    assert bench.visited == []


def test_a_busy_machine_is_refused_before_anything_is_built(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "search.certification.bench.overload_reason",
        lambda device, threads: "busy machine: 2 of 2",
    )
    monkeypatch.setattr(
        "search.certification.bench._backend_of", lambda device: additive_backend()
    )
    with pytest.raises(RunError, match="nothing measured now would count: busy machine: 2 of 2"):
        certify_run(run, budget_ms=100.0)
    assert not (run / CERTIFICATION_FILE).exists()
