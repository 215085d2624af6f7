from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from searchspaces.spaces.smnas.code import CodeLimits
from searchspaces.spaces.smnas.groups import (
    count_groups,
    groups_at,
    inserted,
    removed,
    repaired,
    shown,
    swapped,
)

FULL = CodeLimits()
SMALL = CodeLimits(min_blocks=5, max_blocks=7)
SMALLEST = CodeLimits(min_blocks=6, max_blocks=6)


def brute_force(limits):
    """Try every text of 1, 2 and '-' of the right lengths."""
    found = set()
    for blocks in range(limits.min_blocks, limits.max_blocks + 1):
        for symbols in product("12-", repeat=blocks + 3):
            groups = tuple("".join(symbols).split("-"))
            if len(groups) == 4 and all(groups) and "".join(groups).count("2") == 3:
                found.add(groups)
    return found


@pytest.mark.parametrize("limits", [SMALL, SMALLEST, CodeLimits(min_blocks=4, max_blocks=6)])
def test_every_index_is_one_of_the_sets_that_brute_force_finds(limits):
    expected = brute_force(limits)
    assert count_groups(limits) == len(expected)
    assert {groups_at(limits, index) for index in range(len(expected))} == expected


def test_the_published_space_has_the_number_of_sets_that_the_record_says():
    assert count_groups(FULL) == 207_417_404


def test_the_ends_of_the_numbering_are_the_shortest_and_the_longest():
    assert sum(map(len, groups_at(FULL, 0))) == 5
    assert sum(map(len, groups_at(FULL, count_groups(FULL) - 1))) == 35


full_groups = st.integers(0, count_groups(FULL) - 1).map(lambda i: groups_at(FULL, i))
small_groups = st.sampled_from(sorted(brute_force(SMALL)))


@given(full_groups)
def test_indexed_sets_keep_to_the_limits(groups):
    assert FULL.hold(groups)


def edits(groups, limits):
    """List all sets one edit away, by brute force over texts."""
    text = "-".join(groups)
    longer = {f"{text[:i]}1{text[i:]}" for i in range(len(text) + 1)}
    shorter = {f"{text[:i]}{text[i + 1 :]}" for i in range(len(text)) if text[i] == "1"}
    turned = {f"{text[:i]}{text[i + 1]}{text[i]}{text[i + 2 :]}" for i in range(len(text) - 1)} - {
        text
    }
    sets = [{tuple(t.split("-")) for t in texts} for texts in (longer, shorter, turned)]
    return [{groups for groups in found if limits.hold(groups)} for found in sets]


@settings(max_examples=60)
@given(small_groups)
def test_steps_are_those_that_brute_force_finds_each_once(groups):
    moves = [list(inserted(groups, SMALL)), list(removed(groups, SMALL)), list(swapped(groups))]
    assert [set(move) for move in moves] == edits(groups, SMALL)
    assert [len(set(move)) for move in moves] == [len(move) for move in moves]


@settings(max_examples=30)
@given(full_groups)
def test_steps_can_be_taken_back(groups):
    assert all(groups in removed(longer, FULL) for longer in inserted(groups, FULL))
    assert all(groups in inserted(shorter, FULL) for shorter in removed(groups, FULL))
    assert all(groups in swapped(turned) for turned in swapped(groups))


@given(
    st.lists(st.text("12", min_size=1, max_size=30), min_size=4, max_size=4),
    st.sampled_from([FULL, SMALL, SMALLEST]),
    st.integers(0, 2**32),
)
def test_anything_is_repaired(groups, limits, seed):
    made = repaired(tuple(groups), limits, np.random.default_rng(seed))
    assert limits.hold(made)
    if limits.hold(tuple(groups)):
        assert made == tuple(groups)


def test_a_repair_changes_no_more_doublings_than_it_must():
    rng = np.random.default_rng(0)
    for _ in range(50):
        fewer = "".join(repaired(("22", "22", "1", "1"), FULL, rng))
        more = "".join(repaired(("1", "21", "1", "1"), FULL, rng))
        assert sum(a != b for a, b in zip(fewer, "222211", strict=True)) == 1
        assert sum(a != b for a, b in zip(more, "12111", strict=True)) == 2
        assert more[1] == "2"


@settings(max_examples=60)
@given(small_groups, st.sampled_from([2, 3, 4]))
def test_what_is_not_shown_is_made_equal(groups, stages):
    made = shown(groups, stages, SMALL)
    assert SMALL.hold(made)
    assert made[:stages] == groups[:stages]
    assert shown(made, stages, SMALL) == made
    if stages == 4:
        assert made == groups


@pytest.mark.parametrize("stages", [2, 3])
def test_sets_are_made_equal_exactly_when_they_agree_in_what_is_shown(stages):
    every = brute_force(SMALL)
    kept = {groups[:stages] for groups in every}
    assert len({shown(groups, stages, SMALL) for groups in every}) == len(kept)
