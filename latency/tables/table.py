"""The latency table: what was measured on one device under one protocol."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from engines import DeviceInfo, Measurement, TimingProtocol
from searchspaces import ModuleSpec

from ..errors import UnprofiledModuleError
from ..workloads.sentinel import is_plausible
from ..workloads.workload import DETECTOR, MODULE, Workload
from .manifest import Manifest
from .pooling import counting, measurement_of, pooled
from .row import Row

MAX_REPLICATE_GAP = 0.10  # contention takes a share of the core; drift of a machine stays below


@dataclass(frozen=True)
class LatencyTable(Mapping[ModuleSpec, Measurement]):
    """Hold the measurements of one device; as a mapping it gives modules that were timed alone.

    Replicates of one workload are pooled: their raw samples stand one after the other. Refused
    visits do not count, unless :data:`~.pooling.MAX_ATTEMPTS` were refused, or the session was
    exploratory: then the quietest one does. A replicate whose median lies more than
    :data:`MAX_REPLICATE_GAP` above the quietest one's was disturbed and is left out, too. All rows
    stay in the table, and :attr:`disturbed` names their workloads.

    Medians of rows with a sentinel can be brought to one speed of the machine
    (:meth:`normalised_ms`): that at which the sentinel takes :attr:`reference_ms`. Rows without
    one, such as imported ones, count as measured at that speed. A row whose sentinel took more
    than twice as long as that, or less than half, does not count. Raw samples stay as they are.

    Attributes:
        manifest: Device, protocol and provenance.
        rows: Every measurement and failure in the order taken.
    """

    manifest: Manifest
    rows: tuple[Row, ...]

    @cached_property
    def measurements(self) -> Mapping[str, Measurement]:
        """Return the pooled measurement of every workload that has one, by workload key."""
        return {key: pooled(self._quiet(rows)) for key, rows in self._by_workload.items()}

    @cached_property
    def counted(self) -> tuple[Row, ...]:
        """Return the rows whose measurement counts: one for every replicate at most."""
        visits: dict[tuple[str, int], list[Row]] = {}
        for row in self.rows:
            visits.setdefault(row.visit[:2], []).append(row)
        chosen = (counting(rows, self.speed, self._plausible) for rows in visits.values())
        return tuple(row for row in chosen if row is not None)

    def replicates(self, key: str) -> tuple[Measurement, ...]:
        """Return every undisturbed replicate of a workload."""
        return tuple(map(measurement_of, self._quiet(self._by_workload[key])))

    def replicates_ms(self, key: str, *, normalised: bool = True) -> tuple[float, ...]:
        """Return the median of every undisturbed replicate of a workload.

        Args:
            key: Of the workload.
            normalised: Bring them to one speed of the machine.
        """
        return tuple(
            measurement_of(row).median_ms / (self.speed(row) if normalised else 1.0)
            for row in self._quiet(self._by_workload[key])
        )

    def normalised_ms(self, key: str) -> float:
        """Return the median of a workload's replicates, brought to one speed of the machine."""
        return float(np.median(self.replicates_ms(key)))

    @cached_property
    def reference_ms(self) -> float | None:
        """Return the median of all sentinels, the speed that medians are brought to."""
        known = [row.sentinel_ms for row in self.rows if row.sentinel_ms and not row.refused]
        known = known or [row.sentinel_ms for row in self.rows if row.sentinel_ms]
        return float(np.median(known)) if known else None

    @cached_property
    def disturbed(self) -> tuple[str, ...]:
        """Return the labels of workloads with a replicate that was left out or disturbed."""
        refused = {row.workload.key for row in self.counted if row.refused}
        return tuple(
            self.workloads[key].label
            for key, rows in self._by_workload.items()
            if key in refused or len(self._quiet(rows)) < len(rows)
        )

    @property
    def refused(self) -> tuple[Row, ...]:
        """Return the rows that were refused, whether they count in the end or not."""
        return tuple(row for row in self.rows if row.refused)

    @cached_property
    def _by_workload(self) -> Mapping[str, list[Row]]:
        grouped: dict[str, list[Row]] = {}
        for row in self.counted:
            grouped.setdefault(row.workload.key, []).append(row)
        own = {key: [row for row in rows if not row.delivered] for key, rows in grouped.items()}
        return {key: own[key] or rows for key, rows in grouped.items()}

    @cached_property
    def delivered_ms(self) -> Mapping[str, float]:
        """Return what delivered engines took, by workload key, at one speed of the machine.

        A workload that was profiled, too, is pooled of what was profiled alone.
        """
        taken: dict[str, list[float]] = {}
        for row in self.counted:
            if row.delivered:
                ms = measurement_of(row).median_ms / self.speed(row)
                taken.setdefault(row.workload.key, []).append(ms)
        return {key: float(np.median(times)) for key, times in taken.items()}

    def is_delivered(self, key: str) -> bool:
        """Return whether a workload was measured as a delivered engine alone."""
        return all(row.delivered for row in self._by_workload[key])

    def speed(self, row: Row) -> float:
        """Return how many times slower the machine was at a row than at :attr:`reference_ms`."""
        if row.sentinel_ms is None or self.reference_ms is None:
            return 1.0
        return row.sentinel_ms / self.reference_ms

    def _plausible(self, row: Row) -> bool:
        """Return whether a row's sentinel tells a speed, and was not disturbed itself."""
        return is_plausible(row.sentinel_ms, self.reference_ms)

    def _quiet(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Leave out disturbed replicates: contention only ever makes a run slower."""
        if len(rows) == 1:
            return rows
        medians = [measurement_of(row).median_ms / self.speed(row) for row in rows]
        limit = (1 + MAX_REPLICATE_GAP) * min(medians)
        return [row for row, median in zip(rows, medians, strict=True) if median <= limit]

    @cached_property
    def workloads(self) -> Mapping[str, Workload]:
        """Return every distinct workload, failed ones included, by key."""
        return {row.workload.key: row.workload for row in self.rows}

    @cached_property
    def failures(self) -> tuple[Row, ...]:
        """Return the rows of errors whose workload was never measured."""
        measured = {row.workload.key for row in self.rows if row.measurement is not None}
        return tuple(row for row in self.rows if row.workload.key not in measured)

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
    def is_of_several_inputs(self) -> bool:
        """Return whether tables were joined whose modules were timed on other recorded inputs."""
        recorded = any(row.measurement and row.measurement.inputs > 1 for row in self.rows)
        return self.manifest.inputs is None and recorded

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
            TableMismatchError: They come from other devices, protocols, batch sizes or software.
        """
        manifest = self.manifest.joined(other.manifest, "these tables must not be merged")
        taken = {row.visit[:2] for row in self.rows}
        numbers: dict[tuple[str, int], int] = {}
        added = []
        for row in other.rows:
            key, replicate, _ = row.visit
            if (key, replicate) not in numbers:
                fresh = (n for n in itertools.count(replicate) if (key, n) not in taken)
                numbers[key, replicate] = next(fresh)
                taken.add((key, numbers[key, replicate]))
            added.append(replace(row, replicate=numbers[key, replicate]))
        return LatencyTable(manifest, (*self.rows, *added))
