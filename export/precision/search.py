"""The search for the smallest set of nodes that has to stay in fp32."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..records.precision import KeptNode, SearchRecord
from .bisection import Found, smallest_kept
from .meter import Loss, LossMeter
from .sensitivity import Batch, NodeNoise, node_noise

if TYPE_CHECKING:
    from ..comparison.data import Progress
    from .journal import Journal
    from .lowerings import Lowering

LossOf = Callable[[bytes], Loss]


@dataclass(frozen=True, slots=True)
class Kept:
    """Hold what a search found.

    Attributes:
        names: Nodes that stay in fp32, beside those that always do.
        nodes: They, with what lowering them does, the most harmful first.
        record: How they were found.
    """

    names: frozenset[str]
    nodes: tuple[KeptNode, ...]
    record: SearchRecord


def find_kept(
    lowering: Lowering,
    meter: LossMeter,
    loss_of: LossOf,
    batches: Iterable[Batch],
    *,
    judged_by: str,
    max_evaluations: int,
    strayed: Callable[[], Mapping[str, float]] | None = None,
    threads: int = 1,
    journal: Journal | None = None,
    progress: Progress | None = None,
) -> Kept:
    """Find the nodes that have to stay in fp32 for the loss to be within the limit.

    With everything in fp32 the loss must be within the limit.

    Args:
        lowering: The model and how it is lowered.
        meter: Whose limit is to be kept.
        loss_of: Builds a model and measures its loss by the meter.
        batches: Inputs by name of a few real images, which rank the nodes.
        judged_by: What computes the detections, for the record.
        max_evaluations: Models to judge at most.
        strayed: Finds the nodes whose input the engine makes something else of than the model
            says, with its signal to noise in decibels; they are looked at first.
        threads: CPU threads.
        journal: Remembers losses; without it an interrupted search begins anew.
        progress: Called as ``progress(message, done, total)``.

    Raises:
        EngineError: A model cannot be built or run.
        DetectError: A model gives something else than detections.
    """
    judge = _Judge(lowering, loss_of, meter.limit, max_evaluations, journal, progress)
    before = judge(frozenset())
    noise: dict[str, NodeNoise] = {}
    if not before.passed:
        if progress is not None:
            progress("ranking the nodes by the noise they make", 0, max_evaluations)
        noise = {row.name: row for row in node_noise(lowering, batches, threads=threads)}
        if strayed is not None:
            noise = _first(strayed(), noise)
    found = smallest_kept(list(noise), judge, max_evaluations=max_evaluations)
    after = before if not found.kept else found.judged
    record = SearchRecord(
        limit=meter.limit,
        candidates=len(lowering.candidates),
        evaluations=max(found.evaluations, 1),
        images=meter.images,
        minimal=found.minimal,
        drop_before=before.points,
        drop_after=0.0 if after is None else after.points,
        judged_by=judged_by,
        matched_before=before.matched,
        matched_after=None if after is None else after.matched,
    )
    return Kept(found.kept, _described(found, noise), record)


class _Judge:
    """Measure what keeping a set leaves of the loss, each set once."""

    def __init__(
        self,
        lowering: Lowering,
        loss_of: LossOf,
        limit: float,
        most: int,
        journal: Journal | None,
        progress: Progress | None,
    ) -> None:
        self._lowering = lowering
        self._loss_of = loss_of
        self._limit = limit
        self._most = most
        self._journal = journal
        self._progress = progress
        self._known: dict[frozenset[str], Loss] = {}

    def __call__(self, kept: frozenset[str]) -> Loss:
        if kept not in self._known:
            self._known[kept] = self._measured(kept)
        return self._known[kept]

    def _measured(self, kept: frozenset[str]) -> Loss:
        loss = None if self._journal is None else self._journal.get(kept)
        if loss is None:
            loss = self._loss_of(self._lowering.judged(kept))
            if self._journal is not None:
                self._journal.put(kept, loss)
        if self._progress is not None:
            upto = "" if loss.high is None else f", at most {loss.high:+.2f}"
            alike = "" if loss.matched is None else f"; {loss.matched:.1%} of the detections match"
            self._progress(
                f"{len(kept)} of {len(self._lowering.candidates)} nodes in fp32: "
                f"{loss.points:+.2f} AP lost{upto}, allowed {self._limit:g}{alike}",
                len(self._known) + 1,
                self._most,
            )
        return loss


def _first(strayed: Mapping[str, float], noise: dict[str, NodeNoise]) -> dict[str, NodeNoise]:
    """Return the ranking with nodes at its head whose input is not what the model says."""
    head = {
        name: replace(noise[name], taken_db=ratio)
        for name, ratio in strayed.items()
        if name in noise
    }
    return {**head, **{name: row for name, row in noise.items() if name not in head}}


def _described(found: Found[Loss], noise: dict[str, NodeNoise]) -> tuple[KeptNode, ...]:
    harm = {
        one.name: one.without.points - (0.0 if one.with_it is None else one.with_it.points)
        for one in found.needed
    }
    order = {name: place for place, name in enumerate(noise)}
    names = sorted(found.kept, key=lambda name: (-harm.get(name, -math.inf), order[name]))
    return tuple(
        KeptNode(
            name,
            noise[name].op,
            noise[name].why,
            noise[name].sqnr_db if math.isfinite(noise[name].sqnr_db) else None,
            harm.get(name),
        )
        for name in names
    )
