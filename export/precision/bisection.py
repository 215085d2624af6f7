"""Find the smallest set that has to be kept, by bisecting a ranking.

Sets are judged as a whole. Ranked from the most to the least harmful, the shortest sufficient
prefix is bisected; its last member is needed, since the prefix without it does not suffice, and is
kept for good. The rest of the prefix is bisected again, on top of what is kept, until nothing more
is needed. Every kept member costs one bisection and one look at whether it was the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ..errors import PrecisionError


class Judged(Protocol):
    """What judging a set gives."""

    @property
    def passed(self) -> bool:
        """Return whether keeping the set suffices."""


JudgedT = TypeVar("JudgedT", bound=Judged)


@dataclass(frozen=True, slots=True)
class Needed(Generic[JudgedT]):
    """Name a member that is needed.

    Attributes:
        name: Its name.
        without: Judged without it, with all else that was kept then: not sufficient.
        with_it: Judged with it; ``None`` where that is everything, which was not judged.
    """

    name: str
    without: JudgedT
    with_it: JudgedT | None


@dataclass(frozen=True, slots=True)
class Found(Generic[JudgedT]):
    """Hold what was found.

    Attributes:
        kept: A sufficient set.
        needed: Those of its members that are known to be needed, as they were found.
        judged: The set, judged; ``None`` where it is everything, which was not judged.
        evaluations: Sets judged.
        minimal: Whether every member is known to be needed.
    """

    kept: frozenset[str]
    needed: tuple[Needed[JudgedT], ...]
    judged: JudgedT | None
    evaluations: int
    minimal: bool


def smallest_kept(
    ranked: Sequence[str],
    judge: Callable[[frozenset[str]], JudgedT],
    *,
    max_evaluations: int | None = None,
) -> Found[JudgedT]:
    """Return a smallest sufficient set, where keeping more is never worse.

    No member of the result can be left out of it. If the k members come first in the ranking it
    is also the set of fewest members. It takes at most ``k (ceil(log2 n) + 1) + 1`` evaluations,
    which from n = 8 on is within ``2 k log2 n`` for any k >= 1; one evaluation if k = 0.

    Args:
        ranked: The members, those first that are thought to be needed most. All of them together
            are taken to suffice.
        judge: Judges a set of members to keep.
        max_evaluations: Judge no more sets than that and return what suffices by then; no limit
            if ``None``.

    Raises:
        PrecisionError: ``max_evaluations`` is below 1, or a member occurs twice.
    """
    return _Bisection(ranked, judge, max_evaluations).run()


class _Bisection(Generic[JudgedT]):
    def __init__(
        self,
        ranked: Sequence[str],
        judge: Callable[[frozenset[str]], JudgedT],
        max_evaluations: int | None,
    ) -> None:
        if max_evaluations is not None and max_evaluations < 1:
            raise PrecisionError(f"max_evaluations must be at least 1, got {max_evaluations}")
        if len(set(ranked)) != len(ranked):
            raise PrecisionError("a member occurs twice in the ranking")
        self._rest = list(ranked)  # together with what is needed it suffices
        self._judge = judge
        self._limit = math.inf if max_evaluations is None else max_evaluations
        self._needed: list[Needed[JudgedT]] = []
        self._judged: dict[frozenset[str], JudgedT] = {}

    def run(self) -> Found[JudgedT]:
        while self._rest:
            if not self._may_judge(0):
                return self._found(minimal=False)
            without = self._look(0)
            if without.passed:
                self._rest = []
                break
            low, high = 0, len(self._rest)  # a prefix of low does not suffice, one of high does
            while high - low > 1:
                middle = (low + high) // 2
                if not self._may_judge(middle):
                    self._rest = self._rest[:high]
                    return self._found(minimal=False)
                judged = self._look(middle)
                low, high = (low, middle) if judged.passed else (middle, high)
            self._take(low, high)
        return self._found(minimal=True)

    def _take(self, low: int, high: int) -> None:
        with_it = self._judged.get(self._prefix(high))
        name = self._rest[high - 1]
        self._needed.append(Needed(name, self._judged[self._prefix(low)], with_it))
        self._rest = self._rest[: high - 1]

    def _prefix(self, length: int) -> frozenset[str]:
        return frozenset((*(n.name for n in self._needed), *self._rest[:length]))

    def _may_judge(self, length: int) -> bool:
        return self._prefix(length) in self._judged or len(self._judged) < self._limit

    def _look(self, length: int) -> JudgedT:
        kept = self._prefix(length)
        if kept not in self._judged:
            self._judged[kept] = self._judge(kept)
        return self._judged[kept]

    def _found(self, *, minimal: bool) -> Found[JudgedT]:
        kept = self._prefix(len(self._rest))
        return Found(kept, tuple(self._needed), self._judged.get(kept), len(self._judged), minimal)
