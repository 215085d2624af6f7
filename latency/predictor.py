"""Predict the latency of whole detectors from a table of modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from searchspaces import DetectorSpec, Graph, ModuleSpec, cost_of

from .closure import Closure
from .errors import UnprofiledModuleError
from .manifest import Manifest

CONFIDENCE = 0.9
ESTIMATE_MARGIN = 0.5  # an estimated module may be off by half: per-MAC rates vary that much

Modules = DetectorSpec | Graph | Mapping[ModuleSpec, int] | Iterable[tuple[ModuleSpec, int]]


@dataclass(frozen=True, slots=True)
class ModuleTime:
    """Say what one distinct module contributes.

    Attributes:
        spec: The module.
        part: Part of the detector, or ``""`` where only counts were given.
        count: How often it occurs.
        ms: Milliseconds of all occurrences, before closure.
        measured: Whether the cost was measured; otherwise it is estimated from multiply-adds, at
            the rate of its kind or, if none of its kind was measured, of all.
    """

    spec: ModuleSpec
    part: str
    count: int
    ms: float
    measured: bool


@dataclass(frozen=True, slots=True)
class Latency:
    """Predict one detector.

    Attributes:
        p50_ms: Predicted median.
        lo_ms: Lower end of the interval.
        hi_ms: Upper end of the interval.
        confidence: Of the interval; lower than asked where calibration detectors are too few.
        breakdown: What each module contributes, in the order of first use.
        coverage: Share of the modules' time that was measured, 0..1.
        unattributed_ms: Predicted median minus the sum of the breakdown: what closure adds.
    """

    p50_ms: float
    lo_ms: float
    hi_ms: float
    confidence: float
    breakdown: tuple[ModuleTime, ...]
    coverage: float
    unattributed_ms: float


@dataclass(frozen=True, slots=True)
class ModuleCost:
    """Keep a module's cost inside its detector and the standard error of that cost."""

    ms: float
    stderr_ms: float


@dataclass(frozen=True)
class Predictor:
    """Sum in-context module costs and close the sum.

    Attributes:
        manifest: Device, protocol and space of the table it was fitted on.
        costs: In-context cost of every profiled module.
        closure: Correction of the sum, with its residuals.
        calibrated_on: Keys of the workloads (whole detectors) that the closure was fitted on.
    """

    manifest: Manifest
    costs: Mapping[ModuleSpec, ModuleCost]
    closure: Closure
    calibrated_on: tuple[str, ...]

    def predict(self, modules: Modules, confidence: float = CONFIDENCE) -> Latency:
        """Predict one detector.

        Args:
            modules: A detector, a graph, or modules with their counts.
            confidence: Of the interval.

        Raises:
            UnprofiledModuleError: A module was not profiled and cannot be estimated.
        """
        breakdown = tuple(
            self._module_time(spec, part, count)
            for (spec, part), count in self._counts(modules).items()
        )
        total = sum(item.ms for item in breakdown)
        guessed = sum(item.ms for item in breakdown if not item.measured)
        p50 = float(self.closure.apply(np.array([total]))[0])
        half = p50 * self.closure.margin(confidence) + ESTIMATE_MARGIN * guessed
        return Latency(
            p50,
            max(0.0, p50 - half),
            p50 + half,
            min(confidence, self.closure.max_confidence),
            breakdown,
            1.0 - guessed / total if total else 1.0,
            p50 - total,
        )

    def predict_ms(self, detectors: Sequence[Modules]) -> npt.NDArray[np.float64]:
        """Predict the medians ``(n,)`` of several detectors.

        Raises:
            UnprofiledModuleError: A module was not profiled and cannot be estimated.
        """
        sums = [
            sum(self._cost(spec)[0] * n for (spec, _), n in self._counts(modules).items())
            for modules in detectors
        ]
        return self.closure.apply(np.array(sums, dtype=np.float64))

    def upper_ms(self, modules: Modules, confidence: float = CONFIDENCE) -> float:
        """Return the latency that the detector stays below with the given confidence."""
        predicted = self.predict(modules, confidence)
        guessed = sum(item.ms for item in predicted.breakdown if not item.measured)
        margin = max(0.0, self.closure.upper_margin(confidence))
        return predicted.p50_ms * (1 + margin) + ESTIMATE_MARGIN * guessed

    def _counts(self, modules: Modules) -> dict[tuple[ModuleSpec, str], int]:
        if isinstance(modules, DetectorSpec):
            modules = modules.graph(self.manifest.batch, self.manifest.protocol.precision)
        counts: dict[tuple[ModuleSpec, str], int] = {}
        if isinstance(modules, Graph):
            pairs: Iterable[tuple[tuple[ModuleSpec, str], int]] = (
                ((node.spec, node.part), 1) for node in modules.nodes
            )
        else:
            items = modules.items() if isinstance(modules, Mapping) else modules
            pairs = (((spec, ""), count) for spec, count in items)
        for key, count in pairs:
            counts[key] = counts.get(key, 0) + count
        return counts

    def _module_time(self, spec: ModuleSpec, part: str, count: int) -> ModuleTime:
        cost, measured = self._cost(spec)
        return ModuleTime(spec, part, count, cost * count, measured)

    def _cost(self, spec: ModuleSpec) -> tuple[float, bool]:
        known = self.costs.get(spec)
        if known is not None:
            return known.ms, True
        rate, macs = self._rates.get(spec.kind, self._rate), cost_of(spec).macs
        if not rate or not macs:
            raise UnprofiledModuleError([spec.key], "the predictor")
        return rate * macs, False

    @cached_property
    def _rates(self) -> Mapping[str, float]:
        """Return milliseconds per multiply-add of every kind: the median over its modules."""
        kinds = {spec.kind for spec in self.costs}
        return {kind: rate for kind in kinds if (rate := self._median_rate(kind))}

    @cached_property
    def _rate(self) -> float:
        """Return milliseconds per multiply-add over all kinds; 0 if there is none."""
        return self._median_rate(None)

    def _median_rate(self, kind: str | None) -> float:
        rates = [
            cost.ms / macs
            for spec, cost in self.costs.items()
            if (macs := cost_of(spec).macs) and cost.ms > 0 and kind in (None, spec.kind)
        ]
        return float(np.median(rates)) if rates else 0.0
