"""What breaks a gate, what leaves it open, in both directions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from latency import Change, Gate

CHANGE = Change("kind", "conv", "conv", 1.0, 1.0, 0.0, -0.04, 0.03, 1.0, False, 0.05)


@pytest.mark.parametrize(
    ("gate", "is_open"),
    [("slower>2%", True), ("slower>3%", False), ("faster>3%", True), ("faster>4%", False)],
)
def test_an_interval_beyond_what_is_shown_leaves_a_gate_open(gate: str, is_open: bool) -> None:
    parsed = Gate.parse(gate)
    assert parsed.left_open_by(CHANGE) is is_open
    assert not parsed.violated_by(CHANGE)
    assert not parsed.left_open_by(replace(CHANGE, smallest_shown=parsed.limit))
    assert str(parsed) == gate


@pytest.mark.parametrize(("gate", "change"), [("slower>2%", 0.025), ("faster>2%", -0.025)])
def test_a_significant_change_breaks_its_own_gate(gate: str, change: float) -> None:
    changed = replace(CHANGE, significant=True, change=change)
    assert Gate.parse(gate).violated_by(changed)
    assert not Gate.parse(gate).left_open_by(changed)
    assert not Gate.parse(gate.replace("2", "3")).violated_by(changed)
    assert not Gate.parse(gate).violated_by(replace(changed, change=-change))


def test_what_is_shown_is_compared_as_a_ratio() -> None:
    faster = replace(CHANGE, lo=-0.35, smallest_shown=0.40)  # 40 % slower, or 28.6 % faster
    assert not Gate.parse("faster>30%").left_open_by(faster)
    assert Gate.parse("faster>28%").left_open_by(faster)
    assert not Gate.parse("faster>100%").left_open_by(replace(faster, smallest_shown=1e4))
