"""The bisection against brute force, and its promise of few evaluations."""

import itertools
import math
from dataclasses import dataclass

import pytest
from hypothesis import given, settings, strategies as st

from export.errors import PrecisionError
from export.precision.bisection import smallest_kept


@dataclass(frozen=True)
class Verdict:
    passed: bool


class Judge:
    """Passes what holds every needed member; counts."""

    def __init__(self, needed: frozenset[str]) -> None:
        self.needed = needed
        self.asked: list[frozenset[str]] = []

    def __call__(self, kept: frozenset[str]) -> Verdict:
        self.asked.append(kept)
        return Verdict(self.needed <= kept)


def names(count: int) -> list[str]:
    return [f"n{index}" for index in range(count)]


def most_evaluations(kept: int, candidates: int) -> int:
    """Each kept member costs one bisection and one look at whether it was the last."""
    steps = math.ceil(math.log2(candidates)) if candidates > 1 else 0
    return kept * (steps + 1) + 1


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_it_finds_exactly_what_is_needed_within_the_bound(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 60))
    ranked = data.draw(st.permutations(names(count)))
    needed = data.draw(st.sets(st.sampled_from(ranked)) if count else st.just(set()))
    judge = Judge(frozenset(needed))
    found = smallest_kept(ranked, judge)
    assert found.kept == needed == {one.name for one in found.needed}
    assert found.minimal
    assert found.evaluations == len(judge.asked) == len(set(judge.asked))
    assert found.evaluations <= most_evaluations(len(needed), count)
    if count >= 8 and needed:
        assert found.evaluations <= 2 * len(needed) * math.log2(count)


@pytest.mark.parametrize("count", [8, 9, 17, 33, 65, 100, 129, 500])
def test_the_worst_case_of_one_is_within_the_bound(count: int) -> None:
    ranked = names(count)
    for name in ranked:
        found = smallest_kept(ranked, Judge(frozenset({name})))
        assert found.kept == {name}
        assert found.evaluations <= 2 * math.log2(count)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_with_alternatives_no_member_can_be_left_out(data: st.DataObject) -> None:
    """Needed is any of several sets: what is found is one that cannot shrink."""
    ranked = names(data.draw(st.integers(1, 8)))
    sets = data.draw(st.lists(st.frozensets(st.sampled_from(ranked)), min_size=1, max_size=3))

    def judge(kept: frozenset[str]) -> Verdict:
        return Verdict(any(each <= kept for each in sets))

    found = smallest_kept(ranked, judge)
    assert judge(found.kept).passed
    assert not any(judge(found.kept - {name}).passed for name in found.kept)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_if_the_needed_come_first_nothing_smaller_suffices(data: st.DataObject) -> None:
    ranked = names(data.draw(st.integers(1, 7)))
    weight = sorted(
        (data.draw(st.floats(0, 10)) for _ in ranked),
        reverse=True,
    )
    harm = dict(zip(ranked, weight, strict=True))
    limit = data.draw(st.floats(0, 20))

    def judge(kept: frozenset[str]) -> Verdict:
        return Verdict(sum(harm[name] for name in ranked if name not in kept) <= limit)

    found = smallest_kept(ranked, judge)
    fewest = next(
        size
        for size in range(len(ranked) + 1)
        if any(judge(frozenset(s)).passed for s in itertools.combinations(ranked, size))
    )
    assert len(found.kept) == fewest


def test_what_a_member_costs_is_told() -> None:
    found = smallest_kept(names(8), Judge(frozenset({"n2", "n5"})))
    assert [one.name for one in found.needed] == ["n5", "n2"]
    assert not any(one.without.passed for one in found.needed)
    assert all(one.with_it is None or not one.without.passed for one in found.needed)
    assert found.judged == Verdict(True)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.data())
def test_stopped_early_it_returns_what_suffices(count: int, data: st.DataObject) -> None:
    ranked = names(count)
    needed = frozenset(data.draw(st.sets(st.sampled_from(ranked))))
    limit = data.draw(st.integers(1, 12))
    judge = Judge(needed)
    found = smallest_kept(ranked, judge, max_evaluations=limit)
    assert len(judge.asked) <= limit
    assert needed <= found.kept
    if found.minimal:
        assert found.kept == needed


def test_everything_needed_is_found_without_judging_everything() -> None:
    judge = Judge(frozenset(names(5)))
    found = smallest_kept(names(5), judge)
    assert found.kept == set(names(5))
    assert frozenset(names(5)) not in judge.asked
    assert found.judged is None


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(PrecisionError, match="max_evaluations must be at least 1, got 0"):
        smallest_kept(names(2), Judge(frozenset()), max_evaluations=0)
    with pytest.raises(PrecisionError, match="twice"):
        smallest_kept(["a", "a"], Judge(frozenset()))
