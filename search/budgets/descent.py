"""Improving an architecture step by step within a bounded number of calls."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ObjectiveError
from ..spaces.listing import all_architectures, gene_choices, with_gene

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

MAX_CALLS = 700  # at about 1 ms a call answered in under a second; two sweeps of 40 genes need 240
START_SAMPLES = 8
PATIENCE = 100  # mutations in a row without improvement that end a descent by mutation

Known = Callable[["Architecture"], float]


def fastest(
    space: SearchSpace,
    known: Known,
    rng: np.random.Generator,
    max_calls: int = MAX_CALLS,
    stop_at: float = -math.inf,
) -> tuple[Architecture, float]:
    """Minimise a known value over a space within a bounded number of calls.

    Where the space offers ``gene_choices`` (the allowed values of every gene), coordinate descent
    from the best of a few samples until no change of a single gene improves: exact where the
    value is a sum over positions. Else descent by ``mutate``. A space that can be enumerated in
    ``max_calls`` is enumerated, which is exact for any value.

    Args:
        space: Any search space.
        known: The value to minimise.
        rng: Source of the samples and the order of the moves.
        max_calls: Most calls of ``known``; at least 1.
        stop_at: Stop as soon as a value is at most this.

    Returns:
        The architecture with the smallest value found, and that value.

    Raises:
        ObjectiveError: ``max_calls`` is below 1, or ``known`` gives NaN.
    """
    if max_calls < 1:
        raise ObjectiveError(f"max_calls must be at least 1, got {max_calls}")
    meter = _Meter(known, max_calls, stop_at)
    listed = all_architectures(space, max_calls)
    if listed is not None:
        for architecture in listed:
            meter.try_out(architecture)
            if meter.done:
                break
    if not meter.found:
        for _ in range(min(START_SAMPLES, max_calls)):
            meter.try_out(space.sample(rng))
        _descend(space, meter, rng)
    return meter.best


def descend(
    space: SearchSpace,
    start: Architecture,
    known: Known,
    rng: np.random.Generator,
    max_calls: int = MAX_CALLS,
    stop_at: float = -math.inf,
) -> tuple[Architecture, float]:
    """Improve one architecture as :func:`fastest` does, from a start of your own.

    Raises:
        ObjectiveError: ``max_calls`` is below 1, or ``known`` gives NaN.
    """
    if max_calls < 1:
        raise ObjectiveError(f"max_calls must be at least 1, got {max_calls}")
    meter = _Meter(known, max_calls, stop_at)
    meter.try_out(start)
    _descend(space, meter, rng)
    return meter.best


class _Meter:
    """Count the calls of a function and keep its smallest value."""

    def __init__(self, function: Known, max_calls: int, stop_at: float) -> None:
        self._function = function
        self._left = max_calls
        self._stop_at = stop_at
        self._best: tuple[Architecture, float] | None = None

    @property
    def found(self) -> bool:
        return self._best is not None

    @property
    def best(self) -> tuple[Architecture, float]:
        assert self._best is not None
        return self._best

    @property
    def done(self) -> bool:
        return self._left <= 0 or (self.found and self.best[1] <= self._stop_at)

    def try_out(self, architecture: Architecture) -> bool:
        """Return whether the architecture is the best so far; not called once done."""
        if self.done:
            return False
        self._left -= 1
        value = float(self._function(architecture))
        if math.isnan(value):
            raise ObjectiveError(f"the known value of {architecture} is nan")
        if self._best is not None and value >= self._best[1]:
            return False
        self._best = architecture, value
        return True


def _descend(space: SearchSpace, meter: _Meter, rng: np.random.Generator) -> None:
    choices = gene_choices(space)
    if choices:
        _by_coordinates(space, meter, rng, choices)
    else:
        _by_mutation(space, meter, rng)


def _by_coordinates(
    space: SearchSpace,
    meter: _Meter,
    rng: np.random.Generator,
    choices: tuple[tuple[Any, ...], ...],
) -> None:
    unchanged = 0
    for position in itertools.cycle(rng.permutation(len(choices)).tolist()):
        if meter.done or unchanged == len(choices):
            return
        base = meter.best[0]
        tried = [meter.try_out(arch) for arch in _siblings(space, base, position, choices)]
        unchanged = 0 if any(tried) else unchanged + 1


def _siblings(
    space: SearchSpace, base: Architecture, position: int, choices: tuple[tuple[Any, ...], ...]
) -> Iterator[Architecture]:
    for gene in choices[position]:
        if gene == base.genes[position]:
            continue
        sibling = with_gene(base, position, gene)
        if space.is_valid(sibling):
            yield sibling


def _by_mutation(space: SearchSpace, meter: _Meter, rng: np.random.Generator) -> None:
    misses = 0
    while not meter.done and misses < PATIENCE:
        base = meter.best[0]
        neighbour = space.mutate(base, rng)
        better = neighbour != base and space.is_valid(neighbour) and meter.try_out(neighbour)
        misses = 0 if better else misses + 1
