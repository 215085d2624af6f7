"""Tell a latency that was computed, not measured."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from ..base import Array, Arrays, EngineBase
from ..device import DeviceInfo
from ..timing import Timer


class FakeEngine(EngineBase):
    """Pretend to run a model; only the latency means anything.

    ``run`` checks its inputs and evaluates nothing: every output is an array without elements
    (shape ``(0,)``), which no consumer can mistake for a result. A model that does not name its
    outputs has one, ``output``.

    Args:
        name: Name of the model.
        latency_ms: Latency of one run.
        noise: Relative standard deviation of a block.
        seed: Seed of the noise, mixed with ``name``; every timer starts from it anew.
        device: The simulated device.
        precision: Recorded only.
        threads: Recorded only.
        examples: An array for every input.
        output_names: Names of the outputs.
    """

    def __init__(
        self,
        name: str,
        latency_ms: float,
        *,
        noise: float,
        seed: int,
        device: DeviceInfo,
        precision: str,
        threads: int,
        examples: Arrays,
        output_names: Sequence[str],
    ) -> None:
        super().__init__(
            device=device,
            precision=precision,
            threads=threads,
            examples=examples,
            output_names=output_names,
        )
        self._name = name
        self._latency_ms = latency_ms
        self._noise = noise
        # The name is mixed in so that engines measured side by side have their own noise.
        self._seed = [seed, *name.encode()]

    def _run(self, arrays: dict[str, Array]) -> dict[str, Array]:
        return {name: np.zeros(0, dtype=np.float32) for name in self.output_names}

    def _timer(self, arrays: dict[str, Array]) -> Timer:
        rng = np.random.default_rng(self._seed)

        def timer(runs: int) -> float:
            factor = rng.lognormal(sigma=self._noise) if self._noise > 0 else 1.0
            return runs * self._latency_ms * float(factor)

        return timer

    def _serialise(self) -> bytes:
        content = {"engine": "fake", "model": self._name, "latency_ms": self._latency_ms}
        return (json.dumps(content, indent=2) + "\n").encode()
