"""How latency is measured: every number that decides what a sample means and when to stop."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ._fields import check_int, check_number, check_text, read_fields
from .errors import MeasurementError

PRECISIONS = ("fp32", "fp16", "int8")
WARM, CHAINED, COLD = CACHE_MODES = ("warm", "chained", "cold")
SETTLE_ONCE_MS = 20.0
"""From this time of a run on, one settling run is enough: it fills the caches by itself."""

SETTLE_NEVER_MS = 100.0
"""From this time of a run on none is needed: what it finds in the caches is a small part."""
# The smallest sample whose extremes bound the median with 95 % confidence: 1 - 2 * 0.5**6 = 0.97.
MIN_SAMPLES_FOR_CI = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingProtocol:
    """State how an engine is timed; part of the identity of every measurement.

    What is timed is compute with the inputs already on the device: no copies from or to the host,
    no pre- or postprocessing outside the model. One sample is one *block*: ``block_runs`` runs
    back to back, chosen so that a block lasts at least ``min_block_ms``.

    Attributes:
        threads: CPU threads of the engine.
        precision: One of :data:`PRECISIONS`.
        warmup_min_ms: Warm-up lasts at least this long.
        warmup_max_ms: Warm-up gives up waiting for a steady state after this long.
        warmup_window: Blocks that have to be steady before sampling starts.
        warmup_max_slope: Steady means a relative change per block of at most this.
        target_rel_ci: Stop once the half width of the 95 % confidence interval of the median,
            divided by the median, is at most this.
        min_samples: Blocks that are always taken.
        max_samples: Blocks after which sampling gives up.
        max_seconds: Seconds spent in one engine's blocks after which sampling gives up (with no
            fewer than :data:`MIN_SAMPLES_FOR_CI` samples).
        min_block_ms: A block lasts at least this long.
        settle_runs: Untimed runs before each block when several engines alternate, so that the
            caches hold this engine's data and not its predecessor's. On one CPU 0, 1 and 3 of them
            left a 1.5 ms engine 7 %, 2 % and 1 % slower than alone. Engines whose run takes more
            than :data:`SETTLE_ONCE_MS` get one at most, above :data:`SETTLE_NEVER_MS` none.
        cache: What a run finds in the caches, one of :data:`CACHE_MODES`: ``warm`` what the run
            before left there, ``chained`` what the modules before left there in the same run (of
            chains and whole detectors), ``cold`` nothing: they are emptied before each run, and a
            block is one run.

    Raises:
        MeasurementError: A value is out of range or contradicts another.

    The defaults follow NVIDIA's trtexec (200 ms of warm-up) and torch.utils.benchmark (blocks);
    steadiness as a slope replaces their fixed warm-up counts.
    """

    threads: int = 1
    precision: str = "fp32"
    warmup_min_ms: float = 200.0
    warmup_max_ms: float = 5000.0
    warmup_window: int = 5
    warmup_max_slope: float = 0.005
    target_rel_ci: float = 0.01
    min_samples: int = 20
    max_samples: int = 1000
    max_seconds: float = 10.0
    min_block_ms: float = 1.0
    settle_runs: int = 2
    cache: str = WARM

    def __post_init__(self) -> None:
        owner = "TimingProtocol"
        check_int(owner, "threads", self.threads, 1)
        check_int(owner, "warmup_window", self.warmup_window, 3)
        check_int(owner, "min_samples", self.min_samples, MIN_SAMPLES_FOR_CI)
        check_int(owner, "max_samples", self.max_samples, self.min_samples)
        check_int(owner, "settle_runs", self.settle_runs, 0)
        check_number(owner, "warmup_min_ms", self.warmup_min_ms, zero=True)
        for name in ("warmup_max_ms", "warmup_max_slope", "target_rel_ci", "max_seconds"):
            check_number(owner, name, getattr(self, name))
        check_number(owner, "min_block_ms", self.min_block_ms)
        check_text(owner, "precision", self.precision)
        if self.precision not in PRECISIONS:
            raise MeasurementError(
                f"TimingProtocol.precision must be one of {', '.join(PRECISIONS)}, "
                f"got {self.precision!r}"
            )
        if self.cache not in CACHE_MODES:
            raise MeasurementError(
                f"TimingProtocol.cache must be one of {', '.join(CACHE_MODES)}, got {self.cache!r}"
            )
        if self.warmup_max_ms < self.warmup_min_ms:
            raise MeasurementError(
                f"TimingProtocol.warmup_max_ms ({self.warmup_max_ms}) is below "
                f"warmup_min_ms ({self.warmup_min_ms})"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; :meth:`from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: object) -> TimingProtocol:
        """Read what :meth:`to_dict` wrote.

        Raises:
            MeasurementError: A field is missing, unknown or out of range.
        """
        return cls(**read_fields(cls, data, added={"cache": WARM}))

    def differences(self, other: TimingProtocol) -> tuple[tuple[str, Any, Any], ...]:
        """Return ``(field, mine, theirs)`` of every field that differs."""
        mine, theirs = self.to_dict(), other.to_dict()
        return tuple(
            (name, mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]
        )
