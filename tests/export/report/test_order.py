"""From anchors.json to the page: is the order of a search's evaluator to be trusted?"""

import json
from pathlib import Path
from typing import Any

import pytest

from export import report_html, report_of, run_report
from export.report.order import order_statement
from search import (
    ANCHORS_FILE,
    CallableEvaluator,
    Objective,
    SearchResult,
    read_agreement,
    run_search,
)
from searchspaces import make_space
from tests.export.report.test_runs import OPTIONS, size_ms

UNCHECKED = (
    "The order of the evaluator was not checked against architectures that were trained by "
    "themselves; <code>detfit rank RUN --data DATA</code> does that."
)


def searched(folder: Path, evaluator: str | None = "supernet") -> SearchResult:
    return run_search(
        make_space("detnas-nano", **OPTIONS),
        "random",
        CallableEvaluator(size_ms, "ap"),
        (Objective("latency_ms", "min", "ms", known=size_ms), Objective("ap", "max", "AP")),
        evals=12,
        out_dir=folder,
        space_options={"head": "retinanet"},
        context={} if evaluator is None else {"evaluator": evaluator},
    )


def trained(result: SearchResult, sign: float, count: int = 12, **more: Any) -> None:
    """Write anchors whose own trainings agree with the run's order, or turn it round."""
    done = [e for e in result.history if e.status == "ok"][:count]
    scores = {e.code: sign * size_ms(e.architecture) for e in done}
    content = {"schema_version": 1, "objective": "ap", "identity": {}, "scores": scores, **more}
    (result.folder / ANCHORS_FILE).write_text(json.dumps(content))


def page_of(result: SearchResult, folder: Path) -> str:
    report_of(result.folder, folder / "report.html")
    return (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("evaluator", "said"),
    [("supernet", UNCHECKED), ("proxy", UNCHECKED), ("scratch", "not checked against longer")],
)
def test_nobody_looked(tmp_path: Path, evaluator: str, said: str) -> None:
    result = searched(tmp_path / "run", evaluator)
    page = page_of(result, tmp_path)
    assert said in page
    assert "order of the evaluator" in dict(run_report(result).provenance)
    assert "Kendall" not in page


@pytest.mark.parametrize("evaluator", ["table", "classification", None])
def test_what_is_not_compared_with_trainings_is_not_asked(
    tmp_path: Path, evaluator: str | None
) -> None:
    result = searched(tmp_path, evaluator)
    assert order_statement(result) is None
    assert "was not checked" not in report_html(run_report(result))


def test_a_confirmed_order_is_told_with_tau_interval_and_anchors(tmp_path: Path) -> None:
    result = searched(tmp_path / "run")
    trained(result, 1.0)
    agreement = read_agreement(result)
    assert agreement is not None
    low, high = agreement.interval
    page = page_of(result, tmp_path)
    said = (
        "The evaluator ranks 12 architectures that were trained by themselves with a Kendall tau "
        f"of 1.00 (95 % interval {low:.2f} to {high:.2f}), needed 0.5 and an interval above 0: "
        "the order is confirmed."
    )
    assert said in page
    assert page.count("the order is confirmed") == 2  # how the search went, and the provenance
    assert '<p class="note">Warning' not in page


def test_an_order_that_is_not_confirmed_is_a_warning_once(tmp_path: Path) -> None:
    result = searched(tmp_path / "run")
    trained(result, -1.0)
    page = page_of(result, tmp_path)
    assert "Warning: the evaluator ranks 12 architectures" in page
    assert "with a Kendall tau of -1.00" in page
    assert page.count("the front is not to be trusted") == 2


def test_the_threshold_is_the_one_that_rank_was_given(tmp_path: Path) -> None:
    result = searched(tmp_path / "run")
    trained(result, 1.0, threshold=0.75)
    assert "needed 0.75 and an interval above 0: the order is confirmed" in page_of(
        result, tmp_path
    )


def test_too_few_anchors_tell_nothing_yet(tmp_path: Path) -> None:
    result = searched(tmp_path / "run")
    trained(result, 1.0, count=4)
    page = page_of(result, tmp_path)
    assert "is not confirmed yet: five architectures or more with scores that differ" in page
    assert UNCHECKED not in page
