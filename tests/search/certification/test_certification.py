"""Members of a front are measured: which keep the budget, what is tried next, what is recorded."""

import itertools
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines import DeviceInfo, EngineRunError, Measurement
from latency import (
    DETECTOR,
    Predictor,
    ProfileConfig,
    TableMismatchError,
    Visit,
    Workload,
    fit,
    profile,
    read_table,
)
from search import (
    Budget,
    CallableEvaluator,
    Certification,
    CertifySettings,
    EngineBench,
    Fidelity,
    JournalError,
    Objective,
    RunError,
    SearchResult,
    certify_run,
    choose_finalist,
    describe_certification,
    describe_result,
    latency_objective,
    load_certification,
    load_result,
    run_search,
    view_certification,
)
from search.certification.certification import CERTIFICATION_FILE
from search.objectives.latency import save_latency
from searchspaces import Architecture, make_space
from tests.latency.oracle import QUICK, additive_backend
from tests.search.conftest import OPTIONS

SPACE = make_space("detnas-nano", **OPTIONS)


def score(arch: Architecture) -> float:
    """Larger genes cost more and score more, by and large."""
    return float(sum(int(gene) * 3**place for place, gene in enumerate(arch.genes)))


@pytest.fixture(scope="session")
def searched(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    folder = tmp_path_factory.mktemp("searched") / "run"
    goals = (latency_objective(predictor, SPACE), Objective("ap", "max", "AP"))
    run_search(
        SPACE,
        "random",
        CallableEvaluator(score, "ap"),
        goals,
        evals=40,
        out_dir=folder,
        space_options=OPTIONS,
        prepare=lambda: save_latency(folder, predictor),
    )
    return load_result(folder)


@pytest.fixture
def run(searched: SearchResult, tmp_path: Path) -> Path:
    return Path(shutil.copytree(searched.folder, tmp_path / "run"))


class Bench:
    """A device that takes so many times the predicted milliseconds."""

    def __init__(
        self, predictor: Predictor, factors: dict[str, Sequence[float]], usual: float = 1.0
    ) -> None:
        self.predictor, self.factors, self.usual = predictor, factors, usual
        self.visited: list[str] = []
        self.sentinel = predictor.manifest.sentinel

    @property
    def device(self) -> DeviceInfo:
        return self.predictor.manifest.device

    def workload(self, architecture: Architecture) -> Workload:
        graph = SPACE.detector(architecture).graph(1, "fp32")
        return Workload(DETECTOR, f"{SPACE.name}:{SPACE.encode(architecture)}", graph)

    def visit(self, architecture: Architecture) -> Visit:
        code = SPACE.encode(architecture)
        factors = self.factors.get(code, (self.usual,))
        factor = factors[self.visited.count(code) % len(factors)]
        self.visited.append(code)
        if factor == 0:
            raise EngineRunError("out of\nmemory")
        ms = factor * float(self.predictor.predict_ms([SPACE.detector(architecture)])[0])
        return Visit(measurement(self.predictor, ms), self.predictor.reference_ms, 0.0)


def measurement(predictor: Predictor, ms: float) -> Measurement:
    return Measurement(
        raw_ms=(ms,) * 6,
        warmup_ms=(),
        block_runs=1,
        protocol=replace(predictor.manifest.protocol, cache="chained"),
        device=predictor.manifest.device,
        converged=True,
        steady=True,
        started_at="2026-01-01T00:00:00+00:00",
    )


def front_codes(result: SearchResult, budget_ms: float) -> list[str]:
    """The front within a budget, most accurate first."""
    front = result.front_of("latency_ms", budget_ms)
    points = sorted(front, key=lambda point: -point.values[1])
    return [SPACE.encode(point.architecture) for point in points]


def codes(certification: Certification) -> list[str]:
    return [candidate.arch.partition(":")[2] for candidate in certification.certified]


def middle(result: SearchResult) -> float:
    """A budget inside the front, with room above the slowest member that it admits."""
    times = sorted(point.values[0] for point in result.front)
    gaps = [1.04 * a for a, b in itertools.pairwise(times) if b > 1.04 * a]
    return gaps[len(gaps) // 2]


def test_members_that_keep_the_budget_are_certified(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    budget = middle(searched)
    bench = Bench(predictor, {})
    found = certify_run(run, budget_ms=budget, bench=bench)
    assert codes(found) == front_codes(searched, budget)[:12]
    assert len(bench.visited) == 5 * len(found.certified)
    for candidate in found.certified:
        assert candidate.upper_ms is not None
        assert candidate.measured_ms == pytest.approx(candidate.predicted_ms)
        assert candidate.error == pytest.approx(0.0)
        assert candidate.predicted_ms < candidate.upper_ms <= budget
        assert "97.5 % of further measurements stay below" in candidate.reason
    assert load_certification(run) == found


def test_where_a_member_fails_the_next_are_tried(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    budget = middle(searched)
    first = front_codes(searched, budget)[0]
    bench = Bench(predictor, {first: (3.0,)})
    settings = CertifySettings(most=100)
    found = certify_run(run, budget_ms=budget, bench=bench, settings=settings)
    failed = found.candidates[0]
    assert failed.arch.endswith(first)
    assert not failed.certified
    assert "a build took" in failed.reason
    assert bench.visited.count(first) == 1  # a first visit beyond the budget decides
    out = {each.arch.partition(":")[2] for each in found.candidates if not each.certified}
    rest = tuple(e for e in searched.history if e.code not in out)
    assert set(codes(found)) == set(front_codes(replace(searched, history=rest), budget))
    assert first in out


def test_a_device_that_is_slower_throughout_ends_the_trial_early(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    bench = Bench(predictor, {}, usual=1.5)
    found = certify_run(run, budget_ms=middle(searched), bench=bench)
    passed_over = [c for c in found.candidates if c.measured_ms is None]
    assert passed_over
    assert all("took 1.500 times their prediction" in each.reason for each in passed_over)
    for candidate in found.certified:
        assert candidate.measured_ms == pytest.approx(1.5 * candidate.predicted_ms)
        assert 1.5 * candidate.predicted_ms <= found.budget_ms


class InParts:
    """Score as the run above does; a part of an evaluation tells as much."""

    graded = "parts"

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        return {"ap": score(architecture)}


def test_what_was_sent_on_is_measured_beside_the_front(
    predictor: Predictor, tmp_path: Path
) -> None:
    goals = (latency_objective(predictor, SPACE), Objective("ap", "max", "AP"))
    run_search(
        SPACE,
        "random",
        InParts(),
        goals,
        evals=40,
        out_dir=tmp_path,
        space_options=OPTIONS,
        prepare=lambda: save_latency(tmp_path, predictor),
        fidelity=Fidelity((0.3, 1.0), audit=0.3),
    )
    result = load_result(tmp_path)
    whole = {e.code: e.values for e in result.history if e.status == "ok"}
    budget = 2 * max(values[0] for values in whole.values())
    bench = Bench(predictor, {})
    settings = CertifySettings(builds=3, most=100)
    found = certify_run(tmp_path, budget_ms=budget, bench=bench, settings=settings)
    assert set(codes(found)) == set(whole)
    assert len(result.paused) > 5
    front = front_codes(result, budget)
    assert len(front) < len(whole)
    assert codes(found)[: len(front)] == front  # the front comes first
    for candidate in found.candidates:
        ap = candidate.values["ap"]
        assert (candidate.values["latency_ms"], ap) == whole[candidate.arch.partition(":")[2]]


def test_the_number_of_measured_members_is_bounded(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    slowest = max(point.values[0] for point in searched.front)
    bench = Bench(predictor, {})
    settings = CertifySettings(builds=3, most=2)
    found = certify_run(run, budget_ms=2 * slowest, bench=bench, settings=settings)
    assert len(found.certified) == 2
    assert len(bench.visited) == 6


def test_scatter_between_builds_widens_the_bound(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    point = searched.front.best()
    code, ms = SPACE.encode(point.architecture), point.values[0]
    steady = certify_run(run, budget_ms=1.04 * ms, bench=Bench(predictor, {}))
    assert code in codes(steady)
    shaky = Bench(predictor, {code: (0.99, 1.03, 0.98, 1.02, 0.98)})
    assert code not in codes(certify_run(run, budget_ms=1.04 * ms, bench=shaky))


def test_a_faster_machine_than_while_profiled_does_not_certify(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    """Measured at twice the speed, everything seems to keep the budget."""

    class Fast(Bench):
        def visit(self, architecture: Architecture) -> Visit:
            visit = super().visit(architecture)
            assert visit.sentinel_ms is not None
            ms = visit.measurement.median_ms / 2
            halved = measurement(self.predictor, ms)
            return replace(visit, measurement=halved, sentinel_ms=visit.sentinel_ms / 2)

    point = searched.front.best()
    found = certify_run(run, budget_ms=1.01 * point.values[0], bench=Fast(predictor, {}))
    assert SPACE.encode(point.architecture) not in codes(found)
    measured = found.candidates[0]
    assert measured.measured_ms == pytest.approx(measured.predicted_ms)
    assert measured.builds[0].speed == pytest.approx(0.5)


def test_refused_visits_are_repeated_and_otherwise_certify_nothing(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    class Disturbed(Bench):
        quiet_after = 1

        def visit(self, architecture: Architecture) -> Visit:
            visit = super().visit(architecture)
            count = self.visited.count(SPACE.encode(architecture))
            refused = count <= self.quiet_after
            return replace(visit, refused="busy machine" if refused else None)

    budget = middle(searched)
    bench = Disturbed(predictor, {})
    found = certify_run(run, budget_ms=budget, bench=bench)
    assert found.certified
    assert found.certified[0].builds[0].repeated == ("busy machine",)
    bench = Disturbed(predictor, {})
    bench.quiet_after = 10**6
    settings = CertifySettings(builds=3, most=1)
    found = certify_run(run, budget_ms=budget, bench=bench, settings=settings)
    assert not found.certified
    assert "the machine was not quiet: busy machine" in found.candidates[0].reason
    assert len(bench.visited) == 9  # three builds of three attempts


def test_what_cannot_be_run_is_recorded(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    budget = middle(searched)
    first = front_codes(searched, budget)[0]
    found = certify_run(run, budget_ms=budget, bench=Bench(predictor, {first: (1.0, 0)}))
    assert found.candidates[0].reason == ("could not be measured: EngineRunError: out of memory")
    assert first not in codes(found)
    assert found.certified


# --- the engine itself


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


# --- files, refusals, what follows


def test_the_finalist_is_a_certified_one(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    budget = middle(searched)
    first = front_codes(searched, budget)[0]
    found = certify_run(run, budget_ms=budget, bench=Bench(predictor, {first: (2.0,)}))
    for asked in (None, budget):
        finalist = choose_finalist(str(run), budget_ms=asked)
        assert SPACE.encode(finalist.architecture) != first
        assert finalist.certified is not None
        assert finalist.budget_ms == budget
    rows = describe_result(load_result(run))["certified"]
    assert [row["arch"] for row in rows] == [each.arch for each in found.certified]


def test_nothing_certified_leaves_no_finalist(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    budget = middle(searched)
    found = certify_run(run, budget_ms=budget, bench=Bench(predictor, {}, usual=50.0))
    assert not found.certified
    with pytest.raises(RunError, match=r"none is certified to keep .* ms \(first: a build took"):
        choose_finalist(str(run), budget_ms=budget)
    assert choose_finalist(str(run), budget_ms=2 * budget).certified is None


def test_it_is_shown_to_people_and_machines(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    found = certify_run(run, budget_ms=middle(searched), bench=Bench(predictor, {}))
    fields = json.loads(json.dumps(describe_certification(found, run), allow_nan=False))
    assert fields["best"] == fields["certified"][0] == found.certified[0].arch
    first = fields["candidates"][0]
    assert {"predicted_ms", "measured_ms", "upper_ms", "error", "reason"} <= first.keys()
    view = view_certification(found)
    assert view["members, in ms"][0]["error"] in ("+0.0%", "-0.0%")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ('{"schema_version": 9}', "schema version 9; this detfit reads 1"),
        ('{"schema_version": 1}', "objective: Field required"),
    ],
)
def test_a_damaged_certification_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / CERTIFICATION_FILE).write_text(text)
    with pytest.raises(JournalError, match=message) as caught:
        load_certification(tmp_path)
    assert "\n" not in str(caught.value)


def test_refusals(run: Path, searched: SearchResult, predictor: Predictor) -> None:
    bench = Bench(predictor, {})
    with pytest.raises(RunError, match="was searched without a budget; give one"):
        certify_run(run, bench=bench)
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(RunError, match="number of ms above 0"):
            certify_run(run, budget_ms=wrong, bench=bench)
    with pytest.raises(RunError, match=r"has no result within 0\.001 ms to certify"):
        certify_run(run, budget_ms=0.001, bench=bench)
    for settings in ({"builds": 2}, {"most": 0}, {"confidence": 95.0}):
        with pytest.raises(RunError, match=next(iter(settings))):
            CertifySettings(**settings)  # type: ignore[arg-type]
    (run / "predictor.json").unlink()
    with pytest.raises(RunError, match="rests on no measured predictor"):
        certify_run(run, budget_ms=1.0, bench=bench)
    assert not (run / CERTIFICATION_FILE).exists()


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
