"""Export: ONNX graph, engine, verification gate, bundle, detection with a bundle, report.

Nothing heavy is loaded before it is used: ``import export`` loads neither torch nor onnx.

Where things are, each folder knowing only those below it:

    demo            everything once, on this machine
    runtime.py      detect with a bundle on a device without torch
    delivery        from trained weights to a bundle with a verdict
    precision       fp16 and int8: calibration, what has to stay in fp32, the ladder
    verification    verify a bundle, certify it where it is
    request         what a caller asks for
    report          the HTML page, and what fills it
    timing          how long an engine takes, and where a prediction was wrong
    comparison      torch and engine on the same images, down to single modules
    running         a bundle's engine or its torch model on images; drawing
    bundle          the folder: files, manifest, hashes, where its engine may run
    gate            the verdict: pure functions of what was found
    graph           the ONNX model of a whole detector: written, simplified, inspected
    check           would a TensorRT release take a graph, and what to change
    records         what is written down about an engine
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundle.bundle import Bundle, load_bundle
    from .bundle.certificate import Certificate
    from .bundle.manifest import GateLimits, Manifest
    from .bundle.platforms import Platform
    from .bundle.postprocess import Detections, Postprocess
    from .bundle.runnable import Runnable, read_runnable
    from .bundle.writer import write_bundle
    from .check import CheckError, CheckReport, Finding, FixReport, check_onnx, fix_onnx
    from .delivery.delivery import Delivery, deliver
    from .delivery.exporter import ExportResult, export_detector
    from .demo.demo import run_demo
    from .demo.result import DemoResult
    from .demo.settings import DemoSettings
    from .errors import (
        BundleError,
        BundleFilesError,
        BundleMachineError,
        BundleRuntimeError,
        BundleTamperedError,
        DemoError,
        DetectError,
        ExportError,
        GraphError,
        ParityError,
        PrecisionError,
        ReportError,
        VerificationError,
    )
    from .gate.bootstrap import Drop, images_to_decide, paired_drops
    from .gate.outcome import Check, GateVerdict, Outcome
    from .gate.parity import ParityReport, compare_detections
    from .gate.verdict import judge
    from .graph.model import check_graph, detector_to_onnx, export_onnx
    from .records.accuracy import Accuracy, AccuracyRow
    from .records.engine import Artifact, EngineRecord, Origin
    from .records.latency import MeasuredLatency, ModuleShare, PredictedLatency
    from .records.precision import (
        CalibrationImage,
        CalibrationRecord,
        KeptNode,
        PrecisionRecord,
        PrecisionRow,
        SearchRecord,
    )
    from .records.times import (
        Attribution,
        EndToEnd,
        LatencyReport,
        ModuleGap,
        Position,
        StageTimes,
    )
    from .report.bundle import bundle_report
    from .report.data import AgreementMark, Front, FrontMark, Picture, ReportData, Sample
    from .report.describe import describe_bundle
    from .report.fronts import search_front
    from .report.page import report_html, write_report
    from .report.runs import run_report, table_report
    from .report.sources import report_of
    from .report.tensorrt import check_releases
    from .request.choices import PrecisionChoices
    from .request.request import ExportRequest
    from .running.detect import FoundObject, ImageResult, detect_files, detect_image
    from .running.drawing import draw
    from .running.network import load_detector, origin_of, spec_of
    from .running.session import Session
    from .runtime import BundleDetector, Found
    from .timing.predicted import predicted_latency
    from .verification.certify import Verification, verify_here
    from .verification.verify import verify_bundle
    from .verification.verify_report import VerifyReport

__all__ = [
    "Accuracy",
    "AccuracyRow",
    "AgreementMark",
    "Artifact",
    "Attribution",
    "Bundle",
    "BundleDetector",
    "BundleError",
    "BundleFilesError",
    "BundleMachineError",
    "BundleRuntimeError",
    "BundleTamperedError",
    "CalibrationImage",
    "CalibrationRecord",
    "Certificate",
    "Check",
    "CheckError",
    "CheckReport",
    "Delivery",
    "DemoError",
    "DemoResult",
    "DemoSettings",
    "DetectError",
    "Detections",
    "Drop",
    "EndToEnd",
    "EngineRecord",
    "ExportError",
    "ExportRequest",
    "ExportResult",
    "Finding",
    "FixReport",
    "Found",
    "FoundObject",
    "Front",
    "FrontMark",
    "GateLimits",
    "GateVerdict",
    "GraphError",
    "ImageResult",
    "KeptNode",
    "LatencyReport",
    "Manifest",
    "MeasuredLatency",
    "ModuleGap",
    "ModuleShare",
    "Origin",
    "Outcome",
    "ParityError",
    "ParityReport",
    "Picture",
    "Platform",
    "Position",
    "Postprocess",
    "PrecisionChoices",
    "PrecisionError",
    "PrecisionRecord",
    "PrecisionRow",
    "PredictedLatency",
    "ReportData",
    "ReportError",
    "Runnable",
    "Sample",
    "SearchRecord",
    "Session",
    "StageTimes",
    "Verification",
    "VerificationError",
    "VerifyReport",
    "bundle_report",
    "check_graph",
    "check_onnx",
    "check_releases",
    "compare_detections",
    "deliver",
    "describe_bundle",
    "detect_files",
    "detect_image",
    "detector_to_onnx",
    "draw",
    "export_detector",
    "export_onnx",
    "fix_onnx",
    "images_to_decide",
    "judge",
    "load_bundle",
    "load_detector",
    "origin_of",
    "paired_drops",
    "predicted_latency",
    "read_runnable",
    "report_html",
    "report_of",
    "run_demo",
    "run_report",
    "search_front",
    "spec_of",
    "table_report",
    "verify_bundle",
    "verify_here",
    "write_bundle",
    "write_report",
]

_HOME = {
    "bundle.bundle": "Bundle load_bundle",
    "bundle.certificate": "Certificate",
    "bundle.manifest": "GateLimits Manifest",
    "bundle.platforms": "Platform",
    "bundle.postprocess": "Detections Postprocess",
    "bundle.runnable": "Runnable read_runnable",
    "bundle.writer": "write_bundle",
    "check": "CheckError CheckReport Finding FixReport check_onnx fix_onnx",
    "delivery.delivery": "Delivery deliver",
    "delivery.exporter": "ExportResult export_detector",
    "demo.demo": "run_demo",
    "demo.result": "DemoResult",
    "demo.settings": "DemoSettings",
    "errors": (
        "BundleError BundleFilesError BundleMachineError BundleRuntimeError BundleTamperedError "
        "DemoError DetectError ExportError GraphError ParityError PrecisionError ReportError "
        "VerificationError"
    ),
    "gate.bootstrap": "Drop images_to_decide paired_drops",
    "gate.outcome": "Check GateVerdict Outcome",
    "gate.parity": "ParityReport compare_detections",
    "gate.verdict": "judge",
    "graph.model": "check_graph detector_to_onnx export_onnx",
    "records.accuracy": "Accuracy AccuracyRow",
    "records.engine": "Artifact EngineRecord Origin",
    "records.latency": "MeasuredLatency ModuleShare PredictedLatency",
    "records.precision": (
        "CalibrationImage CalibrationRecord KeptNode PrecisionRecord PrecisionRow SearchRecord"
    ),
    "records.times": "Attribution EndToEnd LatencyReport ModuleGap Position StageTimes",
    "report.bundle": "bundle_report",
    "report.data": "AgreementMark Front FrontMark Picture ReportData Sample",
    "report.describe": "describe_bundle",
    "report.fronts": "search_front",
    "report.page": "report_html write_report",
    "report.runs": "run_report table_report",
    "report.sources": "report_of",
    "report.tensorrt": "check_releases",
    "request.choices": "PrecisionChoices",
    "request.request": "ExportRequest",
    "running.detect": "FoundObject ImageResult detect_files detect_image",
    "running.drawing": "draw",
    "running.network": "load_detector origin_of spec_of",
    "runtime": "BundleDetector Found",
    "running.session": "Session",
    "timing.predicted": "predicted_latency",
    "verification.certify": "Verification verify_here",
    "verification.verify": "verify_bundle",
    "verification.verify_report": "VerifyReport",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'export' has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
