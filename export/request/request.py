"""What to export, and how to verify it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from detection import Detector, Preprocess
from engines import TimingProtocol

from ..bundle.descriptions import MAX_INPUT_BYTES, input_bytes
from ..bundle.manifest import GateLimits
from ..bundle.postprocess import Postprocess
from ..errors import VerificationError
from ..graph.model import DEFAULT_OPSET
from ..records.engine import Origin
from ..records.latency import PredictedLatency
from ..report.data import AgreementMark, Front
from ..running.network import spec_of
from .choices import PrecisionChoices
from .unheeded import refuse_unheeded


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
        data_dir: Data folder to verify on, of any layout; without it nothing is verified and the
            verdict is INCONCLUSIVE.
        split: Of the data.
        limit: Take only the first images.
        limits: What the gate allows.
        predicted: What the latency predictor promised.
        protocol: How to measure; the engines' defaults if ``None``.
        front: What the search evaluated, for the report.
        agreement: Predictions beside measurements, for the report.
        tensorrt: Releases of TensorRT that the report says of whether they would take the graph;
            the usual ones where none is named. That of a TensorRT engine is always among them.
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
    tensorrt: tuple[str, ...] = ()

    def timing(self) -> TimingProtocol:
        """Return how the engine is measured.

        Raises:
            MeasurementError: Precision or threads are none that an engine can have.
        """
        usual = self.protocol or TimingProtocol()
        return replace(usual, threads=self.threads, precision=self.precision)


def check_request(request: ExportRequest) -> None:
    """Refuse a request whose parts contradict each other, before any work.

    Raises:
        VerificationError: Detector, labels, origin and preprocessing are not of one network; or an
            option would do nothing, or make a bundle that nobody can load.
        MeasurementError: Precision or threads are none that an engine can have.
        CheckError: No rules are known for a release of TensorRT.
    """
    _check_network(request)
    _check_options(request)


def _check_network(request: ExportRequest) -> None:
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


def _check_options(request: ExportRequest) -> None:
    request.timing()  # refuses what no engine can have
    refuse_unheeded(request)
    if input_bytes(request.batch, request.preprocess.input_hw) > MAX_INPUT_BYTES:
        height, width = request.preprocess.input_hw
        raise VerificationError(
            f"{request.batch} images of {width}x{height} pixels have more than {MAX_INPUT_BYTES} "
            "bytes; choose a smaller batch"
        )
    if request.tensorrt:
        from ..check import parse_target

        for release in request.tensorrt:
            parse_target(release)
