"""From a weights file to a verified bundle: what `detfit export` does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from detection import Preprocess, WeightsInfo, read_weights_info
from engines import get_backend
from latency import LatencyTable, Predictor, load_predictor
from search import Finalist, choose_finalist, load_result
from searchspaces import format_arch, make_space

from ..bundle.manifest import GateLimits
from ..comparison.data import Progress
from ..errors import VerificationError
from ..graph.model import DEFAULT_OPSET
from ..report.data import AgreementMark, Front
from ..report.fronts import search_front
from ..report.runs import table_report
from ..request.choices import PrecisionChoices
from ..request.request import ExportRequest
from ..running.network import load_detector, origin_of
from ..timing.predicted import predicted_latency
from .exporter import ExportResult, export_detector

if TYPE_CHECKING:
    from detection import Detector
    from engines import TimingProtocol
    from searchspaces import Architecture, SearchSpace

    from ..records.latency import PredictedLatency


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Say what to export, on what, and what it has to keep.

    Attributes:
        target: ``space:code``, or the folder of the run that found it.
        weights: The trained weights; they say which architecture they belong to.
        engine: A name of ``engines.BACKENDS``.
        engine_options: How it builds, each ``NAME=VALUE``.
        precision: ``fp32``, ``fp16`` or ``int8``.
        lowering: How a lower precision is made.
        batch: Images per run.
        threads: CPU threads.
        device: ``cpu`` or ``cuda:0``.
        opset: ONNX operator set.
        dynamic_batch: Let the graph take any number of images; engine and verdict are of `batch`.
        data_dir: Data folder to verify on, of any layout.
        split: Of the data.
        limit: Take only the first images.
        budget_ms: Latency budget; the run's own if left out.
        max_ap_drop: AP points (0..100) that the engine may lose.
        budget_on: What of the latency the budget is about: ``p50`` or ``p99``.
        prediction_tolerance: Relative distance of measured from predicted latency allowed.
        predictor: Predictor file; the run's own if left out.
        table: Latency table whose whole detectors are shown in the report.
        protocol: How the engine is measured.
        commands: Command lines that led here, for the record.
        tensorrt: Releases of TensorRT that the report says of whether they would take the graph.
    """

    target: str
    weights: Path
    engine: str = "onnxruntime"
    engine_options: tuple[str, ...] = ()
    precision: str = "fp32"
    lowering: PrecisionChoices = field(default_factory=PrecisionChoices)
    batch: int = 1
    threads: int = 1
    device: str = "cpu"
    opset: int = DEFAULT_OPSET
    dynamic_batch: bool = False
    data_dir: Path | None = None
    split: str = "val"
    limit: int | None = None
    budget_ms: float | None = None
    max_ap_drop: float = 0.5
    budget_on: str = "p50"
    prediction_tolerance: float = 0.10
    predictor: Path | None = None
    table: LatencyTable | None = None
    protocol: TimingProtocol | None = None
    commands: tuple[str, ...] = ()
    tensorrt: tuple[str, ...] = ()


def deliver(
    delivery: Delivery,
    out: str | Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Export trained weights as a verified bundle, whatever the verdict.

    Args:
        delivery: What and how.
        out: The bundle's folder.
        overwrite: Replace an existing bundle there.
        progress: Called as ``progress(message, done, total)``.

    Raises:
        VerificationError: The weights belong to another detector than the target or to a whole
            supernet, or the predictor is of another engine or setting; or the run was searched
            on a simulated device and no predictor is given.
        CheckpointError: The weights file is missing or damaged.
        EngineError: The engine is unknown, not installed, or cannot be built or run.
        RunError: The run has no result within its budget.
        LatencyError: The predictor is missing or damaged, or a simulated device.
        ExportError: See :func:`export_detector`, as for data errors.
    """
    get_backend(delivery.engine, delivery.engine_options)
    info = read_weights_info(delivery.weights)
    origin = origin_of(info)
    space = make_space(info.space, **info.space_options)
    arch = space.decode(origin.arch.partition(":")[2])
    finalist = _finalist(delivery.target, info, space, arch)
    detector = load_detector(origin, delivery.weights)
    budget = finalist.budget_ms if delivery.budget_ms is None else delivery.budget_ms
    predictor = _predictor(delivery, finalist)
    request = ExportRequest(
        detector=detector,
        origin=replace(origin, commands=delivery.commands),
        labels=_labels(info),
        preprocess=Preprocess(detector.spec.input_hw),
        engine=delivery.engine,
        engine_options=delivery.engine_options,
        precision=delivery.precision,
        lowering=delivery.lowering,
        batch=delivery.batch,
        threads=delivery.threads,
        device=delivery.device,
        opset=delivery.opset,
        dynamic_batch=delivery.dynamic_batch,
        data_dir=delivery.data_dir,
        split=delivery.split,
        limit=delivery.limit,
        limits=GateLimits(
            budget_ms=budget,
            max_ap_drop=delivery.max_ap_drop,
            prediction_tolerance=delivery.prediction_tolerance,
            budget_on=delivery.budget_on,
        ),
        predicted=_predicted(delivery, detector, predictor),
        protocol=delivery.protocol,
        front=_front(finalist, arch, budget),
        agreement=_agreement(delivery.table, predictor),
        tensorrt=delivery.tensorrt,
    )
    return export_detector(request, out, overwrite=overwrite, progress=progress)


def _finalist(target: str, info: WeightsInfo, space: SearchSpace, arch: Architecture) -> Finalist:
    """Return what the target names; the weights must be of it, or of any member of the run."""
    finalist = choose_finalist(target, options=info.space_options)
    if finalist.folder is not None:
        known = load_result(finalist.folder).architectures
    else:
        known = (finalist.architecture,)
    if finalist.space.name != space.name or arch not in known:
        raise VerificationError(
            f"the weights are of {format_arch(space, arch)}, which is not what {target} names; "
            "give the weights of that architecture, or name this one"
        )
    if finalist.space.detector(arch) != space.detector(arch):
        raise VerificationError(
            f"the weights are of {format_arch(space, arch)} made with {dict(info.space_options)}, "
            f"but {target} searched with {dict(finalist.options)}; give weights trained with "
            "the options of the run"
        )
    return finalist


def _labels(info: WeightsInfo) -> tuple[str, ...]:
    return info.label_names or tuple(f"class {n}" for n in range(info.num_classes))


def _predictor(delivery: Delivery, finalist: Finalist) -> Predictor | None:
    if delivery.predictor is None and finalist.simulated is not None:
        raise VerificationError(
            f"{delivery.target} was searched on a simulated {finalist.simulated['device']}: no "
            "latency was measured, so there is nothing to certify the engine against; profile "
            "the device and give the predictor by -t, or name the architecture itself (SPACE:CODE)"
        )
    path = delivery.predictor or finalist.predictor_path
    return None if path is None else load_predictor(path)


def _predicted(
    delivery: Delivery, detector: Detector, predictor: Predictor | None
) -> PredictedLatency | None:
    """Predict the engine; refuse a predictor of another engine or setting."""
    if predictor is None:
        return None
    manifest = predictor.manifest
    same = (
        manifest.device.engine == delivery.engine
        and manifest.batch == delivery.batch
        and manifest.protocol.threads == delivery.threads
        and manifest.protocol.precision == delivery.precision
    )
    if not same:
        raise VerificationError(
            f"the predictor is of {manifest.device.engine} {manifest.protocol.precision}, "
            f"{manifest.protocol.threads} threads, batch {manifest.batch}; the export is of "
            f"{delivery.engine} {delivery.precision}, {delivery.threads} threads, batch "
            f"{delivery.batch}; export what was profiled, or name another predictor by -t"
        )
    here = get_backend(delivery.engine, delivery.engine_options).probe(delivery.device)
    if here.options != manifest.device.options:
        raise VerificationError(
            f"the predictor is of {delivery.engine} with options {manifest.device.options}, the "
            f"export with {here.options}; export what was profiled, or name another predictor by "
            "-t"
        )
    graph = detector.spec.graph(delivery.batch, delivery.precision)
    profiled = manifest.device.name
    return predicted_latency(
        predictor.predict(graph),
        graph,
        predictor.reference_ms,
        device="" if profiled == here.name else profiled,
    )


def _front(finalist: Finalist, arch: Architecture, budget_ms: float | None) -> Front | None:
    if finalist.folder is None:
        return None
    result = load_result(finalist.folder)
    return search_front(result, chosen=finalist.space.encode(arch), budget_ms=budget_ms)


def _agreement(
    table: LatencyTable | None, predictor: Predictor | None
) -> tuple[AgreementMark, ...]:
    if table is None or predictor is None:
        return ()
    return table_report(table, predictor).agreement
