"""The descent from fp32 by fp16 to int8: every rung to the precision that is asked for, compared.

What is asked for is written into the ONNX model, with those nodes left in fp32 without which it
would lose more AP than allowed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines import NATIVE_OPERATORS, calibrate, get_backend, prepared_model

from ..comparison.compare import Comparison
from ..comparison.data import EvaluationData, Progress
from ..errors import PrecisionError, VerificationError
from ..files import json_bytes, sha256_of
from ..gate.outcome import Outcome
from ..gate.verdict import judge_accuracy
from ..records.latency import MeasuredLatency
from ..records.precision import KeptNode, PrecisionRecord, PrecisionRow, SearchRecord
from ..running.reference import Reference
from .arithmetic import FLOAT, INT8, ROUNDED, ROUNDED_WEIGHTS, arithmetic_of
from .calibration import CalibrationSet, spread_batches
from .journal import Journal
from .lowerings import (
    HalfLowering,
    Int8Lowering,
    Lowering,
    NativeInt8Lowering,
    lowered_and_kept,
)
from .meter import Alike, Loss, LossMeter, Recorded
from .rungs import FULL, Rungs, row_of
from .search import find_kept
from .written import COMPARED, NATIVE, WRITTEN

if TYPE_CHECKING:
    from ..request.request import ExportRequest

DESCENT = (FULL, "fp16", "int8")

RANKED_ON = 4
"""Images that nodes are ranked on: a saturated node saturates on any, and ranks need no more."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Hold a model in the precision that is asked for.

    Attributes:
        content: The ONNX model.
        written_in: Precision that is written into it.
        nodes: How many nodes are in that precision, and how many could be and are not.
        record: How it came about, without the row of the engine that is delivered; ``None`` where
            no precision is written.
    """

    content: bytes
    written_in: str = FULL
    nodes: tuple[int, int] = (0, 0)
    record: PrecisionRecord | None = None


def prepare_precision(
    request: ExportRequest,
    content: bytes,
    data: EvaluationData | None,
    calibration: CalibrationSet | None,
    *,
    log: Path,
    progress: Progress | None = None,
) -> Prepared:
    """Write a model in the precision that is asked for; compare the rungs above it.

    Args:
        request: What is exported.
        content: Its ONNX model, in fp32.
        data: Images to compare on; without them nothing is compared.
        calibration: Images to calibrate on, from `open_calibration`.
        log: Where an interrupted search keeps what it found; deleted once it ends.
        progress: Called as ``progress(message, done, total)``.

    Raises:
        DatasetError: An image is damaged.
        EngineError: An engine cannot be built or run, or the model not be converted.
        DetectError: An engine gives something else than detections.
    """
    if request.precision not in WRITTEN.get(request.engine, ()):
        return Prepared(content)
    return _Descent(request, content, data, calibration, log, progress).run()


def with_delivered(
    prepared: Prepared,
    request: ExportRequest,
    comparison: Comparison | None,
    measured: MeasuredLatency | None,
) -> PrecisionRecord | None:
    """Return the record of a bundle with the row of its own engine."""
    record = prepared.record
    if record is None or comparison is None:
        return record
    backend = get_backend(request.engine, request.engine_options)
    kind = arithmetic_of(backend, request.precision, request.device)
    row = row_of(request.precision, kind, prepared.nodes, comparison, measured)
    return replace(record, rows=(*record.rows, replace(row, delivered=True)))


class _Descent:
    def __init__(
        self,
        request: ExportRequest,
        content: bytes,
        data: EvaluationData | None,
        calibration: CalibrationSet | None,
        log: Path,
        progress: Progress | None,
    ) -> None:
        self._request = request
        self._content = content
        self._data = data
        self._log = log
        self._progress = progress
        self._backend = get_backend(request.engine, request.engine_options)
        self._calibration = calibration
        self._fp32: Comparison | None = None

    def run(self) -> Prepared:
        wanted = self._request.precision
        lowering = self._lowering(wanted)
        rows: tuple[PrecisionRow, ...] = ()
        kept: tuple[KeptNode, ...] = ()
        search, note = None, "nothing was compared, so nothing was searched"
        if self._data is not None and self._request.engine in COMPARED:
            recorded = self._torch(self._data)
            rungs = Rungs(self._request, recorded, self._progress)
            rows = self._above(wanted, rungs)
            kept, search, note = self._kept(lowering, rungs, recorded)
            rows += self._emulated(lowering, [node.name for node in kept], rungs)
        names = [node.name for node in kept]
        images = None if self._calibration is None else self._calibration.record
        record = PrecisionRecord(rows, images, (*lowering.always, *kept), search, note)
        return Prepared(lowering.write(names), wanted, lowered_and_kept(lowering, names), record)

    def _torch(self, data: EvaluationData) -> Recorded:
        request = self._request
        self._tell("running torch over the images")
        reference = Reference(request.detector, request.preprocess, request.labels)
        return Recorded(reference, data, request.batch)

    def _lowering(self, precision: str) -> Lowering:
        drawn = self._calibration
        if precision == "fp16" or drawn is None:
            return HalfLowering(self._content)
        batches = self._counted(drawn.arrays(), len(drawn))
        content, method = prepared_model(self._content), drawn.record.method
        if self._request.engine in NATIVE:
            ranges = calibrate(content, batches, method, NATIVE_OPERATORS)
            return NativeInt8Lowering(content, ranges)
        return Int8Lowering(content, calibrate(content, batches, method))

    def _above(self, wanted: str, rungs: Rungs) -> tuple[PrecisionRow, ...]:
        row, self._fp32 = rungs.compared(self._content, FULL, FLOAT, (0, 0))
        rows: tuple[PrecisionRow, ...] = (row,)
        for precision in DESCENT[1 : DESCENT.index(wanted)]:
            lowering = self._lowering(precision)
            kind = arithmetic_of(self._backend, precision, self._request.device)
            content, counts = lowering.write(()), lowered_and_kept(lowering, ())
            rows += (rungs.compared(content, precision, kind, counts)[0],)
            rows += self._emulated(lowering, (), rungs)
        return rows

    def _emulated(
        self, lowering: Lowering, kept: Collection[str], rungs: Rungs
    ) -> tuple[PrecisionRow, ...]:
        """Return what a processor with half precision would give, where this one has none."""
        kind = arithmetic_of(self._backend, lowering.precision, self._request.device)
        if kind != ROUNDED_WEIGHTS:
            return ()
        content, counts = lowering.judged(kept), lowered_and_kept(lowering, kept)
        return (rungs.compared(content, lowering.precision, ROUNDED, counts, emulated_in=FULL)[0],)

    def _kept(
        self, lowering: Lowering, rungs: Rungs, recorded: Recorded
    ) -> tuple[tuple[KeptNode, ...], SearchRecord | None, str]:
        limit, choices = self._request.limits.max_ap_drop, self._request.lowering
        if not choices.search:
            return (), None, "no search was asked for"
        if doubt := _doubt(self._fp32, limit, rungs.alike(FULL)):
            return (), None, doubt
        alike = rungs.alike(lowering.precision)
        try:
            meter = LossMeter(recorded, limit, alike)
        except (PrecisionError, VerificationError) as error:
            return (), None, str(error)  # told in the record: the bundle is written whatever
        half = lowering.precision == "fp16"
        batches = spread_batches(recorded.data.dataset, RANKED_ON, self._request.batch)
        judged_by = ROUNDED if half else f"{self._request.engine}, {INT8}"

        def loss_of(content: bytes) -> Loss:
            precision = FULL if half else lowering.precision
            with rungs.session(content, precision, emulated=half) as session:
                loss = meter.loss(session)
            if half or not loss.passed:
                return loss
            return replace(loss, passed=rungs.is_right_inside(content, precision, batches))

        journal = Journal(self._log, self._subject(lowering, judged_by, alike))
        found = find_kept(
            lowering,
            meter,
            loss_of,
            batches,
            judged_by=judged_by,
            max_evaluations=choices.max_evaluations,
            strayed=None if half else rungs.strayed(lowering, batches),
            threads=self._request.threads,
            journal=journal,
            progress=self._progress,
        )
        journal.remove()
        return found.nodes, found.record, ""

    def _subject(self, lowering: Lowering, judged_by: str, alike: Alike) -> str:
        """Return what every loss depends on, as one hash."""
        request = self._request
        subject = {
            "model": sha256_of(lowering.write(())),  # with int8 its ranges are part of it
            "judged_by": judged_by,
            "engine": [request.engine, *request.engine_options],
            "data": "" if self._data is None else self._data.name,
            "images": 0 if self._data is None else len(self._data),
            "limit": request.limits.max_ap_drop,
            "alike": asdict(alike),
        }
        return sha256_of(json_bytes(subject))

    def _counted(self, batches: Iterable[Any], total: int) -> Iterable[Any]:
        for done, batch in enumerate(batches):
            if self._progress is not None:
                self._progress("calibrating int8", done, total)
            yield batch

    def _tell(self, message: str) -> None:
        if self._progress is not None:
            self._progress(message, 0, 1)


def _doubt(fp32: Comparison | None, limit: float, alike: Alike) -> str:
    """Return why nothing is searched, since fp32 falls short already; empty where it does not."""
    if fp32 is None or judge_accuracy(fp32.accuracy, limit).outcome is not Outcome.PASS:
        return f"in fp32 already it is not certain that {limit:g} AP are kept"
    return "" if alike.holds(fp32.parity) else "in fp32 already other objects are detected"
