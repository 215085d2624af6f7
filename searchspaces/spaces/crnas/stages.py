"""The stage level of CR-NAS: how many blocks stand in each stage, at equal cost.

Source: Computation Reallocation for object detection (Liang et al., ICLR 2020), stage
reallocation. A block costs about the same in every stage, so that a stage code is *eligible* when
the counts of its blocks, weighted where a block costs more or less, add up to the budget.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from ...errors import ArchitectureError, SearchSpaceError

StageCode = tuple[int, ...]
_COUNT = re.compile("[1-9][0-9]?")
_CHARACTERS = "0123456789-"


@dataclass(frozen=True, slots=True)
class StageRule:
    """Say which numbers of blocks the stages of a series may have.

    Attributes:
        choices: Allowed counts of every searched stage, each ascending.
        weights: What a block of each searched stage takes of the budget, in quarters.
        before: Fixed entries that are written before the searched ones.
        after: Fixed entries that are written after the searched ones.
        outside: How many entries at either end stand for layers that are no blocks.
        also: Published codes outside the declared choices.
    """

    choices: tuple[StageCode, ...]
    weights: StageCode = (4, 4, 4, 4)
    before: StageCode = ()
    after: StageCode = ()
    outside: tuple[int, int] = (0, 0)
    also: tuple[StageCode, ...] = ()

    def budget(self, code: StageCode) -> float:
        """Return the blocks that a code has, weighted."""
        return sum(w * n for w, n in zip(self.weights, code, strict=True)) / 4

    def declared(self, blocks: int) -> tuple[StageCode, ...]:
        """List the codes out of the declared choices that meet a budget exactly, ascending."""
        return _declared(self, blocks)

    def eligible(self, blocks: int) -> tuple[StageCode, ...]:
        """List the codes that meet a budget exactly, published exceptions included, ascending."""
        also = (code for code in self.also if self.budget(code) == blocks)
        return tuple(sorted({*_declared(self, blocks), *also}))

    def span(self) -> tuple[int, int]:
        """Return the smallest and the largest whole budget that a declared code meets."""
        budgets = set(map(self.budget, itertools.product(*self.choices)))
        whole = [int(budget) for budget in budgets if budget.is_integer()]
        return min(whole), max(whole)

    def depths(self, code: StageCode) -> StageCode:
        """Return the number of blocks of every stage of the backbone, fixed ones included."""
        entries = (*self.before, *code, *self.after)
        return entries[self.outside[0] : len(entries) - self.outside[1]]

    def text(self, code: StageCode) -> str:
        """Write a code, fixed entries included, as in ``1-3-5-7``."""
        return "-".join(map(str, (*self.before, *code, *self.after)))

    def parse(self, text: str) -> StageCode:
        """Read what :meth:`text` wrote; the counts may be any from 1 to 99.

        Raises:
            ArchitectureError: A character is no digit (the message points at it), there are too
                few or too many stages, or a fixed entry differs.
        """
        for position, character in enumerate(text, 1):
            if character not in _CHARACTERS:
                raise ArchitectureError(
                    f"{text!r}: character {position}, {character!r}, stands in no stage code; "
                    "write numbers of blocks with '-' between, as in 1-3-5-7"
                )
        parts, entries = text.split("-"), len(self.before) + len(self.choices) + len(self.after)
        if len(parts) != entries:
            raise ArchitectureError(
                f"{text!r}: it has {len(parts)} stages instead of {entries}; write numbers of "
                f"blocks with '-' between, as in {self.text(tuple(c[0] for c in self.choices))}"
            )
        for stage, part in enumerate(parts, 1):
            if not _COUNT.fullmatch(part):
                raise ArchitectureError(
                    f"{text!r}: stage {stage} has {part!r} blocks; write a number from 1 to 99"
                )
        return self._searched(text, tuple(map(int, parts)))

    def _searched(self, text: str, entries: StageCode) -> StageCode:
        """Cut the searched entries out of all."""
        first, end = len(self.before), len(entries) - len(self.after)
        fixed = {**dict(enumerate(self.before)), **dict(enumerate(self.after, end))}
        for index, count in fixed.items():
            if entries[index] != count:
                raise ArchitectureError(
                    f"{text!r}: stage {index + 1} has {entries[index]} blocks, but that stage is "
                    f"not searched; write {count}"
                )
        return entries[first:end]


@lru_cache(maxsize=64)
def _declared(rule: StageRule, blocks: int) -> tuple[StageCode, ...]:
    codes = itertools.product(*rule.choices)
    return tuple(code for code in codes if rule.budget(code) == blocks)


@dataclass(frozen=True)
class StageCodes:
    """Hold the eligible stage codes of a series at one budget, or at any of several.

    Attributes:
        rule: Of the series.
        budgets: The numbers of blocks, weighted as the rule says.

    Raises:
        SearchSpaceError: There is no budget, or no code meets one.

    Example:
        >>> codes = StageCodes(StageRule(((1, 2, 3),) * 4), (5,))
        >>> codes.all
        ((1, 1, 1, 2), (1, 1, 2, 1), (1, 2, 1, 1), (2, 1, 1, 1))
    """

    rule: StageRule
    budgets: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.budgets:
            low, high = self.rule.span()
            raise SearchSpaceError(f"no budget is given; write blocks from {low} to {high}")
        for blocks in self.budgets:
            if type(blocks) is not int or not self.rule.eligible(blocks):
                low, high = self.rule.span()
                raise SearchSpaceError(
                    f"no stage code has blocks={blocks!r}; give ints from {low} to {high}"
                )

    @cached_property
    def all(self) -> tuple[StageCode, ...]:
        """Return every eligible code, ascending."""
        return tuple(sorted({c for blocks in self.budgets for c in self.rule.eligible(blocks)}))

    @cached_property
    def by_genes(self) -> dict[tuple[int | str, ...], StageCode]:
        """Return every code by the genes that name it: the same numbers."""
        return {code: code for code in self.all}

    @cached_property
    def _table(self) -> npt.NDArray[np.int64]:
        return np.array(self.all, dtype=np.int64)

    def parse(self, text: str) -> StageCode:
        """Read an eligible code.

        Raises:
            ArchitectureError: It is malformed, or not eligible: the message says its sum, the sum
                needed and the nearest eligible code.
        """
        code = self.rule.parse(text)
        if code not in self.by_genes:
            self._refuse(text, code)
        return code

    def _refuse(self, text: str, code: StageCode) -> NoReturn:
        have, nearest = self.rule.budget(code), self.rule.text(self.nearest(code))
        weights = [f"{weight / 4:g}" for weight in self.rule.weights]
        weighed = f" (weights {', '.join(weights)})" if len(set(weights)) > 1 else ""
        wrong = f"it has {have:g} blocks{weighed} instead of {' or '.join(map(str, self.budgets))}"
        if have in self.budgets:
            pairs = zip(
                itertools.count(1 + len(self.rule.before)), code, self.rule.choices, strict=False
            )
            stage, count, allowed = next(each for each in pairs if each[1] not in each[2])
            wrong = f"stage {stage} has {count} blocks, not one of {', '.join(map(str, allowed))}"
        raise ArchitectureError(f"{text!r}: {wrong}; the nearest eligible stage code is {nearest}")

    def nearest(self, code: StageCode) -> StageCode:
        """Return the eligible code with the fewest blocks added or taken away."""
        return self.all[int(np.abs(self._table - code).sum(1).argmin())]

    def neighbour(self, code: StageCode, rng: np.random.Generator) -> StageCode:
        """Draw another code; each block added or taken away halves its probability.

        Moving one block is the likeliest, and every code can follow: where the choices leave
        gaps, no single move may lead to an eligible code. The only code is its own neighbour.
        """
        if len(self.all) == 1:
            return code
        odds = np.exp2(-np.abs(self._table - code).sum(1, dtype=np.float64))
        odds[self.all.index(code)] = 0.0
        return self.all[rng.choice(len(odds), p=odds / odds.sum())]

    def child(self, a: StageCode, b: StageCode, rng: np.random.Generator) -> StageCode:
        """Draw one of the eligible codes that have every stage from either parent."""
        mixed = [c for c in self.all if all(n in ab for n, *ab in zip(c, a, b, strict=True))]
        return mixed[rng.integers(len(mixed))]

    def features(self, code: StageCode) -> list[float]:
        """Return the share that every stage has of its largest count."""
        return [n / c[-1] for n, c in zip(code, self.rule.choices, strict=True)]

    @cached_property
    def cover(self) -> tuple[StageCode, ...]:
        """Return codes that together hold every count that a stage has in any eligible code."""
        missing = {pair for code in self.all for pair in enumerate(code)}
        taken: list[StageCode] = []
        while missing:  # ends: the best code holds at least one of them
            best = max(self.all, key=lambda code: len(missing.intersection(enumerate(code))))
            missing -= set(enumerate(best))
            taken.append(best)
        return tuple(taken)
