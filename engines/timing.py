"""Take samples until they say enough: warm-up by convergence, block sizing, adaptive stop.

Everything here works on *timers*: a timer runs its engine ``n`` times back to back and returns the
milliseconds that took. No clock is read here, so the rules can be tested on made-up sequences.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .errors import MeasurementError
from .measurement import Measurement
from .processors import OthersClock, usable_processors
from .protocol import MIN_SAMPLES_FOR_CI, TimingProtocol
from .stats import relative_half_width, relative_slope

if TYPE_CHECKING:
    from .base import Engine

Timer = Callable[[int], float]

# Blocks are sized with this headroom: after warm-up runs get faster and blocks shorter.
BLOCK_HEADROOM = 1.25
# The first run may take a hundred times a later one; growing in steps corrects the estimate.
MAX_GROWTH = 16
MAX_BLOCK_RUNS = 1_000_000
# A trend needs three points.
MIN_STEADY_BLOCKS = 3


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
    """Take warm-up blocks and samples from one timer until the protocol is satisfied."""

    def __init__(self, timer: Timer, protocol: TimingProtocol) -> None:
        self._timer = timer
        self._protocol = protocol
        self._runs = 1
        self._raw: list[float] = []
        self._warmup: list[float] = []
        self._spent_ms = 0.0
        self._steady = False
        self._converged = False

    def warm_up(self) -> None:
        """Run until the last blocks show no trend, sizing the blocks on the way."""
        protocol = self._protocol
        spent, window = 0.0, 0  # window: blocks since the size last changed
        # Bounds the loop for a timer that claims to take no time at all.
        most = math.ceil(protocol.warmup_max_ms / protocol.min_block_ms) + MAX_GROWTH
        for _ in range(most):
            total = self._timer(self._runs)
            self._warmup.append(total / self._runs)
            spent += total
            window += 1
            if self._grow(total):
                window = 0
            enough = window >= protocol.warmup_window and spent >= protocol.warmup_min_ms
            if enough and self._is_steady(window):
                self._steady = True
                return
            if spent >= protocol.warmup_max_ms and window >= MIN_STEADY_BLOCKS:
                break
        self._steady = window >= MIN_STEADY_BLOCKS and self._is_steady(window)

    def take(self, *, settle: bool = False) -> None:
        """Take one sample; ``settle`` runs the engine untimed before."""
        if settle and self._protocol.settle_runs:
            self._spent_ms += self._timer(self._protocol.settle_runs)
        total = self._timer(self._runs)
        self._spent_ms += total
        self._raw.append(total / self._runs)
        if len(self._raw) >= self._protocol.min_samples:
            self._converged = relative_half_width(self._raw) <= self._protocol.target_rel_ci

    @property
    def done(self) -> bool:
        """Tell whether enough samples are taken, or as many as are allowed."""
        taken = len(self._raw)
        over = self._spent_ms >= self._protocol.max_seconds * 1000.0
        return (
            self._converged
            or taken >= self._protocol.max_samples
            or (over and taken >= MIN_SAMPLES_FOR_CI)
        )

    def result(self) -> Timing:
        """Return what was taken so far."""
        return Timing(
            tuple(self._raw), tuple(self._warmup), self._runs, self._converged, self._steady
        )

    def _grow(self, total: float) -> bool:
        """Make the block longer if it was shorter than the protocol asks; tell whether it was."""
        least = self._protocol.min_block_ms
        if total >= least or self._runs >= MAX_BLOCK_RUNS:
            return False
        factor = least * BLOCK_HEADROOM / total if total > 0 else MAX_GROWTH
        wanted = math.ceil(self._runs * min(factor, MAX_GROWTH))
        self._runs = min(max(wanted, self._runs + 1), MAX_BLOCK_RUNS)
        return True

    def _is_steady(self, window: int) -> bool:
        last = self._warmup[-min(window, self._protocol.warmup_window) :]
        return abs(relative_slope(last)) <= self._protocol.warmup_max_slope


def time_interleaved(
    timers: Sequence[Timer], protocol: TimingProtocol, rng: np.random.Generator
) -> list[Timing]:
    """Warm up all timers, then take samples in rounds; each round visits them in random order.

    Whatever slows the machine down for a while thus hits all timers alike. A timer leaves the
    rounds once it has converged or reached a limit of the protocol.

    Source: Google Benchmark, random interleaving (40 % less run-to-run variance).
    """
    samplers = [Sampler(timer, protocol) for timer in timers]
    with _no_garbage_collection():
        for sampler in samplers:
            sampler.warm_up()
        active = samplers
        while active:  # ends: every round takes a sample of each, and max_samples bounds those
            several = len(active) > 1
            for index in rng.permutation(len(active)):
                active[index].take(settle=several)
            active = [sampler for sampler in active if not sampler.done]
    return [sampler.result() for sampler in samplers]


def measure_interleaved(
    engines: Sequence[Engine],
    protocol: TimingProtocol,
    inputs: Sequence[Mapping[str, npt.NDArray[Any]] | None] | None = None,
    *,
    rng: np.random.Generator | None = None,
) -> list[Measurement]:
    """Measure engines side by side in randomly ordered rounds, so that drift hits all alike.

    Args:
        engines: Engines built with the protocol's threads and precision.
        protocol: How to measure.
        inputs: One mapping of arrays per engine; None for the model's example inputs.
        rng: Order of the rounds; seed 0 if None.

    Returns:
        One measurement per engine, in the order of ``engines``.

    Raises:
        MeasurementError: An engine was built for other threads or another precision, or ``inputs``
            has another length than ``engines``.
        EngineInputError: Arrays do not fit an engine's inputs.
    """
    given = [None] * len(engines) if inputs is None else list(inputs)
    if len(given) != len(engines):
        raise MeasurementError(f"{len(engines)} engines but {len(given)} inputs; give one each")
    for engine in engines:
        check_protocol(engine, protocol)
    timers = [engine.timer(arrays) for engine, arrays in zip(engines, given, strict=True)]
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    others, processors = OthersClock(), usable_processors()
    timings = time_interleaved(timers, protocol, rng or np.random.default_rng(0))
    busy = others.busy()
    return [
        Measurement(
            raw_ms=timing.raw_ms,
            warmup_ms=timing.warmup_ms,
            block_runs=timing.block_runs,
            protocol=protocol,
            device=engine.device,
            converged=timing.converged,
            steady=timing.steady,
            started_at=started,
            others_busy=busy,
            processors=processors,
        )
        for engine, timing in zip(engines, timings, strict=True)
    ]


def check_protocol(engine: Engine, protocol: TimingProtocol) -> None:
    """Raise :class:`MeasurementError` unless the engine was built as the protocol measures."""
    for name in ("threads", "precision"):
        built, asked = getattr(engine, name), getattr(protocol, name)
        if built != asked:
            raise MeasurementError(
                f"the engine was built with {name}={built!r} but the protocol says "
                f"{name}={asked!r}; build it with {name}={asked!r} or change the protocol"
            )


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
