"""The sentinel: a fixed graph timed beside every workload, which tells how fast the machine is.

Machines drift by some percent over minutes, and differences of chains are smaller than that. Each
visit of a workload times the sentinel in alternation with it, so that a row's milliseconds can be
brought to one common speed, and a visit during which the speed changed is known and repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines import third_drift
from searchspaces import ModuleSpec, TensorSpec, chain

from .workload import CHAIN, Workload

MAX_DRIFT = 0.015
"""Change of the sentinel between the first and the last third of a visit that refuses it."""

MOST_SPEED = 2.0
"""Times as slow, or as fast, as usual, beyond which a sentinel tells no speed. In two runs of
benchmarks/predict_detectors.py on a shared machine four visits had one of 1.4 to 1.5, whose
workloads took as much longer, and one had 8, whose workload took as long as ever."""

_SURE = 2.5  # standard errors: what the sentinel's own scatter explains is no drift
_SIDE = 56
_LAYERS = ((16, 128, 1, 1), (128, 128, 3, 1), (128, 128, 3, 1), (128, 16, 1, 1))
"""Convolutions as (in, out, kernel, groups): arithmetic on maps that caches hold, 0.9 G
multiply-adds, about 8 ms on one core of a server. With one of 2 ms that also waited for memory,
normalised repetitions scattered by 2.4 %, more than as measured (2.0 %); with one like this by
0.9 % (10 workloads of 0.4 to 220 ms, 7 visits each, onnxruntime)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold what the sentinel told in one visit.

    Attributes:
        ms: Its median.
        drift: Median of the last third of its samples over that of the first, minus 1.
        error: Standard error of the drift; infinite for samples too few to tell.
    """

    ms: float
    drift: float
    error: float

    @classmethod
    def of(cls, samples_ms: Sequence[float]) -> Reading:
        """Return what samples, in the order taken, tell."""
        return cls(float(np.median(samples_ms)), *third_drift(samples_ms))

    def refusal(self, usual_ms: float | None = None) -> str | None:
        """Return why the visit must not count; None if the machine kept its speed.

        Args:
            usual_ms: Median of the sentinels before; ``None`` if there were none.
        """
        if not is_plausible(self.ms, usual_ms):
            return (
                f"the sentinel took {self.ms:.3g} ms, usually {usual_ms:.3g}: more than "
                f"{MOST_SPEED:g} times off, it does not tell the machine's speed"
            )
        if abs(self.drift) <= max(MAX_DRIFT, _SURE * self.error):
            return None
        return (
            f"the machine's speed changed: the sentinel moved by {self.drift:+.1%} within the "
            f"visit, more than {MAX_DRIFT:.1%}"
        )


def is_plausible(ms: float | None, usual_ms: float | None) -> bool:
    """Return whether a sentinel's median can be the machine's speed, given what is usual."""
    if ms is None or usual_ms is None:
        return True
    return 1 / MOST_SPEED <= ms / usual_ms <= MOST_SPEED


def sentinel_workload(precision: str) -> Workload:
    """Return the graph that is timed beside every workload."""
    specs = [
        ModuleSpec.of(
            "conv",
            [TensorSpec((1, width, _SIDE, _SIDE))],
            dtype=precision,
            in_channels=width,
            out_channels=out,
            kernel=kernel,
            stride=1,
            groups=groups,
            dilation=1,
            fused_add=0,
        )
        for width, out, kernel, groups in _LAYERS
    ]
    return Workload(CHAIN, "sentinel", chain(specs))
