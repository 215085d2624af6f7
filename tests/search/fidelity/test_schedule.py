"""The order of results: that of hands on a clock."""

import heapq

from hypothesis import given, strategies as st

from search.fidelity import Schedule


def test_equal_lengths_end_in_the_order_they_began() -> None:
    schedule = Schedule()
    ended = []
    for index in range(9):
        if len(schedule) == 3:
            ended.append(schedule.end())
        schedule.begin(index, 5)
    assert ended == list(range(6))
    assert schedule.next == 6
    assert len(schedule) == 3


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 5))
def test_the_order_is_that_of_a_simulation(lengths: list[int], hands: int) -> None:
    schedule, ended = Schedule(), []
    for index, length in enumerate(lengths):
        if len(schedule) == hands:
            ended.append(schedule.end())
        schedule.begin(index, length)
    while schedule.next is not None:
        ended.append(schedule.end())
    free = [0] * hands  # when each hand is free again: a second way to say it
    ends = []
    for index, length in enumerate(lengths):
        start = heapq.heappop(free)
        ends.append((start + length, index))
        heapq.heappush(free, start + length)
    assert ended == [index for _, index in sorted(ends)]


def test_nothing_is_next_where_nothing_began() -> None:
    assert Schedule().next is None
