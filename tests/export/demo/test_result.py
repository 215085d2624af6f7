"""What a demo has to hold to pass, and what it says where it does not."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from export import Accuracy, AccuracyRow, Check, DemoResult, GateVerdict, Outcome
from export.demo.result import MIN_AP50


def result(
    ap50: float = 0.9,
    failures: tuple[Any, ...] = (),
    ap_engine: float | None = 36.5,
    **outcomes: Outcome,
) -> DemoResult:
    names = ("parity", "accuracy", "budget", "prediction")
    checks = [Check(name, outcomes.get(name, Outcome.PASS), f"of {name}") for name in names]
    accuracy = Accuracy("shapes val", 100, rows=(AccuracyRow("AP", 36.2, ap_engine),))
    bundle = SimpleNamespace(manifest=SimpleNamespace(accuracy=accuracy))
    parts: dict[str, Any] = {
        "table": SimpleNamespace(failures=()),
        "search": SimpleNamespace(failures=failures),
        "winner": SimpleNamespace(accuracy=SimpleNamespace(ap50=ap50)),
        "export": SimpleNamespace(verdict=GateVerdict(tuple(checks)), bundle=bundle),
    }
    return DemoResult(Path("demo"), 2.0, seconds={}, **parts)


def test_all_checks_and_the_accuracy_have_to_hold() -> None:
    assert result().reasons == ()
    assert result().passed
    assert result(ap50=MIN_AP50 / 100).passed


@pytest.mark.parametrize("ap50", [0.0, 0.4999, float("nan")])
def test_too_little_accuracy_fails(ap50: float) -> None:
    assert result(ap50).reasons == (f"AP50 {100 * ap50:.1f} is below 50",)
    assert not result(ap50).passed


def test_an_engine_that_differs_from_torch_either_way_fails() -> None:
    for ap_engine in (35.6, 36.8):
        (reason,) = result(ap_engine=ap_engine).reasons
        assert reason == "AP of torch and of the engine differ by 0.60 points"
    assert result(ap_engine=None).reasons == ("AP of torch and of the engine were not compared",)


@pytest.mark.parametrize("name", ["parity", "accuracy", "budget", "prediction"])
@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_JUDGED])
def test_a_check_that_did_not_pass_fails(name: str, outcome: Outcome) -> None:
    assert result(**{name: outcome}).reasons == (f"{outcome}: of {name}",)


def test_failed_evaluations_and_measurements_fail() -> None:
    failed = (SimpleNamespace(error="ValueError: a"), SimpleNamespace(error="ValueError: b"))
    evaluated = result(failures=failed)
    assert evaluated.reasons == ("2 evaluations failed, first: ValueError: a",)
    measured = replace(result(), table=SimpleNamespace(failures=failed[1:]))  # type: ignore[arg-type]
    assert measured.reasons == ("1 measurements failed, first: ValueError: b",)
