"""Feed what a delivered engine measured back into the table that its prediction came from.

The next fit of the table includes it, as one more equation for the costs of modules where nothing
else contradicts it, and in the factor between delivered engines and what was profiled (see
:mod:`latency.predictors.delivered`). It has to be measured as the table's own rows are, beside
the same sentinel, so that it is brought to their speed of the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engines import CHAINED, DeviceInfo, Engine, TimingProtocol
from searchspaces import Graph

from ..errors import TableError, TableMismatchError
from ..tables.manifest import Manifest
from ..tables.row import Row
from ..tables.table import LatencyTable
from ..tables.table_file import read_table
from ..tables.table_writer import TableWriter
from ..workloads.workload import DETECTOR, Workload
from .visit import Visit

FIRST = 1000
"""Replicate that a delivered engine's measurements begin with: a profile's own stay free."""


@dataclass(frozen=True, slots=True)
class WholeDetector:
    """Name a delivered engine's detector.

    Attributes:
        label: As tables name architectures, ``space:code``.
        graph: Its modules and their wiring, of the engine's batch and precision.
        batch: Images per run.
        note: Where the engine comes from and what it was run on, for readers of the table.
    """

    label: str
    graph: Graph
    batch: int
    note: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """Say what was written into a table.

    Attributes:
        table: The file.
        label: Of the detector.
        replicate: Of its workload, from `FIRST`; more where it was fed back before.
        rows: Rows written: one for each visit.
        detectors: Distinct whole detectors that the table now holds.
        ms: Its median over all its delivered engines, at the table's speed of the machine.
    """

    table: Path
    label: str
    replicate: int
    rows: int
    detectors: int
    ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "table": str(self.table)}


def table_protocol(table: LatencyTable, engine: Engine) -> TimingProtocol:
    """Return how a table's whole detectors are measured, for an engine as it was built."""
    return replace(
        table.protocol, cache=CHAINED, threads=engine.threads, precision=engine.precision
    )


def check_feedback(
    table: LatencyTable,
    device: DeviceInfo,
    protocol: TimingProtocol,
    batch: int,
    sentinel: str | None,
    what: str = "the measurement does not belong to this table",
) -> None:
    """Refuse a measurement that is not like a table's own.

    Args:
        table: Where it is to be written.
        device: What was measured.
        protocol: How; its cache mode is that of a whole detector.
        batch: Images per run.
        sentinel: Key of the sentinel beside it; ``None`` without one.
        what: How the message begins: what a difference rules out.

    Raises:
        TableMismatchError: Device, protocol, batch or sentinel differ; names every field.
    """
    manifest = table.manifest
    if manifest.sentinel is not None and sentinel is None:
        raise TableMismatchError(
            f"{what}: sentinel is {manifest.sentinel!r} here, there was none beside the engine; "
            "without it the machine's speed is not known",
            ["sentinel"],
        )
    manifest.require_same(_manifest(table, device, protocol, batch, sentinel), what)


def feed_back(
    path: Path | str,
    detector: WholeDetector,
    visits: Sequence[Visit],
    sentinel: str | None,
) -> Recorded:
    """Append what was measured of a delivered engine to a table, as rows of one replicate.

    Refused visits are written too: they count if all were refused and there were as many as a
    profile takes (see :class:`LatencyTable`). The file is replaced at once and closed again.

    Args:
        path: The table's file.
        detector: What was measured.
        visits: In the order taken.
        sentinel: Key of the sentinel beside them; ``None`` without one.

    Raises:
        TableError: The file is missing, damaged or being written, there is no visit, or none
            counts.
        TableMismatchError: Device, protocol, batch or sentinel differ; names every field.
    """
    if not visits:
        raise TableError(f"there is no measurement of {detector.label} to write to {path}")
    table = read_table(path)
    first = visits[0].measurement
    refused = f"{detector.label} cannot be written to {path}"
    check_feedback(table, first.device, first.protocol, detector.batch, sentinel, refused)
    manifest = _manifest(table, first.device, first.protocol, detector.batch, sentinel)
    workload = Workload(DETECTOR, detector.label, detector.graph)
    rows = tuple(_row(workload, visit, attempt) for attempt, visit in enumerate(visits))
    joined = table.merge(LatencyTable(replace(manifest, notes=(detector.note,)), rows))
    if sum(row.delivered for row in joined.counted) == sum(row.delivered for row in table.counted):
        raise TableError(
            f"{refused}: every measurement was refused ({visits[-1].refused}); verify again on "
            "an idle machine"
        )
    with TableWriter(path, table.manifest, resume=True) as writer:
        writer.manifest = joined.manifest
        for row in joined.rows[len(table.rows) :]:
            writer.append(row)
        written = writer.close()
    return Recorded(
        table=Path(path),
        label=detector.label,
        replicate=joined.rows[-1].replicate,
        rows=len(rows),
        detectors=len(written.detectors()),
        ms=written.delivered_ms[workload.key],
    )


def _manifest(
    table: LatencyTable,
    device: DeviceInfo,
    protocol: TimingProtocol,
    batch: int,
    sentinel: str | None,
) -> Manifest:
    """Return what a table of these measurements alone would say of itself.

    Space, seed, software and inputs are the table's: the graph carries the modules, and the note
    says what the engine was run on.
    """
    own = table.manifest
    return replace(
        own,
        device=device,
        protocol=replace(protocol, cache=own.protocol.cache),
        batch=batch,
        recipes=(),
        notes=(),
        sentinel=sentinel or own.sentinel,
        sha256=None,
    )


def _row(workload: Workload, visit: Visit, attempt: int) -> Row:
    return Row(
        workload,
        FIRST,
        replace(visit.measurement, protocol=replace(visit.measurement.protocol, cache=CHAINED)),
        attempt=attempt,
        refused=visit.refused,
        sentinel_ms=visit.sentinel_ms,
        sentinel_drift=visit.sentinel_drift,
        delivered=True,
    )
