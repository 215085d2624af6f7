"""Who stands where: promotions, audits, and the check that stops halving."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from search import Fidelity, Objective
from search.fidelity import BY_AUDIT, BY_RANK, Ladder, Promotion

GOALS = (Objective("cost", "min", known=lambda arch: 0.0), Objective("quality", "max"))
RUNGS = Fidelity((0.1, 0.3, 1.0), audit=1e-9)  # an audit that draws nobody here


def climb(
    ladder: Ladder, count: int, value: Callable[[int, int], float]
) -> list[tuple[int, int, str]]:
    """One hand: send on whoever may, else let a new one in, whose result comes at once."""
    sent: list[tuple[int, int, str]] = []
    for index in range(count):
        ladder.enter(index)
        ladder.record(index, (1.0, value(index, ladder.rung(index))))
        while (who := ladder.promotion()) is not None:
            ladder.promote(who)
            ladder.record(who.index, (1.0, value(who.index, who.rung)))
            sent.append((who.index, who.rung, who.reason))
    return sent


def test_the_best_of_three_goes_on_as_soon_as_it_is_known() -> None:
    ladder = Ladder(RUNGS, GOALS, 0)
    quality = [5.0, 9.0, 1.0, 7.0, 8.0, 2.0, 3.0, 4.0, 6.0]
    sent = climb(ladder, 9, lambda index, rung: quality[index])
    # one of 3, two of 6, three of 9; then one of three on the second rung
    assert sent == [(1, 1, BY_RANK), (4, 1, BY_RANK), (3, 1, BY_RANK), (1, 2, BY_RANK)]
    assert [ladder.rung(i) for i in (1, 3, 4, 0)] == [2, 1, 1, 0]


def test_the_highest_rung_comes_first() -> None:
    ladder = Ladder(Fidelity((0.1, 0.3, 1.0), 2, 1e-9), GOALS, 0)
    for index in range(4):
        ladder.enter(index)
        ladder.record(index, (1.0, float(index)))
    for index in (2, 3):
        ladder.promote(Promotion(index, 1, BY_RANK))
        ladder.record(index, (1.0, float(index)))
    for index in (4, 5):
        ladder.enter(index)
        ladder.record(index, (1.0, 9.0))
    assert ladder.promotion() == Promotion(3, 2, BY_RANK)


def test_who_goes_on_does_not_depend_on_the_order_of_results() -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(4, size=(12, 2)).astype(float)  # with ties
    found = set()
    for _ in range(5):
        ladder = Ladder(Fidelity((0.3, 1.0), audit=0.3), GOALS, 3)
        for index in range(12):
            ladder.enter(index)
        for index in rng.permutation(12):
            ladder.record(int(index), tuple(table[index]))
        sent = []
        while (who := ladder.promotion()) is not None:
            sent.append((who.index, who.reason))
            ladder.promote(who)
        found.add(tuple(sent))
    assert len(found) == 1
    assert {reason for _, reason in found.pop()} == {BY_RANK, BY_AUDIT}


def test_what_failed_never_goes_on() -> None:
    ladder = Ladder(Fidelity((0.3, 1.0), 2, 1.0), GOALS, 0)
    for index, value in enumerate((1.0, math.nan, 3.0, 2.0)):
        ladder.enter(index)
        ladder.record(index, (1.0, value))
    sent = []
    while (who := ladder.promotion()) is not None:
        sent.append((who.index, who.reason))
        ladder.promote(who)
    assert sent == [(2, BY_RANK), (3, BY_RANK), (0, BY_AUDIT)]


def test_what_violates_a_constraint_stands_behind() -> None:
    ladder = Ladder(Fidelity((0.3, 1.0), 2, 1e-9), GOALS, 0)
    for index, (value, excess) in enumerate(((9.0, 0.5), (1.0, 0.0))):
        ladder.enter(index, excess)
        ladder.record(index, (1.0, value))
    assert ladder.promotion() == Promotion(1, 1, BY_RANK)


def test_an_honest_rung_is_trusted_and_a_lying_one_stops_halving() -> None:
    rng = np.random.default_rng(5)
    truth, lies = rng.normal(size=400), rng.normal(size=400)
    honest = Ladder(Fidelity((0.1, 1.0)), GOALS, 1)
    climb(honest, 400, lambda i, rung: truth[i] + (0.1 * lies[i] if rung == 0 else 0.0))
    assert honest.stopped is None
    (check,) = honest.checks(1)
    assert check.trusted
    assert check.warning is None
    assert check.kendall_tau > 0.8
    assert check.audited > 10
    assert check.pairs >= check.audited + 133

    liar = Ladder(Fidelity((0.1, 1.0)), GOALS, 1)
    climb(liar, 400, lambda i, rung: truth[i] if rung else lies[i])
    assert liar.stopped is not None
    assert "with a Kendall tau of" in liar.stopped
    (check,) = liar.checks(1)
    assert check.refuted
    assert not check.trusted
    assert check.warning is not None
    assert "the lower rung misleads" in check.warning
    assert liar.enter(400) == 1  # whole at once
    assert liar.promotion() is None

    warned = Ladder(Fidelity((0.1, 1.0), stop=False), GOALS, 1)
    climb(warned, 400, lambda i, rung: truth[i] if rung else lies[i])
    assert warned.stopped is None
    assert not warned.checks(1)[0].trusted
    assert warned.enter(400) == 0


@pytest.mark.parametrize("same", [0, 1])
def test_equal_values_tell_nothing(same: int) -> None:
    ladder = Ladder(Fidelity((0.1, 1.0), audit=1.0), GOALS, 0)
    climb(ladder, 20, lambda i, rung: 0.0 if rung == same else float(i))
    assert ladder.checks(1) == ()
    assert ladder.stopped is None
