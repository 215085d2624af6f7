"""Evaluating with a function."""

from typing import Any

import pytest

from search import Budget, CallableEvaluator, EvaluatorError
from searchspaces import Architecture

ARCH = Architecture("digits", (1, 2))


def test_a_mapping_is_passed_on_as_floats() -> None:
    assert CallableEvaluator(lambda arch: {"ap": 3, "ar": 4.5}).evaluate(ARCH) == {
        "ap": 3.0,
        "ar": 4.5,
    }


def test_a_number_needs_a_name() -> None:
    assert CallableEvaluator(lambda arch: 3, "ap").evaluate(ARCH, Budget(epochs=1)) == {"ap": 3.0}
    with pytest.raises(EvaluatorError, match="objective="):
        CallableEvaluator(lambda arch: 3).evaluate(ARCH)


def test_functions_are_called() -> None:
    with pytest.raises(EvaluatorError, match="must be callable, got 3"):
        CallableEvaluator(3)  # type: ignore[arg-type]


def test_errors_are_the_functions_own() -> None:
    def broken(arch: Architecture) -> float:
        raise ZeroDivisionError("no images")

    with pytest.raises(ZeroDivisionError, match="no images"):
        CallableEvaluator(broken).evaluate(ARCH)


@pytest.mark.parametrize("fields", [{"epochs": 0}, {"images": -5}])
def test_budgets_are_positive(fields: dict[str, Any]) -> None:
    with pytest.raises(EvaluatorError, match="at least 1 or None"):
        Budget(**fields)
