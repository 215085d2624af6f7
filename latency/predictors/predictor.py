"""Predict the latency of whole detectors from a table of modules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from searchspaces import DetectorSpec, Graph, ModuleSpec, SearchSpace, cost_of

from ..errors import PredictorError, UnprofiledModuleError
from ..estimator import ModuleEstimator
from ..joint import JointCosts
from ..prediction import CONFIDENCE, Latency, Modules, ModuleTime
from ..tables.manifest import Manifest
from .closure import Closure
from .space_predictor import SpacePredictor

ESTIMATE_MARGIN = 0.5  # an estimated module may be off by half: per-MAC rates vary that much


@dataclass(frozen=True, slots=True)
class ModuleCost:
    """Keep a module's cost inside its detector and the standard error of that cost."""

    ms: float
    stderr_ms: float


@dataclass(frozen=True, slots=True)
class _Cost:
    ms: float
    margin_ms: float = 0.0
    measured: bool = True
    familiar: bool = True


@dataclass(frozen=True)
class Predictor:
    """Sum in-context module costs and close the sum.

    Attributes:
        manifest: Device, protocol and space of the table it was fitted on.
        costs: In-context cost of every profiled module.
        closure: Correction of the sum, with its residuals.
        calibrated_on: Keys of the workloads (whole detectors) that the closure was fitted on.
        estimator: Of modules that were not measured, in tables of modules alone; ``None``
            estimates by multiply-adds alone.
        joint: Costs, measured or not, from chains and whole detectors at once; ``None`` for
            tables of modules alone.
        reference_ms: What the sentinel takes at the machine's speed that predictions are for;
            ``None`` where no sentinel was timed.
    """

    manifest: Manifest
    costs: Mapping[ModuleSpec, ModuleCost]
    closure: Closure
    calibrated_on: tuple[str, ...]
    estimator: ModuleEstimator | None = None
    joint: JointCosts | None = None
    reference_ms: float | None = None

    def predict(self, modules: Modules, confidence: float = CONFIDENCE) -> Latency:
        """Predict one detector.

        Args:
            modules: A detector, a graph, or modules with their counts.
            confidence: Of the interval.

        Raises:
            UnprofiledModuleError: A module was not profiled and cannot be estimated.
        """
        breakdown = self._breakdown(modules, confidence)
        total = sum(item.ms for item in breakdown)
        guessed = sum(item.ms for item in breakdown if not item.measured)
        p50 = float(self.closure.apply(np.array([total]))[0])
        unit = self._unit_ms(breakdown, p50)
        half = unit * self.closure.margin(confidence) + sum(item.margin_ms for item in breakdown)
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
        """Predict the medians ``(n,)`` of several detectors; :meth:`for_space` is far quicker.

        Raises:
            UnprofiledModuleError: A module was not profiled and cannot be estimated.
        """
        counted = [self._counts(modules) for modules in detectors]
        specs = list({spec for counts in counted for spec, _ in counts})
        ms = dict(zip(specs, self.modules_ms(specs).tolist(), strict=True))
        sums = [sum(ms[spec] * n for (spec, _), n in counts.items()) for counts in counted]
        return self.closure.apply(np.array(sums, dtype=np.float64))

    def as_profiled(self) -> Predictor:
        """Return a predictor of what a profile measures: without delivered engines' factor."""
        if self.joint is None:
            return self
        closure = replace(self.closure, scale=1.0, offset_ms=self.joint.start_ms)
        return replace(self, closure=closure)

    def for_space(self, space: SearchSpace) -> SpacePredictor:
        """Return a predictor of architectures: the same medians, tens of thousands a second."""
        return SpacePredictor(self, space)

    @cached_property
    def batches(self) -> tuple[int, ...]:
        """Return the batch sizes of the modules that were measured, ascending."""
        return tuple(sorted({spec.batch for spec in self.costs}))

    def at_batch(self, batch: int) -> Predictor:
        """Return a predictor of detectors at another batch size of the same table.

        Args:
            batch: Images per run.

        Raises:
            PredictorError: No module of that batch size was measured.
        """
        if batch not in self.batches:
            raise PredictorError(
                f"the predictor was fitted at batch {', '.join(map(str, self.batches))} and knows "
                f"nothing of batch {batch}; profile with --batch {batch} and fit that table"
            )
        return replace(self, manifest=replace(self.manifest, batch=batch))

    def module_times(
        self, specs: Sequence[ModuleSpec], confidence: float = CONFIDENCE
    ) -> tuple[ModuleTime, ...]:
        """Return what distinct modules contribute, each once, before closure.

        Raises:
            UnprofiledModuleError: A module was not profiled and cannot be estimated.
        """
        return self._breakdown([(spec, 1) for spec in specs], confidence)

    def modules_ms(self, specs: Sequence[ModuleSpec]) -> npt.NDArray[np.float64]:
        """Return the milliseconds ``(n,)`` that modules contribute, before closure.

        Raises:
            UnprofiledModuleError: A module was not profiled and cannot be estimated.
        """
        distinct = set(specs)
        if self.joint is None:
            ms = {spec: cost.ms for spec, cost in self._costs(distinct, CONFIDENCE).items()}
        else:
            ms = self._joint_ms(self.joint, distinct)
        return np.array([ms[spec] for spec in specs], dtype=np.float64)

    def upper_ms(self, modules: Modules, confidence: float = CONFIDENCE) -> float:
        """Return the latency that the detector stays below with the given confidence."""
        predicted = self.predict(modules, confidence)
        margin = max(0.0, self.closure.upper_margin(confidence))
        guessed = sum(item.margin_ms for item in predicted.breakdown)
        unit = self._unit_ms(predicted.breakdown, predicted.p50_ms)
        return predicted.p50_ms + unit * margin + guessed

    def _unit_ms(self, breakdown: Sequence[ModuleTime], p50_ms: float) -> float:
        """Return the milliseconds that the closure's residuals are counted in."""
        if self.joint is None:
            return p50_ms
        counts: dict[ModuleSpec, int] = {}
        for item in breakdown:
            counts[item.spec] = counts.get(item.spec, 0) + item.count
        return float(self.joint.whole_sd_ms([counts])[0])

    def _counts(self, modules: Modules) -> dict[tuple[ModuleSpec, str], int]:
        if isinstance(modules, DetectorSpec):  # a graph would check the wiring once again
            nodes = modules.nodes(self.manifest.batch, self.manifest.protocol.precision)
            return Counter((node.spec, node.part) for node in nodes)
        if isinstance(modules, Graph):
            return Counter((node.spec, node.part) for node in modules.nodes)
        counts: dict[tuple[ModuleSpec, str], int] = {}
        for spec, count in modules.items() if isinstance(modules, Mapping) else modules:
            counts[spec, ""] = counts.get((spec, ""), 0) + count
        return counts

    def _breakdown(self, modules: Modules, confidence: float) -> tuple[ModuleTime, ...]:
        counts = self._counts(modules)
        costs = self._costs({spec for spec, _ in counts}, confidence)
        found = []
        for (spec, part), n in counts.items():
            cost = costs[spec]
            time, margin = cost.ms * n, cost.margin_ms * n
            found.append(ModuleTime(spec, part, n, time, cost.measured, margin, cost.familiar))
        return tuple(found)

    def _costs(self, specs: Set[ModuleSpec], confidence: float) -> dict[ModuleSpec, _Cost]:
        """Return the cost of every module: measured, else by the estimator, else by its rate."""
        if self.joint is not None:
            return self._joint_costs(self.joint, sorted(specs, key=lambda spec: spec.key))
        found = {spec: _Cost(self.costs[spec].ms) for spec in specs if spec in self.costs}
        rest = [spec for spec in specs if spec not in found]
        estimable = [s for s in rest if self.estimator is not None and self.estimator.knows(s)]
        found |= self._estimated(estimable, confidence)
        return found | {spec: self._rated(spec) for spec in rest if spec not in found}

    def _joint_ms(self, joint: JointCosts, specs: Set[ModuleSpec]) -> dict[ModuleSpec, float]:
        """Return the milliseconds of modules, without asking how sure they are."""
        found = {spec: self.costs[spec].ms for spec in specs if spec in self.costs}
        rest = sorted((spec for spec in specs if spec not in found), key=lambda spec: spec.key)
        return found | dict(zip(rest, joint.modules_ms(rest).tolist(), strict=True))

    def _joint_costs(
        self, joint: JointCosts, specs: Sequence[ModuleSpec]
    ) -> dict[ModuleSpec, _Cost]:
        """Return the costs of modules: those that were part of something measured, and others."""
        found = {spec: _Cost(self.costs[spec].ms) for spec in specs if spec in self.costs}
        rest = [spec for spec in specs if spec not in found]
        for spec, part in zip(rest, joint.modules(rest), strict=True):
            familiar = part.is_familiar and spec.batch in self.batches
            found[spec] = _Cost(part.ms, measured=False, familiar=familiar)
        return found

    def _estimated(
        self, specs: Sequence[ModuleSpec], confidence: float
    ) -> dict[ModuleSpec, _Cost]:
        """Ask the estimator once for every module and confidence."""
        known = self._estimates.setdefault(confidence, {})
        fresh = sorted((spec for spec in specs if spec not in known), key=lambda spec: spec.key)
        if fresh and self.estimator is not None:
            e = self.estimator.estimate(fresh, confidence)
            rows = zip(fresh, e.ms, e.hi_ms - e.ms, e.in_distribution, strict=True)
            for spec, ms, margin, familiar in rows:
                known[spec] = _Cost(float(ms), float(margin), False, bool(familiar))
        return {spec: known[spec] for spec in specs}

    def _rated(self, spec: ModuleSpec) -> _Cost:
        rate, macs = self._rates.get(spec.kind, self._rate), cost_of(spec).macs
        if not rate or not macs:
            raise UnprofiledModuleError([spec.key], "the predictor")
        return _Cost(rate * macs, ESTIMATE_MARGIN * rate * macs, False, False)

    @cached_property
    def _estimates(self) -> dict[float, dict[ModuleSpec, _Cost]]:
        """Keep what the estimator said, by confidence."""
        return {}

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
