"""What was measured of members of a front on one occasion."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from latency import Visit

from .bound import Spread, pooled_spread
from .certification import BuildTime

if TYPE_CHECKING:
    from searchspaces import Architecture


class Times:
    """Keep the visits of every build, and tell what counts of them.

    Args:
        reference_ms: What the sentinel takes at the machine's speed that predictions are for;
            ``None`` where none was timed.
    """

    def __init__(self, reference_ms: float | None) -> None:
        self._reference_ms = reference_ms
        self._visits: dict[Architecture, list[Sequence[Visit]]] = {}

    def add(self, arch: Architecture, visits: Sequence[Visit]) -> None:
        """Add one build: refused visits, then one that counts, if any does."""
        self._visits.setdefault(arch, []).append(tuple(visits))

    def __len__(self) -> int:
        """Return the number of builds."""
        return sum(map(len, self._visits.values()))

    def counted(self) -> tuple[tuple[Architecture, Sequence[Visit]], ...]:
        """Return the builds whose last visit counts."""
        return tuple(
            (arch, visits)
            for arch, builds in self._visits.items()
            for visits in builds
            if visits[-1].refused is None
        )

    def of(self, arch: Architecture) -> tuple[list[float], list[float]]:
        """Return a member's medians that count, as measured and at the profile's speed."""
        good = [visits[-1] for of, visits in self.counted() if of == arch]
        raw = [visit.measurement.median_ms for visit in good]
        return raw, [ms / (self._speed(visit) or 1.0) for ms, visit in zip(raw, good, strict=True)]

    def slowest_ms(self, arch: Architecture) -> float:
        """Return the longest of a member's times, either way; 0 if none counts."""
        return max((max(each) for each in self.of(arch) if each), default=0.0)

    def spread(self) -> Spread:
        """Return how builds of one member scatter, at the profile's speed."""
        return pooled_spread([self.of(arch)[1] for arch in self._visits])

    def sentinel_ms(self) -> float | None:
        """Return what the sentinel took at visits that count, as their median."""
        known = [ms for _, visits in self.counted() if (ms := visits[-1].sentinel_ms)]
        return statistics.median(known) if known else None

    def builds(self, arch: Architecture) -> tuple[BuildTime, ...]:
        """Return a member's builds for the record, in the order measured."""
        return tuple(self._build_time(visits) for visits in self._visits.get(arch, ()))

    def _build_time(self, visits: Sequence[Visit]) -> BuildTime:
        *earlier, last = visits
        high = last.measurement.ci_ms[1]
        return BuildTime(
            median_ms=last.measurement.median_ms,
            ci_upper_ms=high if math.isfinite(high) else None,
            speed=self._speed(last),
            repeated=tuple(visit.refused for visit in earlier if visit.refused),
            refused=last.refused,
        )

    def _speed(self, visit: Visit) -> float | None:
        if visit.sentinel_ms is None or self._reference_ms is None:
            return None
        return visit.sentinel_ms / self._reference_ms
