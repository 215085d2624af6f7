"""What to export, and how to verify it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from detection import Detector, Preprocess
from engines import TimingProtocol

from ..bundle.manifest import GateLimits
from ..bundle.postprocess import Postprocess
from ..errors import VerificationError
from ..graph.model import DEFAULT_OPSET
from ..records.engine import Origin
from ..records.latency import PredictedLatency
from ..report.data import AgreementMark, Front
from ..running.network import spec_of
from .choices import PrecisionChoices


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExportRequest:
    """Say what to export and how to verify it.

    Attributes:
        detector: With its trained weights.
        origin: What it is, so that it can be built again.
        labels: Class names by label.
        preprocess: From an image to its input.
        postprocess: What to do with its outputs.
        engine: A name of ``engines.BACKENDS``.
        engine_options: How it builds, each ``NAME=VALUE``.
        precision: ``fp32``, ``fp16`` or ``int8``.
        lowering: How a lower precision is made.
        batch: Images per run.
        threads: CPU threads.
        device: ``cpu`` or ``cuda:0``.
        opset: ONNX operator set.
        dynamic_batch: Let the graph take any number of images; engine and verdict are of `batch`.
        data_dir: Folder in COCO's layout to verify on; without it nothing is verified and the
            verdict is INCONCLUSIVE.
        split: Of the data.
        limit: Take only the first images.
        limits: What the gate allows.
        predicted: What the latency predictor promised.
        protocol: How to measure; the engines' defaults if ``None``.
        front: What the search evaluated, for the report.
        agreement: Predictions beside measurements, for the report.
    """

    detector: Detector
    origin: Origin
    labels: tuple[str, ...]
    preprocess: Preprocess
    postprocess: Postprocess = field(default_factory=Postprocess)
    engine: str = "onnxruntime"
    engine_options: tuple[str, ...] = ()
    precision: str = "fp32"
    lowering: PrecisionChoices = field(default_factory=PrecisionChoices)
    batch: int = 1
    threads: int = 1
    device: str = "cpu"
    opset: int = DEFAULT_OPSET
    dynamic_batch: bool = False
    data_dir: str | Path | None = None
    split: str = "val"
    limit: int | None = None
    limits: GateLimits = field(default_factory=GateLimits)
    predicted: PredictedLatency | None = None
    protocol: TimingProtocol | None = None
    front: Front | None = None
    agreement: tuple[AgreementMark, ...] = ()


def check_request(request: ExportRequest) -> None:
    """Refuse a request whose parts contradict each other.

    Raises:
        VerificationError: Detector, labels, origin and preprocessing are not of one network.
    """
    spec = spec_of(request.origin)
    if spec != request.detector.spec:
        raise VerificationError(
            f"the detector is not what {request.origin.arch} with {dict(request.origin.options)} "
            "means; give the options that it was made with"
        )
    if len(request.labels) != spec.num_classes or len(set(request.labels)) != spec.num_classes:
        raise VerificationError(
            f"the detector has {spec.num_classes} classes, got {len(set(request.labels))} "
            f"different labels: {', '.join(request.labels)}"
        )
    if request.preprocess.input_hw != spec.input_hw:
        raise VerificationError(
            f"preprocessing makes images of {request.preprocess.input_hw} (height, width), the "
            f"detector takes {spec.input_hw}"
        )
