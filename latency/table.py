"""The latency table: what was measured on one device under one protocol."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from engines import DeviceInfo, Measurement, TimingProtocol
from searchspaces import ModuleSpec

from .errors import UnprofiledModuleError
from .manifest import Manifest
from .workload import DETECTOR, MODULE, Workload

MAX_REPLICATE_GAP = 0.10  # contention takes a share of the core; drift of a machine stays below


@dataclass(frozen=True, slots=True)
class Row:
    """Keep one measurement, or why there is none.

    Attributes:
        workload: What was timed.
        replicate: Which independent repetition (a new engine) this is, from 0.
        measurement: The samples; ``None`` when it failed.
        error: Why it failed; ``None`` when it did not.
    """

    workload: Workload
    replicate: int
    measurement: Measurement | None
    error: str | None = None


@dataclass(frozen=True)
class LatencyTable(Mapping[ModuleSpec, Measurement]):
    """Hold the measurements of one device; as a mapping it gives modules that were timed alone.

    Replicates of one workload are pooled: their raw samples stand one after the other. A replicate
    whose median lies more than :data:`MAX_REPLICATE_GAP` above the quietest one's was disturbed
    and is left out; its row stays in the table, and :attr:`disturbed` names the workload.

    Attributes:
        manifest: Device, protocol and provenance.
        rows: Every measurement and failure in the order taken.
    """

    manifest: Manifest
    rows: tuple[Row, ...]

    @cached_property
    def measurements(self) -> Mapping[str, Measurement]:
        """Return the pooled measurement of every workload that has one, by workload key."""
        return {key: _pool(_quiet(parts)) for key, parts in self._replicates.items()}

    def replicates(self, key: str) -> tuple[Measurement, ...]:
        """Return every undisturbed replicate of a workload."""
        return tuple(_quiet(self._replicates[key]))

    def replicates_ms(self, key: str) -> tuple[float, ...]:
        """Return the median of every undisturbed replicate of a workload."""
        return tuple(part.median_ms for part in self.replicates(key))

    @cached_property
    def disturbed(self) -> tuple[str, ...]:
        """Return the labels of workloads of which a replicate was left out as disturbed."""
        return tuple(
            self.workloads[key].label
            for key, parts in self._replicates.items()
            if len(_quiet(parts)) < len(parts)
        )

    @cached_property
    def _replicates(self) -> Mapping[str, list[Measurement]]:
        grouped: dict[str, list[Measurement]] = {}
        for row in self.rows:
            if row.measurement is not None:
                grouped.setdefault(row.workload.key, []).append(row.measurement)
        return grouped

    @cached_property
    def workloads(self) -> Mapping[str, Workload]:
        """Return every distinct workload, failed ones included, by key."""
        return {row.workload.key: row.workload for row in self.rows}

    @cached_property
    def failures(self) -> tuple[Row, ...]:
        """Return the rows whose workload was never measured."""
        return tuple(row for row in self.rows if row.workload.key not in self.measurements)

    @cached_property
    def entries(self) -> Mapping[ModuleSpec, Measurement]:
        """Return modules that were timed alone."""
        return {
            workload.graph.nodes[0].spec: self.measurements[key]
            for key, workload in self.workloads.items()
            if workload.role == MODULE and key in self.measurements
        }

    def detectors(self) -> tuple[tuple[Workload, Measurement], ...]:
        """Return the whole detectors that were measured."""
        return tuple(
            (workload, self.measurements[key])
            for key, workload in self.workloads.items()
            if workload.role == DETECTOR and key in self.measurements
        )

    @property
    def device(self) -> DeviceInfo:
        """Return what was measured."""
        return self.manifest.device

    @property
    def protocol(self) -> TimingProtocol:
        """Return how it was measured."""
        return self.manifest.protocol

    def __getitem__(self, spec: ModuleSpec) -> Measurement:
        """Return the measurement of a module alone.

        Raises:
            UnprofiledModuleError: The table has none.
        """
        try:
            return self.entries[spec]
        except KeyError:
            raise UnprofiledModuleError([spec.key], "the table") from None

    def __iter__(self) -> Iterator[ModuleSpec]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def merge(self, other: LatencyTable) -> LatencyTable:
        """Return both tables' rows in one table; equal (workload, replicate) rows stay apart.

        Raises:
            TableMismatchError: They come from other devices, protocols, batch sizes, spaces or
                software.
        """
        manifest = self.manifest.joined(other.manifest, "these tables must not be merged")
        taken = {(row.workload.key, row.replicate) for row in self.rows}
        added = []
        for row in other.rows:
            fresh = (
                n for n in itertools.count(row.replicate) if (row.workload.key, n) not in taken
            )
            number = next(fresh)
            taken.add((row.workload.key, number))
            added.append(replace(row, replicate=number))
        return LatencyTable(manifest, (*self.rows, *added))


def _quiet(parts: list[Measurement]) -> list[Measurement]:
    """Leave out disturbed replicates: contention only ever makes a run slower."""
    if len(parts) == 1:
        return parts
    medians = [part.median_ms for part in parts]
    limit = (1 + MAX_REPLICATE_GAP) * min(medians)
    return [part for part, median in zip(parts, medians, strict=True) if median <= limit]


def _pool(parts: list[Measurement]) -> Measurement:
    if len(parts) == 1:
        return parts[0]
    return replace(
        parts[0],
        raw_ms=tuple(itertools.chain.from_iterable(part.raw_ms for part in parts)),
        warmup_ms=tuple(itertools.chain.from_iterable(part.warmup_ms for part in parts)),
        converged=all(part.converged for part in parts),
        steady=all(part.steady for part in parts),
    )
