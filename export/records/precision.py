"""What is written down about an engine's precision: calibration, ladder, search."""

from __future__ import annotations

from dataclasses import dataclass

from .accuracy import AccuracyRow
from .latency import MeasuredLatency


@dataclass(frozen=True, slots=True)
class CalibrationImage:
    """Name an image that int8 was calibrated on.

    Attributes:
        name: Its file, relative to the data's folder of images.
        sha256: Of the file, 64 hex digits.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """Record what the ranges of int8 rest on.

    Attributes:
        data: Folder and split.
        method: ``minmax``, ``percentile`` or ``entropy``.
        seed: That drew the images.
        images: As they were drawn.
        note: What speaks against them; empty where nothing does.
    """

    data: str
    method: str
    seed: int
    images: tuple[CalibrationImage, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class KeptNode:
    """Say why a node stays in fp32.

    Attributes:
        name: The ONNX node.
        op: Its operator.
        why: What lowering does to it, in words and numbers.
        sqnr_db: Signal to noise of its output when it alone is lowered; ``None`` where a number
            overflows, or where it was not measured.
        harm: AP points that lowering it costs while all others are as the search left them;
            ``None`` where it was not measured.
    """

    name: str
    op: str
    why: str
    sqnr_db: float | None = None
    harm: float | None = None


@dataclass(frozen=True, slots=True)
class SearchRecord:
    """Record a search for the smallest set of nodes to keep in fp32.

    Attributes:
        limit: AP points that may be lost, at the upper end of the interval.
        candidates: Nodes that could be lowered.
        evaluations: Engines that were built and compared on the images.
        images: On how many images.
        minimal: Whether each kept node was shown to be needed; otherwise the search was stopped
            and the set is one that suffices.
        drop_before: AP points lost with every candidate lowered.
        drop_after: AP points lost with the kept nodes in fp32.
        judged_by: What computed the detections.
        matched_before: Fraction of the detections that match torch's with every candidate lowered;
            ``None`` where AP decided before.
        matched_after: The same with the kept nodes in fp32.
    """

    limit: float
    candidates: int
    evaluations: int
    images: int
    minimal: bool
    drop_before: float
    drop_after: float
    judged_by: str
    matched_before: float | None = None
    matched_after: float | None = None


@dataclass(frozen=True, slots=True)
class PrecisionRow:
    """Give one rung of the ladder: how a precision does on the same images as torch.

    Attributes:
        precision: ``fp32``, ``fp16`` or ``int8``.
        arithmetic: What the engine computed in, in words.
        lowered: Nodes in the lower precision.
        kept: Nodes that could be lowered and stay in fp32.
        accuracy: COCO's numbers of torch and engine with the interval of the loss.
        matched: Fraction of the detections that match torch's, 0..1, at the IoU that the gate asks
            for in that precision.
        measured: Latency; ``None`` where it was not measured or would say nothing.
        delivered: Whether it is the engine of the bundle.
    """

    precision: str
    arithmetic: str
    lowered: int
    kept: int
    accuracy: tuple[AccuracyRow, ...]
    matched: float
    measured: MeasuredLatency | None = None
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class PrecisionRecord:
    """Record how a bundle's precision was chosen.

    Attributes:
        rows: The ladder, from fp32 down.
        calibration: What int8 was calibrated on.
        kept: Nodes that stay in fp32, the most harmful first.
        search: How they were found; ``None`` where nothing was searched.
        note: Why nothing was searched; empty where something was.
    """

    rows: tuple[PrecisionRow, ...] = ()
    calibration: CalibrationRecord | None = None
    kept: tuple[KeptNode, ...] = ()
    search: SearchRecord | None = None
    note: str = ""
