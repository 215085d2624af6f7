"""What a multi-fidelity run tells of its rungs."""

from pathlib import Path
from typing import Any

import pytest
from scipy.stats import kendalltau

from search import Fidelity, SearchResult, describe_result, run_search, rung_summary
from search.conformance import GOALS
from search.spaces.digits import DigitSpace
from tests.search.workers.evaluators import Graded


def searched(folder: Path, fidelity: Fidelity | None, **changes: Any) -> SearchResult:
    usual: dict[str, Any] = {"evaluator": Graded(), "evals": 40, "seed": 3}
    return run_search(
        DigitSpace(6, 3),
        "random",
        objectives=GOALS,
        out_dir=folder,
        fidelity=fidelity,
        **usual | changes,
    )


def test_tau_is_that_of_the_candidates_on_both_rungs(tmp_path: Path) -> None:
    result = searched(tmp_path, Fidelity((0.1, 1.0), audit=1.0))  # everything goes on
    summary = rung_summary(result)
    assert summary is not None
    (check,) = summary.checks
    pairs = [(e.rungs[0].values[1], e.values[1]) for e in result.history]
    assert check.pairs == len(pairs) == 40
    oracle = kendalltau(*zip(*pairs, strict=True)).statistic
    assert check.kendall_tau == pytest.approx(oracle)
    assert summary.cost == pytest.approx(44.0)
    assert summary.saved == pytest.approx(-4.0)  # the audit of everything is no saving
    assert summary.warnings == ()
    assert "tau" in summary.statement


def test_the_cost_of_what_began_whole_is_whole(tmp_path: Path) -> None:
    result = searched(tmp_path, Fidelity((0.1, 1.0)), evaluator=Graded(lies=True), evals=90)
    assert result.halving_stopped is not None
    summary = rung_summary(result)
    assert summary is not None
    low = sum(bool(e.rungs) for e in result.history)
    whole = sum(e.status == "ok" for e in result.history)
    assert [each.evaluated for each in summary.rungs] == [low, whole]
    assert summary.cost == pytest.approx(0.1 * low + whole)
    assert summary.stopped == result.halving_stopped


def test_a_description_holds_it(tmp_path: Path) -> None:
    plain = describe_result(searched(tmp_path / "a", Fidelity((0.3, 1.0))))
    assert plain["evaluated"] + plain["paused"] == 40
    assert plain["fidelity"]["unit"] == "parts"
    assert plain["fidelity"]["rungs"][0]["evaluated"] == 40
    whole = describe_result(searched(tmp_path / "b", None))
    assert whole["fidelity"] is None
    assert whole["paused"] == 0
