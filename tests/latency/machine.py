"""A device on a clock of its own, which grows faster and slower as a test says."""

from __future__ import annotations

from collections.abc import Callable

from engines import EngineBase, FakeBackend, TimingProtocol
from engines.timing import Timer
from tests.latency.oracle import true_latency_ms

STEADY = TimingProtocol(
    warmup_min_ms=0, warmup_max_ms=200, min_samples=20, max_samples=60, max_seconds=20
)


class Machine(FakeBackend):
    """Take the true latency times ``speed(now_ms)``; 1.0 at every moment by default."""

    def __init__(
        self, speed: Callable[[float], float] = lambda now_ms: 1.0, noise: float = 0.0
    ) -> None:
        super().__init__(
            latency_ms=lambda model: true_latency_ms(model.graph),  # type: ignore[attr-defined]
            device_name="machine",
            noise=noise,
        )
        self.now_ms = 0.0
        self._speed = speed

    def build(self, *args: object, **options: object) -> EngineBase:
        engine = super().build(*args, **options)  # type: ignore[arg-type]
        inner = engine._timer
        engine._timer = lambda arrays: self._slowed(inner(arrays))  # type: ignore[method-assign]
        return engine

    def _slowed(self, timer: Timer) -> Timer:
        def slowed(runs: int) -> float:
            total = timer(runs) * self._speed(self.now_ms)
            self.now_ms += total
            return total

        return slowed
