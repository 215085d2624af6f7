"""What a report tells of a multi-fidelity run."""

import zlib
from pathlib import Path

import pytest

from export import report_html, run_report
from export.report.order import order_warning
from export.report.rungs import rung_provenance
from search import Budget, CallableEvaluator, Fidelity, Objective, SearchResult, run_search
from searchspaces import Architecture, make_space
from tests.export.report.test_runs import OPTIONS, size_ms


class Parts:
    """A third of an evaluation tells nothing of the whole, or the very same."""

    graded = "parts"

    def __init__(self, lies: bool) -> None:
        self._lies = lies

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        whole = 100.0 - 5.0 * abs(12 - size_ms(architecture))
        part = budget is not None and budget.share is not None
        lie = float(zlib.crc32(str(architecture.genes).encode()) % 100)
        return {"ap50": lie if part and self._lies else whole}


def searched(folder: Path, *, lies: bool, stop: bool = True) -> SearchResult:
    return run_search(
        make_space("detnas-nano", **OPTIONS),
        "random",
        Parts(lies),
        (Objective("latency_ms", "min", "ms", known=size_ms), Objective("ap50", "max", "AP")),
        evals=60,
        out_dir=folder,
        seed=3,
        space_options={"head": "retinanet"},
        fidelity=Fidelity((0.3, 1.0), audit=0.5, stop=stop),
    )


def test_rungs_cost_and_agreement_are_told(tmp_path: Path) -> None:
    result = searched(tmp_path, lies=False)
    rows = dict(rung_provenance(result))
    assert rows["at 0.3 of the parts"].startswith("60 evaluated in")
    whole = sum(e.status == "ok" for e in result.history)
    assert rows["evaluated whole"].startswith(f"{whole} in")
    cost = 0.3 * 60 + whole
    assert rows["cost"] == f"{cost:.1f} whole evaluations, {60 - cost:.1f} saved"
    assert "Kendall tau of 1.00" in rows["0.3 against 1"]
    assert order_warning(result) is None
    page = report_html(run_report(result))
    assert "at 0.3 of the parts" in page
    front = run_report(result).front
    assert front is not None
    assert len(front.marks) == whole  # no value of a part is drawn


@pytest.mark.parametrize("stop", [True, False])
def test_a_lying_rung_is_a_warning(tmp_path: Path, stop: bool) -> None:
    result = searched(tmp_path, lies=True, stop=stop)
    warning = order_warning(result)
    assert warning is not None
    assert "the lower rung misleads" in warning
    assert ("halving stopped" in dict(rung_provenance(result))) == stop
    assert "Warning: " in report_html(run_report(result))


def test_runs_without_rungs_tell_nothing_of_them(tmp_path: Path) -> None:
    result = run_search(
        make_space("detnas-nano", **OPTIONS),
        "random",
        Parts(lies=False),
        (Objective("latency_ms", "min", "ms", known=size_ms), Objective("ap50", "max", "AP")),
        evals=3,
        out_dir=tmp_path,
    )
    assert rung_provenance(result) == ()
    assert order_warning(result) is None


def test_a_run_whose_results_are_all_alike_has_a_report(tmp_path: Path) -> None:
    result = run_search(
        make_space("detnas-nano", **OPTIONS),
        "random",
        CallableEvaluator(lambda arch: 0.0, "ap50"),
        (Objective("latency_ms", "min", "ms", known=size_ms), Objective("ap50", "max", "AP")),
        evals=3,
        out_dir=tmp_path,
        space_options={"head": "retinanet"},
    )
    assert "3 of 3 evaluations had 99 %" in report_html(run_report(result))
