"""The operation level of CR-NAS: which dilation the 3x3 convolution of every block has.

Source: Computation Reallocation for object detection (Liang et al., ICLR 2020), convolution
reallocation. Digits 0, 1 and 2 stand for dilation 1, 2 and 3; they cost the same and hold the
same weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeGuard

import numpy as np

from ...errors import ArchitectureError
from ...parts import DILATIONS
from .. import mutation
from .stages import StageCode, StageRule

CHOICES = len(DILATIONS)
DIGITS = frozenset(range(CHOICES))
BINS = 4
"""Most places along a stage whose dilations are features of their own."""

Digits = tuple[int, ...]


def are_digits(genes: tuple[int | str, ...]) -> TypeGuard[Digits]:
    """Return whether every gene is a digit."""
    return DIGITS.issuperset(genes)


def draw(count: int, rng: np.random.Generator) -> Digits:
    """Draw every digit uniformly."""
    return tuple(rng.integers(CHOICES, size=count).tolist())


def redraw(digits: Digits, rng: np.random.Generator) -> Digits:
    """Change every digit with probability 0.1, and at least one."""
    return tuple(mutation.redraw(digits, CHOICES, rng).tolist())


def by_stage(depths: StageCode, digits: Sequence[int]) -> tuple[Digits, ...]:
    """Cut the digits into stages."""
    ends = accumulate(depths, initial=0)
    return tuple(tuple(digits[first:end]) for first, end in pairwise(ends))


def carry(before: tuple[Digits, ...], depths: StageCode, rng: np.random.Generator) -> Digits:
    """Give a network's digits to one with other stages.

    Blocks stay or go at the end of their stage. A block that moves to another stage takes its
    digit along; one that comes from nowhere draws it.
    """
    moved = [d for stage, n in zip(before, depths, strict=True) for d in stage[n:]]
    digits: list[int] = []
    for stage, count in zip(before, depths, strict=True):
        digits += stage[:count]
        missing = max(count - len(stage), 0)
        taken, moved = moved[:missing], moved[missing:]
        digits += (*taken, *draw(missing - len(taken), rng))
    return tuple(digits)


def child(
    a: tuple[Digits, ...], b: tuple[Digits, ...], depths: StageCode, rng: np.random.Generator
) -> Digits:
    """Take every digit from either parent, where both have the block; else from the one."""
    digits: list[int] = []
    for of_a, of_b, count in zip(a, b, depths, strict=True):
        from_a = rng.random(count) < 0.5
        for block in range(count):
            both = block < min(len(of_a), len(of_b))
            take_a = from_a[block] if both else block < len(of_a)
            digits.append((of_a if take_a else of_b)[block])
    return tuple(digits)


def indicators(digits: Digits) -> list[float]:
    """Return ``(3 * blocks,)`` indicators: one per block and dilation."""
    return [float(digit == choice) for digit in digits for choice in range(CHOICES)]


def shares(stages: tuple[Digits, ...], bins: Sequence[int]) -> list[float]:
    """Describe stages of any depth by a fixed number of features.

    Each stage is laid over a line that is cut into ``bins`` equal pieces; a feature is the share
    of a piece that lies under blocks of one dilation.
    """
    rows = []
    for digits, count in zip(stages, bins, strict=True):
        edges = np.linspace(0, count, len(digits) + 1)  # of the blocks, in pieces
        for piece in range(count):
            inside = np.diff(edges.clip(piece, piece + 1))
            rows += np.bincount(digits, weights=inside, minlength=CHOICES).tolist()
    return rows


def write(rule: StageRule, code: StageCode, digits: Sequence[int]) -> str:
    """Write an operation code; layers that are no blocks have a 0."""
    before, after = fixed_digits(rule, code)
    return "0" * before + "".join(map(str, digits)) + "0" * after


def read(rule: StageRule, code: StageCode, text: str, whole: str) -> Digits:
    """Read what :func:`write` wrote.

    Args:
        rule: Of the series.
        code: The stage code that the operation code belongs to.
        text: The operation code.
        whole: What the user wrote; ``text`` is its end.

    Raises:
        ArchitectureError: A digit is none of 0, 1, 2 or not 0 where there is no block (the
            message points at it), or there are too few or too many.
    """
    offset = len(whole) - len(text)
    for position, character in enumerate(text, offset + 1):
        if character not in "012":
            raise ArchitectureError(
                f"{whole!r}: character {position}, {character!r}, is no dilation; use 0, 1 and 2 "
                "for dilation 1, 2 and 3"
            )
    before, after = fixed_digits(rule, code)
    need = before + sum(rule.depths(code)) + after
    if len(text) != need:
        raise ArchitectureError(
            f"{whole!r}: the operation code has {len(text)} digits; stage code {rule.text(code)} "
            f"needs {need}, one per block"
        )
    for index in (*range(before), *range(need - after, need)):
        if text[index] != "0":
            raise ArchitectureError(
                f"{whole!r}: character {offset + index + 1}, {text[index]!r}, must be 0: it "
                f"stands for a layer that is not dilated, as the first {before} and the last "
                f"{after} do"
            )
    return tuple(map(int, text[before : need - after]))


def fixed_digits(rule: StageRule, code: StageCode) -> tuple[int, int]:
    """Return how many digits at either end stand for layers that are no blocks."""
    entries = (*rule.before, *code, *rule.after)
    first, last = rule.outside
    return sum(entries[:first]), sum(entries[len(entries) - last :])
