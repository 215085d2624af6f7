"""Members of a front are measured: which keep the budget, and what is tried next."""

from dataclasses import replace
from pathlib import Path

import pytest

from latency import Predictor, Visit
from search import (
    Budget,
    CertifySettings,
    Fidelity,
    Objective,
    SearchResult,
    certify_run,
    latency_objective,
    load_certification,
    load_result,
    run_search,
)
from search.objectives.latency import save_latency
from searchspaces import Architecture
from tests.search.certification.bench import (
    SPACE,
    Bench,
    codes,
    front_codes,
    measurement,
    middle,
    score,
)
from tests.search.conftest import OPTIONS


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
