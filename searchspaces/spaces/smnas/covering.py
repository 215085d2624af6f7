"""Few architectures of SM-NAS' spaces that together hold every module at every node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import lru_cache
from heapq import heapify, heappop, heappush
from itertools import combinations_with_replacement, pairwise
from typing import TypeVar

from ...parts import STAGES
from .code import DOUBLINGS, CodeLimits
from .groups import Groups, with_group

Item = TypeVar("Item")


def cover(items: Iterable[Item], holds: Callable[[Item], Iterable[Hashable]]) -> Iterator[Item]:
    """Give some of the items that together hold all that every item holds.

    Greedy: always one that holds most of what is still missing, which is within a factor of
    ``1 + ln(most that an item holds)`` of the fewest.
    """
    held = [(item, frozenset(holds(item))) for item in items]
    queue = [(-len(things), index) for index, (_, things) in enumerate(held)]
    heapify(queue)
    missing = set().union(*(things for _, things in held))
    while missing:
        promised, index = heappop(queue)
        item, things = held[index]
        new = len(things & missing)  # has only fallen since it was queued
        if new < -promised:
            heappush(queue, (-new, index))
        else:
            missing -= things
            yield item


def numbered(names: Iterable[str]) -> list[tuple[str, int]]:
    """Number equal names; in a structure's detector both together tell the module's node."""
    seen: Counter[str] = Counter()
    places = []
    for name in names:
        places.append((name, seen[name]))
        seen[name] += 1
    return places


@lru_cache(maxsize=16)
def covering_groups(limits: CodeLimits, widths: tuple[int, ...]) -> tuple[tuple[Groups, int], ...]:
    """Pair groups with pyramid widths, so that together they hold every module.

    The groups hold every block at every place where it may stand; the inputs of a pyramid depend
    on where the doublings are, so that each of these goes with every width.
    """
    by_doublings: dict[tuple[int, ...], list[Groups]] = {}
    for groups in cover(longest(limits), _places_and_doublings):
        by_doublings.setdefault(_doublings(groups), []).append(groups)
    return tuple(
        (same[index % len(same)], widths[index % len(widths)])
        for same in by_doublings.values()
        for index in range(max(len(same), len(widths)))
    )


def _places_and_doublings(groups: Groups) -> list[tuple[object, ...]]:
    return [*places(groups), _doublings(groups)]


def _doublings(groups: Groups) -> tuple[int, ...]:
    return tuple(group.count("2") for group in groups)


def longest(limits: CodeLimits) -> Iterator[Groups]:
    """Give sets that together hold every block at every place where it may stand.

    One group is as long as can be, the others as short as can be. The doublings of the long one
    stand together, anywhere, or at its two ends.
    """
    for ends in combinations_with_replacement(range(DOUBLINGS + 1), STAGES - 1):
        doublings = [b - a for a, b in pairwise((0, *ends, DOUBLINGS))]
        plain = tuple("2" * count or "1" for count in doublings)
        for stage, count in enumerate(doublings):
            others = len("".join(plain)) - len(plain[stage])
            ones = limits.max_blocks - others - count
            for start in range(ones + 1):
                group = "1" * start + "2" * count + "1" * (ones - start)
                yield with_group(plain, stage, group)
            for start in range(1, count):
                group = "2" * start + "1" * ones + "2" * (count - start)
                yield with_group(plain, stage, group)


def places(groups: Groups) -> Iterator[tuple[int, int, int, str]]:
    """Give stage, index in it, doublings before it and symbol of every block."""
    doublings = 0
    for stage, group in enumerate(groups):
        for index, symbol in enumerate(group):
            yield stage, index, doublings, symbol
            doublings += symbol == "2"
