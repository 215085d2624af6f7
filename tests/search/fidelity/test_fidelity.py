"""Rungs: what is allowed, and what is told about the rest."""

from typing import Any

import pytest

from search import Fidelity, RunError, parse_fidelity


def test_shares_are_read_as_written() -> None:
    fidelity = parse_fidelity("0.1, 0.3,1", eta=4, audit=0.2, min_tau=0.4, stop=False)
    assert fidelity == Fidelity((0.1, 0.3, 1.0), 4, 0.2, 0.4, False)
    assert [fidelity.length(rung) for rung in range(3)] == [100_000, 300_000, 1_000_000]
    assert fidelity.top == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "numbers separated by commas"),
        ("0.1;1", "numbers separated by commas"),
        ("1", "two rungs at least"),
        ("0.3,0.1,1", "must rise"),
        ("0.1,0.1,1", "must rise"),
        ("0,1", "must rise"),
        ("-0.1,1", "must rise"),
        ("0.1,0.3", "must rise"),
        ("0.1,2", "must rise"),
        ("nan,1", "must rise"),
        ("0.1,inf", "must rise"),
    ],
)
def test_other_shares_are_refused(text: str, reason: str) -> None:
    with pytest.raises(RunError, match=reason):
        parse_fidelity(text)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"eta": 1}, "eta must be an integer of at least 2, got 1"),
        ({"eta": True}, "eta must be an integer"),
        ({"eta": 2.5}, "eta must be an integer"),
        ({"audit": 0.0}, "audit share must lie above 0"),
        ({"audit": 10}, "audit share must lie above 0"),
        ({"audit": float("nan")}, "audit share"),
        ({"min_tau": 1.5}, "min_tau 1.5"),
    ],
)
def test_other_settings_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(RunError, match=reason):
        Fidelity((0.5, 1.0), **options)
