"""Feed what a verified engine measured back into the table that its prediction came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from latency import (
    LatencyTable,
    Recorded,
    WholeDetector,
    check_feedback,
    feed_back,
    read_table,
    table_protocol,
)

from ..machine import detfit_version
from .engine_times import best_of

if TYPE_CHECKING:
    from detection import Detector
    from engines import Engine, TimingProtocol

    from .engine_times import EngineTimes


def feedback_protocol(path: str | Path, engine: Engine, batch: int) -> TimingProtocol:
    """Return how an engine has to be measured for a table; refuse a table of something else.

    Args:
        path: The table's file.
        engine: As built.
        batch: Images per run.

    Raises:
        TableError: The file is missing or damaged.
        TableMismatchError: The table is of another device, protocol or batch; names every field.
    """
    table: LatencyTable = read_table(path)
    protocol = table_protocol(table, engine)
    what = f"this engine's latency cannot be written to {path}"
    check_feedback(table, engine.device, protocol, batch, table.manifest.sentinel, what)
    return protocol


def record_times(
    path: str | Path, times: EngineTimes, detector: Detector, arch: str, batch: int, data: str
) -> Recorded:
    """Append a whole detector to a table, as its engine was measured.

    Args:
        path: The table's file.
        times: Measured by `feedback_protocol`.
        detector: The torch model.
        arch: ``space:code``.
        batch: Images per run.
        data: Whose images the engine was run on.

    Raises:
        TableError: The file is missing, damaged or being written; or no measurement counts.
        TableMismatchError: The table is of another device, protocol, batch or sentinel.
    """
    best = best_of(times.visits)
    refused = [visit for visit in times.visits if visit.refused]
    precision = best.measurement.protocol.precision
    whole = WholeDetector(
        label=arch,
        graph=detector.spec.graph(batch, precision),
        batch=batch,
        note=(
            f"{arch} was measured as exported by detfit {detfit_version()}, with trained weights "
            f"on {best.measurement.inputs} inputs from {Path(data).name}"
        ),
    )
    # A visit with nothing against it ends the attempts; one that was refused is kept beside.
    visits = refused if best.refused else [*refused, best]
    return feed_back(path, whole, visits, times.sentinel)
