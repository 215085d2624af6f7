"""Partial order pruning against the rule spelt out pair by pair."""

from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st

from search import (
    Objective,
    PartialOrder,
    Pruned,
    StrategyError,
    by_genes,
    cannot_prune,
    order_of,
)
from search.conformance import COST, GOALS, cost
from search.spaces.digits import DigitSpace
from searchspaces import Architecture

SPACE = DigitSpace(3, 3)
EVERY = tuple(SPACE.enumerate())
ASCENDING = by_genes(((0, 1, 2),) * 3)


@dataclass(frozen=True)
class OrderedDigits(DigitSpace):
    """Digits of which a greater one is a deeper layer."""

    gene_order: tuple[tuple[int, ...], ...] = field(default=((0, 1, 2),) * 5)


def ruled_out(x: Architecture, told: dict[Architecture, float], tolerance: float) -> bool:
    """Apply the rule of the paper: some y above x, some z as accurate as y, no slower than x."""
    return any(
        all(a <= b for a, b in zip(x.genes, y.genes, strict=True))
        and any(told[z] >= told[y] + tolerance and cost(z) <= cost(x) for z in told)
        for y in told
    )


@given(
    st.dictionaries(st.sampled_from(EVERY), st.integers(0, 6), max_size=12),
    st.sampled_from([0.0, 1.0, 2.5]),
)
def test_it_is_the_rule_of_the_paper(told: dict[Architecture, float], tolerance: float) -> None:
    order = PartialOrder(ASCENDING, GOALS, tolerance)
    for arch, quality in told.items():
        order.tell(arch, np.array([cost(arch), quality]))
    for arch in EVERY:
        verdict = order.verdict(arch)
        assert (verdict is not None) == ruled_out(arch, told, tolerance)
        if verdict is not None:
            assert ASCENDING(arch, verdict.below)
            assert cost(verdict.beaten_by) <= cost(arch)
            assert told[verdict.beaten_by] >= told[verdict.below] + tolerance


@given(st.dictionaries(st.sampled_from(EVERY), st.integers(0, 4), min_size=2, max_size=10))
def test_where_the_assumption_holds_the_front_is_kept(told: dict[Architecture, float]) -> None:
    """What is left out is matched in accuracy, at no greater cost, by what was evaluated."""
    grown = {x: max(told[y] for y in told if ASCENDING(y, x)) for x in told}  # monotone
    order = PartialOrder(ASCENDING, GOALS)
    for arch, quality in grown.items():
        order.tell(arch, np.array([cost(arch), quality]))
    for x in EVERY:
        verdict = order.verdict(x)
        if verdict is None:
            continue
        most = grown[verdict.below]  # nothing below it is better
        assert grown[verdict.beaten_by] >= most
    assert order.violated == 0


def test_pairs_that_contradict_the_order_are_counted() -> None:
    order = PartialOrder(ASCENDING, GOALS, tolerance=0.5)
    told = {"000": 5.0, "100": 5.4, "110": 3.0, "001": 9.0, "222": 8.6}
    for code, quality in told.items():
        arch = SPACE.decode(code)
        order.tell(arch, np.array([cost(arch), quality]))
    # 001 compares with 000 and 222 only. By more than 0.5 contradict (000, 110) and (100, 110).
    assert order.pairs == 1 + 2 + 1 + 4
    assert order.violated == 2


def test_an_infeasible_result_beats_nothing() -> None:
    order = PartialOrder(ASCENDING, GOALS)
    low, high, tried = (SPACE.decode(code) for code in ("100", "022", "021"))
    order.tell(low, np.array([1.0, 9.0]), feasible=False)
    order.tell(high, np.array([4.0, 3.0]))
    assert order.verdict(tried) is None
    assert not order.on_front(low)
    again = PartialOrder(ASCENDING, GOALS)
    again.tell(low, np.array([1.0, 9.0]))
    again.tell(high, np.array([4.0, 3.0]))
    assert again.verdict(tried) == Pruned(below=high, beaten_by=low)


def test_every_evaluated_objective_has_to_be_matched() -> None:
    goals = (*GOALS, Objective("small", "max"))
    order = PartialOrder(ASCENDING, goals)
    order.tell(SPACE.decode("100"), np.array([1.0, 9.0, 1.0]))
    order.tell(SPACE.decode("022"), np.array([4.0, 3.0, 2.0]))
    assert order.verdict(SPACE.decode("021")) is None
    order.tell(SPACE.decode("010"), np.array([1.0, 4.0, 2.0]))
    verdict = order.verdict(SPACE.decode("021"))
    assert verdict is not None
    assert SPACE.encode(verdict.beaten_by) == "010"


def test_the_order_is_the_space_s_own() -> None:
    space = OrderedDigits()
    precedes = order_of(space)
    assert precedes is not None
    for a, b in product(("00000", "01000", "00100", "22222"), repeat=2):
        below = all(x <= y for x, y in zip(a, b, strict=True))
        assert precedes(space.decode(a), space.decode(b)) is below
    assert order_of(DigitSpace()) is None


def test_values_without_an_order_compare_with_themselves() -> None:
    precedes = by_genes((("a", "b"), ()))
    low, high = Architecture("x", ("a", "p")), Architecture("x", ("b", "p"))
    assert precedes(low, high)
    assert not precedes(low, Architecture("x", ("b", "q")))
    assert not precedes(Architecture("x", ("c", "p")), high)
    assert precedes(Architecture("x", ("c", "p")), Architecture("x", ("c", "p")))


def test_a_wrong_gene_order_is_refused() -> None:
    with pytest.raises(StrategyError, match="every value of a gene once"):
        by_genes(((0, 1, 0),))
    with pytest.raises(StrategyError, match="orders 2 genes"):
        by_genes(((0, 1),) * 2)(SPACE.decode("000"), SPACE.decode("000"))


def test_where_the_rule_does_not_hold_it_says_so() -> None:
    space = OrderedDigits()
    assert cannot_prune(space, GOALS) is None
    reasons = {
        "neither precedes": (DigitSpace(), GOALS),
        "no objective is known": (space, (Objective("quality", "max"),)),
        "every objective is known": (space, (COST,)),
        "energy is evaluated and minimised": (space, (*GOALS, Objective("energy", "min"))),
    }
    for words, (searched, goals) in reasons.items():
        assert words in str(cannot_prune(searched, goals))
