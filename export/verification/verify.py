"""Verify a bundle: does the engine detect what torch does, as well, and as fast as promised?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from detection import read_weights_info
from engines import Engine
from searchspaces import MASKS

from ..bundle.bundle import Bundle, load_bundle
from ..bundle.manifest import GateLimits
from ..comparison.data import Progress, open_data
from ..comparison.ladder import Built, climb
from ..records.engine import EngineRecord
from ..running.network import load_detector
from ..running.reference import Reference, trained_preprocess
from ..running.session import Session
from ..timing.feedback import feedback_protocol
from ..timing.remeasure import check_record, measure_bundle, record_bundle
from .verify_report import VerifyReport, make_report

OpenSession = Callable[[Bundle], Session[Engine]]


def verify_bundle(
    bundle: Bundle | str | Path,
    data_dir: str | Path,
    split: str = "val",
    *,
    limit: int | None = None,
    latency: bool = True,
    limits: GateLimits | None = None,
    record: str | Path | None = None,
    progress: Progress | None = None,
    open_session: OpenSession = Session.open,
) -> VerifyReport:
    """Compare a bundle's engine with its torch model on images, and measure it again.

    The torch model runs as it was trained: its preprocessing and labels are those that its weights
    note, so that a fault in the bundle's own does not reach both sides.

    Classes are matched by name. Where the data has none of the bundle's, AP is not comparable
    and the verdict is INCONCLUSIVE at best; parity and latency are judged all the same.

    Args:
        bundle: A bundle or its folder.
        data_dir: A data folder in one of the layouts of `detection.open_split`.
        split: ``val`` or ``val2017``.
        limit: Take only the first images.
        latency: Measure the latency, by the protocol of the bundle's own measurement.
        limits: Judge by these instead of the bundle's own.
        record: A latency table of this device: the latency is measured by its protocol, and
            written into it as a whole detector, for the next fit to include.
        progress: Called as ``progress(message, done, total)``.
        open_session: Makes what is deployed of the bundle; give your own to verify a runtime of
            your own.

    Raises:
        BundleError: The folder is not a whole and unchanged bundle that runs here.
        DatasetError: The data is not there or damaged.
        VerificationError: This version cannot build the torch model, or there are no images.
        EngineError: The engine cannot be loaded, run or measured.
        TableError: The table is missing, damaged or being written.
        TableMismatchError: The table is of another device, protocol or batch.
    """
    check_record(record, latency=latency)
    checked = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    manifest = checked.manifest
    judged_by = limits or manifest.limits
    detector = load_detector(manifest.origin, checked.weights_path)
    info = read_weights_info(checked.weights_path)
    preprocess = trained_preprocess(info, detector.spec.input_hw)
    reference = Reference(detector, preprocess, info.label_names or checked.labels)
    masks = MASKS in detector.spec.output_names
    data = open_data(data_dir, split, preprocess, limit, masks=masks)
    with open_session(checked) as session:
        if record is not None:  # what cannot be written is refused before hours of comparing
            feedback_protocol(record, session.engine, session.batch)
        found = climb(
            detector,
            reference,
            session,
            data,
            checked.onnx_path,
            built_as(checked.engine),
            progress,
        )
        times = None
        if latency:
            _tell_measuring(progress, len(data))
            times = measure_bundle(checked, session, data, judged_by, record)
    report = make_report(
        manifest.origin.arch,
        data,
        found.comparison,
        times,
        predicted=manifest.predicted,
        limits=judged_by,
        latency=latency,
        structure=found.structure,
        tensors=found.tensors,
        pipeline=found.pipeline,
        precision=checked.engine.precision,
    )
    if record is None or times is None:
        return report
    recorded, why_not = record_bundle(record, checked, times, detector, data)
    return replace(report, recorded=recorded, not_recorded=why_not)


def built_as(record: EngineRecord) -> Built:
    """Return how an engine on record was built."""
    return Built(record.name, record.precision, record.threads, record.runs_on)


def _tell_measuring(progress: Progress | None, images: int) -> None:
    if progress is not None:
        progress("measuring the engine", images, images)
