"""Measure a bundle's engine again, and feed what it takes back into a latency table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from engines import Measurement, TimingProtocol, get_backend, option_texts
from latency import TableError

from ..bundle.integrity import MEASUREMENT
from ..errors import VerificationError
from .feedback import feedback_protocol, record_times
from .measuring import budget_protocol, time_engine

if TYPE_CHECKING:
    from detection import Detector
    from engines import Engine
    from latency import Recorded

    from ..bundle.bundle import Bundle
    from ..bundle.manifest import GateLimits
    from ..comparison.data import EvaluationData
    from ..running.session import Session
    from .engine_times import EngineTimes


def check_record(record: str | Path | None, *, latency: bool) -> None:
    """Refuse to write a latency to a table that is not to be measured.

    Raises:
        VerificationError: There is a table, but no measurement.
    """
    if record is not None and not latency:
        raise VerificationError(
            f"nothing can be written to {record} without measuring; leave --no-latency out"
        )


def measure_bundle(
    bundle: Bundle,
    session: Session[Engine],
    data: EvaluationData,
    limits: GateLimits,
    record: str | Path | None = None,
) -> EngineTimes:
    """Time a bundle's engine: alone, among pre- and postprocessing, and by layers if predicted.

    Args:
        bundle: Whose engine it is.
        session: The engine with its pre- and postprocessing.
        data: Images to run it on.
        limits: Say what the budget is about, and so how many samples are needed.
        record: A latency table whose protocol to measure by; the bundle's own if ``None``.

    Raises:
        TableError: The table is missing or damaged.
        TableMismatchError: It is of another device, protocol or batch.
        EngineError: The engine cannot be run or measured.
    """
    if record is None:
        protocol = budget_protocol(_protocol_of(bundle), limits.budget_on)
    else:
        protocol = feedback_protocol(record, session.engine, session.batch)
    return _time(bundle, session, data, protocol)


def record_bundle(
    record: str | Path,
    bundle: Bundle,
    times: EngineTimes,
    detector: Detector,
    data: EvaluationData,
) -> tuple[Recorded | None, str]:
    """Append what a bundle's engine took to a latency table, as one of its whole detectors.

    What was found out before is not lost where that fails.

    Returns:
        What was written; or ``None``, and why nothing was.
    """
    arch, batch = bundle.manifest.origin.arch, bundle.manifest.engine.batch
    try:
        return record_times(record, times, detector, arch, batch, data.name), ""
    except TableError as error:
        return None, str(error)


def _time(
    bundle: Bundle, session: Session[Engine], data: EvaluationData, protocol: TimingProtocol
) -> EngineTimes:
    engine, predicted = bundle.manifest.engine, bundle.manifest.predicted
    return time_engine(
        session,
        data,
        protocol,
        get_backend(engine.name, option_texts(str(engine.device.get("options", "default")))),
        device=engine.runs_on,
        profile=predicted is not None and bool(predicted.breakdown),
    )


def _protocol_of(bundle: Bundle) -> TimingProtocol:
    """Return the protocol by which the bundle's engine was measured."""
    path = bundle.path / MEASUREMENT
    engine = bundle.manifest.engine
    if MEASUREMENT not in bundle.manifest.files:
        return TimingProtocol(threads=engine.threads, precision=engine.precision)
    return Measurement.from_dict(json.loads(path.read_bytes())).protocol
