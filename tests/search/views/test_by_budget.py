"""Whole runs of CR-NAS: journal, resuming, and the result of every budget."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from search import (
    Budget,
    CallableEvaluator,
    CompletingEvaluator,
    Constraint,
    SearchResult,
    WorkerChoice,
    describe_result,
    is_partial,
    load_result,
    optimality_of,
    results_by_budget,
    run_search,
)
from search.conformance import QUALITY
from searchspaces import Architecture, make_space
from tests.search.strategies.test_crnas import FAVOURITE, LATENCY, favour

SPACE = make_space("crnas-resnet18")
EVALUATOR = CompletingEvaluator(CallableEvaluator(favour, "quality"), SPACE, completions=4)


def search(out_dir: Path, **changes: Any) -> SearchResult:
    usual: dict[str, Any] = {
        "space": SPACE,
        "strategy": "crnas",
        "evaluator": EVALUATOR,
        "objectives": (LATENCY, QUALITY),
        "constraints": (Constraint("latency_ms", 30.0),),
        "options": {"budgets": (21.25, 30.0)},
        "evals": 9999,
    }
    return run_search(**usual | changes, out_dir=out_dir)


def story(result: SearchResult) -> list[tuple[Any, ...]]:
    return [(e.index, e.code, e.status, repr(e.values)) for e in result.history]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return search(tmp_path_factory.mktemp("crnas") / "run")


def test_every_budget_has_its_best(whole: SearchResult) -> None:
    small, large = results_by_budget(whole)
    assert (small.budget, large.budget) == ("21.25 ms", "30 ms")
    assert large.stages == "1-1-3-3/00000000"
    assert large.best == "1-1-3-3/11111111"
    assert large.best_value == 8.0
    assert small.best is not None
    assert small.stages is not None
    assert small.best.partition("/")[0] == small.stages.partition("/")[0] != "1-1-3-3"
    assert small.best.count("1", small.best.index("/")) == 2  # as many as the budget leaves
    assert small.best_value == max(e.values[1] for e in whole.candidates if e.values[0] <= 21.25)


def test_the_run_is_complete_and_says_why_it_ended(whole: SearchResult) -> None:
    assert whole.complete
    assert whole.stopped is not None
    assert whole.stopped.startswith("crnas is at its end after")
    optimality = optimality_of(whole)
    assert optimality is not None
    assert optimality.proven
    assert optimality.best == "1-1-3-3/00000000"


def test_partial_codes_are_recorded_and_no_candidates(whole: SearchResult) -> None:
    partial = [e for e in whole.history if is_partial(e.architecture)]
    assert partial[0].code.endswith("???????")
    assert len(whole.candidates) + len(partial) == len(whole.history)
    assert not any(map(is_partial, whole.front.architectures))
    assert not any(map(is_partial, whole.front_of("latency_ms", 30.0).architectures))
    assert whole.best is not None
    assert whole.best.architecture == Architecture(SPACE.name, (*FAVOURITE, *((1,) * 8)))


def test_results_are_read_back(whole: SearchResult) -> None:
    read = load_result(whole.folder)
    assert results_by_budget(read) == results_by_budget(whole)
    assert [point.values for point in read.front] == [point.values for point in whole.front]
    rows = describe_result(read)["by_budget"]
    assert [row["budget"] for row in rows] == ["21.25 ms", "30 ms"]


class Dying:
    """Stops the process at some evaluation of the run."""

    def __init__(self, at: int) -> None:
        self._left = at

    def evaluate(self, architecture: Architecture, budget: Budget | None) -> Any:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return EVALUATOR.evaluate(architecture, budget)


def test_a_run_killed_again_and_again_ends_as_an_undisturbed_one(
    whole: SearchResult, tmp_path: Path
) -> None:
    for _ in range(20):
        try:
            result = search(tmp_path / "run", evaluator=Dying(17), resume=True)
        except KeyboardInterrupt:
            continue
        break
    assert story(result) == story(whole)


@pytest.mark.parametrize("batch_size", [3, 50])
def test_batches_change_nothing_but_the_order(
    whole: SearchResult, tmp_path: Path, batch_size: int
) -> None:
    result = search(tmp_path / "run", batch_size=batch_size)
    assert sorted(row[1:] for row in story(result)) == sorted(row[1:] for row in story(whole))


def test_two_workers_wait_for_every_layer_and_find_the_same(
    whole: SearchResult, tmp_path: Path
) -> None:
    result = search(tmp_path / "run", workers=WorkerChoice(2))
    assert sorted(row[1:] for row in story(result)) == sorted(row[1:] for row in story(whole))
    assert result.stopped == whole.stopped


def test_numbers_of_blocks_are_budgets_too(tmp_path: Path) -> None:
    options = {"blocks": [8, 9]}
    space = make_space("crnas-resnet18", blocks=(8, 9))
    evaluator = CompletingEvaluator(CallableEvaluator(favour, "quality"), space, completions=4)
    changes = {"space": space, "space_options": options, "options": {}, "evaluator": evaluator}
    result = search(tmp_path / "run", constraints=(), **changes)
    rows = results_by_budget(load_result(result.folder))
    assert [row.budget for row in rows] == ["8 blocks", "9 blocks"]
    for row, blocks in zip(rows, (8, 9), strict=True):
        assert row.best is not None
        code = row.best.partition("/")[0]
        assert sum(map(int, code.split("-"))) == blocks
        assert row.best.endswith("1" * blocks)


def test_an_unfinished_run_tells_what_it_knows(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"evaluator": CallableEvaluator(_broken, "quality"), "evals": 4}
    failed = results_by_budget(search(tmp_path / "failed", **changes))
    assert {(row.stages, row.best, row.best_value) for row in failed} == {(None, None, None)}
    few = results_by_budget(search(tmp_path / "few", evals=30))
    assert few[1].best == few[1].stages is not None


def _broken(_: Architecture) -> float:
    raise ValueError("no")


def test_other_strategies_have_no_budgets(tmp_path: Path) -> None:
    stage = search(tmp_path / "run", strategy="crnas-stage", options={}, evals=3)
    assert results_by_budget(stage) == ()


def test_every_layer_is_complete_before_the_next(whole: SearchResult) -> None:
    codes = [e.architecture.genes for e in whole.history if is_partial(e.architecture)]
    by_stages: dict[Any, list[int]] = {}
    for genes in codes:
        by_stages.setdefault(genes[:4], []).append(genes.count("?"))
    for counts in by_stages.values():
        assert all(a >= b for a, b in itertools.pairwise(counts))
