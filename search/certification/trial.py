"""Try members of a front on the engine, most accurate first, until its rest is certified."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence, Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engines import EngineError
from latency import Predictor, Visit, WholeDetector, feed_back, fit, read_table

from ..errors import RunError
from ..objectives.latency import LATENCY
from ..progress import Progress
from ..running.result import SearchResult
from .bench import AT_ONCE, Bench
from .bound import CONFIDENCE, FEWEST_BUILDS, Spread, upper_bound_ms
from .certification import Candidate
from .times import Times

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

ATTEMPTS = 3
"""Visits of one build at most, where the machine was not quiet; as many as a table takes."""

ENOUGH_TO_CORRECT = 3
"""Measured members from which on predictions of the others are corrected by what they took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifySettings:
    """Say how thoroughly members are measured.

    Attributes:
        builds: Engines that are built and measured of a member.
        most: Members that are measured at most.
        confidence: With which the next measurement keeps the budget.

    Raises:
        RunError: A value is out of range.
    """

    builds: int = 5
    most: int = 12
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        for name, least in (("builds", FEWEST_BUILDS), ("most", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise RunError(f"{name} must be an integer of at least {least}, got {value!r}")
        if not 0.5 <= self.confidence < 1.0:
            raise RunError(
                "confidence of a certificate must be at least 0.5 and below 1 (0.975, not 97.5), "
                f"got {self.confidence!r}"
            )


class Trial:
    """Measure members of a run's front.

    Where one fails, the front of what is left moves up and its next members are tried. Members
    whose prediction, corrected by what the others took, exceeds the budget are passed over.

    Args:
        result: The run.
        predictor: Of the device on the bench.
        space: Names the detectors.
        bench: Measures.
        budget_ms: To be kept.
        settings: How thoroughly.
        progress: Called as ``progress(message, done, total)`` after every build.

    Attributes:
        candidates: What was tried or passed over, in that order.
        times: What was measured.
    """

    def __init__(
        self,
        result: SearchResult,
        predictor: Predictor,
        space: SearchSpace,
        bench: Bench,
        budget_ms: float,
        settings: CertifySettings,
        progress: Progress | None = None,
    ) -> None:
        self.candidates: dict[Architecture, Candidate] = {}
        self.times = Times(predictor.reference_ms)
        self._result, self._predictor, self._space = result, predictor, space
        self._bench, self._budget_ms, self._settings = bench, budget_ms, settings
        self._progress = progress
        self._measured = 0

    def run(self) -> None:
        """Try members until the front of what is left is certified, or enough were measured."""
        while todo := self._next():  # ends: every turn tries at least one of finitely many
            chosen = [arch for arch in todo if not self._passed_over(arch)]
            chosen = chosen[: min(AT_ONCE, self._settings.most - self._measured)]
            if chosen:
                self._measure(chosen)

    def feed_back(self, table: Path) -> None:
        """Append what was measured to a latency table, and predict again by it.

        Raises:
            TableError: The table cannot be written.
            PredictorError: The table cannot be fitted.
        """
        counted = self.times.counted()
        for arch, visits in counted:
            work = self._bench.workload(arch)
            note = f"{work.label} was measured to certify the search in {self._result.folder.name}"
            whole = WholeDetector(work.label, work.graph, self._predictor.manifest.batch, note)
            feed_back(table, whole, visits, self._bench.sentinel)
        if not counted:
            return
        again = fit(read_table(table), self._predictor.manifest.seed)
        for arch, candidate in self.candidates.items():
            ms = float(again.predict_ms([self._space.detector(arch)])[0])
            self.candidates[arch] = replace(candidate, predicted_again_ms=ms)

    def _next(self) -> list[Architecture]:
        """Return untried members of the front of what was not rejected, most accurate first.

        Of a multi-fidelity run, the other candidates that were evaluated whole come then, front by
        front.
        """
        if self._measured >= self._settings.most:
            return []
        rejected = {arch for arch, each in self.candidates.items() if not each.certified}
        untried = self._front_without(rejected)
        if untried or self._result.config.fidelity is None:
            return untried
        return self._front_without(self.candidates.keys())

    def _front_without(self, taken: AbstractSet[Architecture]) -> list[Architecture]:
        left = tuple(e for e in self._result.history if e.architecture not in taken)
        front = replace(self._result, history=left).front_of(LATENCY, self._budget_ms)
        goal = next((g for g in front.objectives if not g.is_known), front.objectives[0])
        column = front.objectives.index(goal)
        ordered = sorted(front, key=lambda point: goal.sign * point.values[column])
        return [p.architecture for p in ordered if p.architecture not in self.candidates]

    def _passed_over(self, arch: Architecture) -> bool:
        """Record and return whether the prediction, corrected, exceeds the budget."""
        errors = [1.0 + c.error for c in self.candidates.values() if c.error is not None]
        if len(errors) < ENOUGH_TO_CORRECT:
            return False
        candidate, factor = self._described(arch), statistics.median(errors)
        if factor * candidate.predicted_ms <= self._budget_ms:
            return False
        reason = (
            f"not measured: predicted {candidate.predicted_ms:.3f} ms, and {len(errors)} measured "
            f"members took {factor:.3f} times their prediction, which exceeds "
            f"{self._budget_ms:g} ms"
        )
        self.candidates[arch] = replace(candidate, reason=reason)
        return True

    def _measure(self, chosen: Sequence[Architecture]) -> None:
        """Measure members in turns, each until one visit exceeds the budget or all are taken."""
        failed: dict[Architecture, str] = {}
        total = self._settings.builds * (self._measured + len(chosen))
        for build in range(self._settings.builds):
            for arch in chosen:
                # A visit beyond the budget decides: the bound is never below what was seen.
                if arch in failed or self.times.slowest_ms(arch) > self._budget_ms:
                    continue
                try:
                    self.times.add(arch, self._visit(arch))
                except (EngineError, RuntimeError) as error:  # a runtime's own errors included
                    reason = " ".join(f"{type(error).__name__}: {error}".split())
                    failed[arch] = f"could not be measured: {reason}"
                if self._progress is not None:
                    code = self._result.evaluation(arch).code
                    self._progress(f"{code}, build {build + 1}", len(self.times), total)
        self._measured += len(chosen)
        spread = self.times.spread()
        for arch in chosen:
            self.candidates[arch] = self._judged(arch, spread, failed.get(arch))

    def _visit(self, arch: Architecture) -> list[Visit]:
        """Return the visits of one build: refused ones, then one that counts, if any does."""
        visits = [self._bench.visit(arch)]
        while visits[-1].refused and len(visits) < ATTEMPTS:
            visits.append(self._bench.visit(arch))
        return visits

    def _judged(self, arch: Architecture, spread: Spread, failed: str | None) -> Candidate:
        times, builds = self.times.of(arch), self.times.builds(arch)
        candidate = replace(self._described(arch), builds=builds)
        if not times[0]:
            disturbed = "; ".join(build.refused for build in builds if build.refused)
            reason = failed or f"the machine was not quiet: {disturbed}; certify again"
            return replace(candidate, reason=reason)
        upper = max(upper_bound_ms(each, spread, self._settings.confidence) for each in times)
        return replace(
            candidate,
            measured_ms=statistics.median(times[1]),
            upper_ms=upper if math.isfinite(upper) else None,
            certified=upper <= self._budget_ms and failed is None,
            reason=failed or self._reason(arch, upper, len(times[0])),
        )

    def _reason(self, arch: Architecture, upper: float, builds: int) -> str:
        budget, slowest = f"{self._budget_ms:g} ms", self.times.slowest_ms(arch)
        if slowest > self._budget_ms:
            return f"a build took {slowest:.3f} ms, more than {budget}"
        if not math.isfinite(upper):
            return f"only {builds} builds were measured undisturbed; certify on a quiet machine"
        verdict = "keeps" if upper <= self._budget_ms else "exceeds"
        share = f"{100 * self._settings.confidence:.4g} %"
        return (
            f"{share} of further measurements stay below {upper:.3f} ms, "
            f"by {builds} builds, which {verdict} {budget}"
        )

    def _described(self, arch: Architecture) -> Candidate:
        evaluation = self._result.evaluation(arch)
        names = [goal.name for goal in self._result.objectives]
        predicted = self._predictor.predict(self._space.detector(arch))
        return Candidate(
            arch=f"{self._space.name}:{evaluation.code}",
            values=dict(zip(names, evaluation.values, strict=True)),
            predicted_ms=predicted.p50_ms,
            lo_ms=predicted.lo_ms,
            hi_ms=predicted.hi_ms,
        )
