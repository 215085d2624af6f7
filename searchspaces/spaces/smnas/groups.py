"""The groups of a coded backbone as a set: counted, drawn, varied and repaired.

A set of groups is a text of ``n`` blocks, three of them doublings, cut into four stages:
``C(n, 3)`` places of the doublings times ``C(n - 1, 3)`` places of the cuts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, combinations, pairwise
from math import comb

import numpy as np

from ...parts import STAGES
from .code import DOUBLINGS, CodeLimits

Groups = tuple[str, ...]


def count_groups(limits: CodeLimits) -> int:
    """Return how many sets of groups there are.

    Example:
        >>> count_groups(CodeLimits(min_blocks=5, max_blocks=6))
        240
    """
    return _ends(limits.min_blocks, limits.max_blocks)[-1]


def groups_at(limits: CodeLimits, index: int) -> Groups:
    """Return set ``index`` of ``count_groups(limits)``; each has one index.

    Example:
        >>> groups_at(CodeLimits(), 0)
        ('2', '2', '2', '11')
    """
    ends = _ends(limits.min_blocks, limits.max_blocks)
    longer = next(i for i, end in enumerate(ends) if index < end)
    blocks = limits.min_blocks + longer
    within = index - (ends[longer - 1] if longer else 0)
    doublings, cuts = divmod(within, comb(blocks - 1, STAGES - 1))
    symbols = ["1"] * blocks
    for place in _subsets(blocks, DOUBLINGS)[doublings]:
        symbols[place] = "2"
    text = "".join(symbols)
    places = (0, *(cut + 1 for cut in _subsets(blocks - 1, STAGES - 1)[cuts]), blocks)
    return tuple(text[a:b] for a, b in pairwise(places))


@lru_cache(maxsize=256)
def _ends(least: int, most: int) -> tuple[int, ...]:
    """Return the running number of sets of ``least``, ``least + 1``, ... blocks."""
    sizes = range(least, most + 1)
    return tuple(accumulate(comb(n, DOUBLINGS) * comb(n - 1, STAGES - 1) for n in sizes))


@lru_cache(maxsize=256)
def _subsets(size: int, taken: int) -> tuple[tuple[int, ...], ...]:
    return tuple(combinations(range(size), taken))


def with_group(groups: Groups, stage: int, group: str) -> Groups:
    """Return the groups with another one at a stage."""
    return (*groups[:stage], group, *groups[stage + 1 :])


def inserted(groups: Groups, limits: CodeLimits) -> Iterator[Groups]:
    """Give every set with one more regular block, each once."""
    if sum(map(len, groups)) >= limits.max_blocks:
        return
    for stage, group in enumerate(groups):
        for place in range(len(group) + 1):
            if group[place : place + 1] != "1":  # elsewhere in a run of 1s it is the same text
                yield with_group(groups, stage, f"{group[:place]}1{group[place:]}")


def removed(groups: Groups, limits: CodeLimits) -> Iterator[Groups]:
    """Give every set with one regular block less, each once."""
    if sum(map(len, groups)) <= limits.min_blocks:
        return
    for stage, group in enumerate(groups):
        for place, symbol in enumerate(group):
            first_of_run = symbol == "1" and group[place - 1 : place] != "1"
            if first_of_run and len(group) > 1:
                yield with_group(groups, stage, group[:place] + group[place + 1 :])


def swapped(groups: Groups) -> Iterator[Groups]:
    """Give every set with two neighbours swapped.

    Swapping a block with a ``-`` hands it to the neighbouring stage.
    """
    text = "-".join(groups)
    for place, (a, b) in enumerate(pairwise(text)):
        if a != b:
            parts = tuple(f"{text[:place]}{b}{a}{text[place + 2 :]}".split("-"))
            if all(parts):
                yield parts


def repaired(groups: Groups, limits: CodeLimits, rng: np.random.Generator) -> Groups:
    """Return the groups with exactly three doublings and an allowed number of blocks.

    Symbols at random places change; groups that fit already stay as they are.

    Args:
        groups: Four texts of at least one ``1`` or ``2``.
        limits: Bound the number of blocks.
        rng: Chooses the places.
    """
    stages = [list(group) for group in groups]
    _set_doublings(stages, rng)
    while sum(map(len, stages)) < limits.min_blocks:
        stage = stages[rng.integers(STAGES)]
        stage.insert(int(rng.integers(len(stage) + 1)), "1")
    while sum(map(len, stages)) > limits.max_blocks:
        places = _places_of(stages, "1", alone=False)
        index, place = places[rng.integers(len(places))]
        del stages[index][place]
    return tuple("".join(stage) for stage in stages)


def shown(groups: Groups, stages: int, limits: CodeLimits) -> Groups:
    """Return the representative of all sets that agree in their first ``stages`` groups."""
    kept, hidden = groups[:stages], STAGES - stages
    if not hidden:
        return groups
    doublings = DOUBLINGS - "".join(kept).count("2")
    symbols = "2" * doublings + "1" * (hidden - doublings)
    symbols += "1" * (limits.min_blocks - len("".join(kept)) - len(symbols))
    # One block in every hidden group, the rest in the last: as few as the limits allow.
    return (*kept, *symbols[: hidden - 1], symbols[hidden - 1 :])


def _places_of(stages: list[list[str]], symbol: str, alone: bool = True) -> list[tuple[int, int]]:
    return [
        (stage, place)
        for stage, group in enumerate(stages)
        for place, found in enumerate(group)
        if found == symbol and (alone or len(group) > 1)
    ]


def _set_doublings(stages: list[list[str]], rng: np.random.Generator) -> None:
    excess = sum(group.count("2") for group in stages) - DOUBLINGS
    places = _places_of(stages, "2" if excess > 0 else "1")
    for choice in rng.choice(len(places), size=abs(excess), replace=False).tolist():
        stage, place = places[choice]
        stages[stage][place] = "1" if excess > 0 else "2"
