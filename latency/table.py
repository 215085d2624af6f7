"""The latency table: what was measured on one device under one protocol."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from engines import DeviceInfo, Measurement, TimingProtocol
from searchspaces import ModuleSpec

from .context import Recipe
from .errors import TableError, TableMismatchError, UnprofiledModuleError
from .workload import DETECTOR, MODULE, Workload

SCHEMA = "detfit.latency-table/1"
MAX_REPLICATE_GAP = 0.10  # contention takes a share of the core; drift of a machine stays below


@dataclass(frozen=True, slots=True)
class Manifest:
    """Say where a table comes from; the first line of its file.

    Attributes:
        device: What was measured.
        protocol: How.
        batch: Images per run.
        space: Name and options of the profiled space.
        software: Versions of what shaped the models, such as torch and detfit.
        seed: Seed of weights, inputs and of the detectors chosen.
        recipes: How the chains' times combine to module costs; empty without chains.
        sha256: Hash of the rows once the table is closed, else ``None``.
    """

    device: DeviceInfo
    protocol: TimingProtocol
    batch: int
    space: Mapping[str, Any]
    software: Mapping[str, str]
    seed: int
    recipes: tuple[Recipe, ...] = ()
    sha256: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able fields."""
        return {
            "schema": SCHEMA,
            "device": self.device.to_dict(),
            "protocol": self.protocol.to_dict(),
            "batch": self.batch,
            "space": dict(self.space),
            "software": dict(self.software),
            "seed": self.seed,
            "recipes": [recipe.to_dict() for recipe in self.recipes],
            "sha256": self.sha256,
        }

    @classmethod
    def from_dict(cls, fields: Any) -> Manifest:
        """Read back what :meth:`to_dict` gave.

        Raises:
            TableError: The schema is unknown or a field is missing or wrong.
        """
        if not isinstance(fields, dict) or "schema" not in fields:
            raise TableError("the first line is no manifest: it names no schema")
        if fields["schema"] != SCHEMA:
            raise TableError(f"schema {fields['schema']!r} is not {SCHEMA!r}, the one known here")
        try:
            if not isinstance(fields["space"].get("name"), str):
                raise TableError(f"space must hold a name, got {fields['space']!r}")
            return cls(
                DeviceInfo.from_dict(fields["device"]),
                TimingProtocol.from_dict(fields["protocol"]),
                whole_number("batch", fields["batch"], 1),
                dict(fields["space"]),
                dict(fields["software"]),
                whole_number("seed", fields["seed"], 0),
                tuple(Recipe.from_dict(recipe) for recipe in fields["recipes"]),
                fields["sha256"],
            )
        except KeyError as error:
            raise TableError(f"the manifest lacks the field {error.args[0]!r}") from error
        except Exception as error:
            raise TableError(f"the manifest is wrong: {error}") from error

    def require_same(self, other: Manifest, what: str) -> None:
        """Refuse to mix with measurements of another device, protocol, batch.

        Raises:
            TableMismatchError: Names every field that differs, with both values.
        """
        differing = [
            *_differences("device.", self.device, other.device),
            *_differences("protocol.", self.protocol, other.protocol),
        ]
        if self.batch != other.batch:
            differing.append(("batch", self.batch, other.batch))
        if differing:
            text = "; ".join(f"{name} is {a!r} here, {b!r} there" for name, a, b in differing)
            raise TableMismatchError(f"{what}: {text}", [name for name, _, _ in differing])


def whole_number(name: str, value: object, least: int) -> int:
    """Return a value of a file if it is an int of at least ``least``.

    Raises:
        TableError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise TableError(f"{name} must be an int >= {least}, got {value!r}")
    return value


def _differences(
    prefix: str, a: DeviceInfo | TimingProtocol, b: DeviceInfo | TimingProtocol
) -> list[tuple[str, Any, Any]]:
    pairs = a.differences(b)  # type: ignore[arg-type]  # both are of one type
    return [(prefix + name, mine, theirs) for name, mine, theirs in pairs]


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

    def replicates_ms(self, key: str) -> tuple[float, ...]:
        """Return the median of every undisturbed replicate of a workload."""
        return tuple(part.median_ms for part in _quiet(self._replicates[key]))

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
            TableMismatchError: They come from other devices, protocols or batch sizes.
        """
        self.manifest.require_same(other.manifest, "these tables must not be merged")
        taken = {(row.workload.key, row.replicate) for row in self.rows}
        added = []
        for row in other.rows:
            fresh = (
                n for n in itertools.count(row.replicate) if (row.workload.key, n) not in taken
            )
            number = next(fresh)
            taken.add((row.workload.key, number))
            added.append(replace(row, replicate=number))
        return LatencyTable(replace(self.manifest, sha256=None), (*self.rows, *added))


def _quiet(parts: list[Measurement]) -> list[Measurement]:
    """Leave out disturbed replicates: contention only ever makes a run slower."""
    quietest = min(part.median_ms for part in parts)
    return [part for part in parts if part.median_ms <= (1 + MAX_REPLICATE_GAP) * quietest]


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
