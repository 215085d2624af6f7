"""Take samples until they say enough: warm-up by convergence, block sizing, adaptive stop.

Everything here works on *timers*: a timer runs its engine ``n`` times back to back and returns the
milliseconds that took. No clock is read here, so the rules can be tested on made-up sequences.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from .protocol import (
    COLD,
    MIN_SAMPLES_FOR_CI,
    SETTLE_NEVER_MS,
    SETTLE_ONCE_MS,
    WARM,
    TimingProtocol,
)
from .stats import MIN_FOR_THIRDS, relative_half_width, relative_slope

Timer = Callable[[int], float]

# Blocks are sized with this headroom: after warm-up runs get faster and blocks shorter.
BLOCK_HEADROOM = 1.25
# The first run may take a hundred times a later one; growing in steps corrects the estimate.
MAX_GROWTH = 16
MAX_BLOCK_RUNS = 1_000_000
# A trend needs three points.
MIN_STEADY_BLOCKS = 3
# Convergence is looked at again after so much more: looking costs up to a millisecond.
LOOKS_SHARE = 16
REFERENCE_SHARE = 0.2
"""What timing a reference beside an engine may take of the time."""

# Where an engine is slow to settle again, the reference takes several samples at a time.
REFERENCE_ROUND = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """Hold what one timer gave.

    Attributes:
        raw_ms: Milliseconds per run of every sample.
        warmup_ms: The same for every warm-up block.
        block_runs: Runs per sample.
        converged: The confidence interval of the median became narrow enough.
        steady: The warm-up ended in a steady state.
    """

    raw_ms: tuple[float, ...]
    warmup_ms: tuple[float, ...]
    block_runs: int
    converged: bool
    steady: bool


class Sampler:
    """Take warm-up blocks and samples of one engine until the protocol is satisfied.

    Args:
        timers: One per input of the engine; samples take them in turns.
        protocol: When it is satisfied.
        untimed_ms: What each run takes beside what its timer tells (emptying caches).

    Attributes:
        spent_ms: Time spent so far, on warm-up, settling and samples.
        settled_ms: The part of it spent on settling.
    """

    def __init__(
        self, timers: Sequence[Timer], protocol: TimingProtocol, untimed_ms: float = 0.0
    ) -> None:
        self.spent_ms = 0.0
        self.settled_ms = 0.0
        self._timers = tuple(timers)
        self._protocol = protocol
        self._untimed_ms = untimed_ms
        self._runs = 1
        self._raw: list[float] = []
        self._warmup: list[float] = []
        self._warmed_ms = 0.0
        self._steady = False
        self._converged = False
        self._next_look = protocol.min_samples

    def warm_up(self) -> None:
        """Run until the last blocks show no trend, sizing the blocks on the way."""
        protocol = self._protocol
        for timer in self._timers[1:]:
            self._run(timer, 1)
        begin, window = self.spent_ms, 0  # window: blocks since the size last changed
        # Bounds the loop for a timer that claims to take no time at all.
        most = math.ceil(protocol.warmup_max_ms / protocol.min_block_ms) + MAX_GROWTH
        for _ in range(most):
            total = self._run(self._timers[0], self._runs)
            self._warmup.append(total / self._runs)
            spent = self.spent_ms - begin
            window += 1
            if self._grow(total):
                window = 0
            enough = window >= protocol.warmup_window and spent >= protocol.warmup_min_ms
            if enough and self._is_steady(window):
                break
            if spent >= protocol.warmup_max_ms and window >= MIN_STEADY_BLOCKS:
                break
        self._steady = window >= MIN_STEADY_BLOCKS and self._is_steady(window)
        self._warmed_ms = self.spent_ms

    def take(self, *, settle: int = 0) -> None:
        """Take one sample of the next input after ``settle`` untimed runs."""
        timer = self._timers[len(self._raw) % len(self._timers)]
        if settle:
            before = self.spent_ms
            self._run(timer, settle)
            self.settled_ms += self.spent_ms - before
        self._raw.append(self._run(timer, self._runs) / self._runs)
        taken = len(self._raw)
        if taken >= self._next_look and self._round_is_full:
            self._next_look = taken + max(1, taken // LOOKS_SHARE)
            self._converged = self._is_narrow()

    @property
    def block_runs(self) -> int:
        """Return the runs per sample."""
        return self._runs

    @property
    def run_ms(self) -> float:
        """Return what a run took last; 0 before the first."""
        taken = self._raw or self._warmup
        return taken[-1] if taken else 0.0

    @property
    def block_ms(self) -> float:
        """Return what a sample takes, by the last one."""
        return self._runs * (self.run_ms + self._untimed_ms)

    @property
    def settle_runs(self) -> int:
        """Return how many untimed runs a sample needs after another engine ran."""
        if self.run_ms > SETTLE_NEVER_MS or self._protocol.cache == COLD:
            return 0
        wanted = self._protocol.settle_runs
        return min(wanted, 1) if self.run_ms > SETTLE_ONCE_MS else wanted

    @property
    def taken(self) -> int:
        """Return the number of samples."""
        return len(self._raw)

    @property
    def done(self) -> bool:
        """Tell whether enough samples are taken, or as many as are allowed."""
        return self._round_is_full and (self._converged or self.exhausted)

    @property
    def exhausted(self) -> bool:
        """Tell whether as many samples are taken as are allowed."""
        taken = len(self._raw)
        over = self.spent_ms - self._warmed_ms >= self._protocol.max_seconds * 1000.0
        return self._round_is_full and (
            taken >= self._protocol.max_samples or (over and taken >= MIN_SAMPLES_FOR_CI)
        )

    def result(self) -> Timing:
        """Return what was taken so far."""
        converged = self._converged or (
            len(self._raw) >= self._protocol.min_samples and self._is_narrow()
        )
        return Timing(tuple(self._raw), tuple(self._warmup), self._runs, converged, self._steady)

    @property
    def _round_is_full(self) -> bool:
        return len(self._raw) % len(self._timers) == 0

    def _run(self, timer: Timer, runs: int) -> float:
        total = timer(runs)
        self.spent_ms += total + runs * self._untimed_ms
        return total

    def _is_narrow(self) -> bool:
        width = relative_half_width(self._raw, len(self._timers))
        return width <= self._protocol.target_rel_ci

    def _grow(self, total: float) -> bool:
        """Make the block longer if it was shorter than the protocol asks; tell whether it was."""
        least = self._protocol.min_block_ms
        if total >= least or self._runs >= MAX_BLOCK_RUNS or self._protocol.cache == COLD:
            return False
        factor = least * BLOCK_HEADROOM / total if total > 0 else MAX_GROWTH
        wanted = math.ceil(self._runs * min(factor, MAX_GROWTH))
        self._runs = min(max(wanted, self._runs + 1), MAX_BLOCK_RUNS)
        return True

    def _is_steady(self, window: int) -> bool:
        last = self._warmup[-min(window, self._protocol.warmup_window) :]
        return abs(relative_slope(last)) <= self._protocol.warmup_max_slope


def time_interleaved(
    samplers: Sequence[Sampler],
    rng: np.random.Generator,
    after_warm_up: Callable[[], None] | None = None,
) -> list[Timing]:
    """Warm up all engines, then take samples in rounds; each round visits them in random order.

    Whatever slows the machine down for a while thus hits all engines alike. One leaves the rounds
    once it has converged or reached a limit of the protocol.

    Args:
        samplers: One per engine.
        rng: Order of the rounds.
        after_warm_up: Called between warm-up and samples.

    Source: Google Benchmark, random interleaving (40 % less run-to-run variance).
    """
    with _no_garbage_collection():
        for sampler in samplers:
            sampler.warm_up()
        if after_warm_up:
            after_warm_up()
        active = list(samplers)
        while active:  # ends: every round takes a sample of each, and max_samples bounds those
            several = len(active) > 1
            for index in rng.permutation(len(active)):
                sampler = active[index]
                sampler.take(settle=sampler.settle_runs if several else 0)
            active = [sampler for sampler in active if not sampler.done]
    return [sampler.result() for sampler in samplers]


def time_beside(
    sampler: Sampler,
    reference: Sampler,
    after_warm_up: Callable[[], None] | None = None,
) -> tuple[Timing, Timing]:
    """Take samples of an engine, and of a reference in alternation with them.

    The reference tells how fast the machine was meanwhile. It takes at most
    :data:`REFERENCE_SHARE` of the time, settling included, but is sampled at least once; where it
    has fewer than :data:`~engines.stats.MIN_FOR_THIRDS` samples when the engine is done, the
    engine goes on within its limits.

    Args:
        sampler: Of the engine.
        reference: Made by :func:`reference_sampler`.
        after_warm_up: Called between warm-up and samples.
    """
    with _no_garbage_collection():
        sampler.warm_up()
        reference.warm_up()
        if after_warm_up:
            after_warm_up()
        for _ in range(_round_of(sampler)):
            reference.take()
        disturbed = True
        while True:  # ends: every turn takes a sample, and the protocol bounds those
            sampler.take(settle=sampler.settle_runs if disturbed else 0)
            disturbed = _take_reference(sampler, reference)
            known = reference.taken >= MIN_FOR_THIRDS
            if sampler.exhausted or (sampler.done and known):
                return sampler.result(), reference.result()


def reference_sampler(timer: Timer, protocol: TimingProtocol) -> Sampler:
    """Return a sampler for a reference, whose warm-up only sizes its blocks."""
    quick = replace(
        protocol,
        cache=WARM,
        warmup_min_ms=0.0,
        warmup_window=MIN_STEADY_BLOCKS,
        warmup_max_ms=protocol.min_block_ms,
    )
    return Sampler([timer], quick)


def _take_reference(sampler: Sampler, reference: Sampler) -> bool:
    """Take samples of the reference if its share allows; tell whether it ran."""
    blocks = _round_of(sampler)
    cost = reference.block_ms * (1 + blocks) + sampler.run_ms * sampler.settle_runs
    caused = reference.spent_ms + sampler.settled_ms + cost
    if caused > REFERENCE_SHARE * (sampler.spent_ms + reference.spent_ms + cost):
        return False
    for index in range(blocks):
        reference.take(settle=0 if index else reference.block_runs)
    return True


def _round_of(sampler: Sampler) -> int:
    return REFERENCE_ROUND if sampler.run_ms > SETTLE_ONCE_MS else 1


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    # As the standard library's timeit: a collection in the middle of a block is no latency.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
