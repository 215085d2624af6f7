"""Export: ONNX graph, engine, verification gate, bundle, detection with a bundle, report.

Nothing heavy is loaded before it is used: ``import export`` loads neither torch nor onnx.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bootstrap import Drop, images_to_decide, paired_drops
    from .bundle import Bundle, load_bundle
    from .bundle_writer import write_bundle
    from .certificate import Certificate
    from .certify import Verification, verify_here
    from .check import CheckError, CheckReport, Finding, FixReport, check_onnx, fix_onnx
    from .delivery import Delivery, deliver
    from .demo import DemoResult, run_demo
    from .demo_settings import DemoSettings
    from .describe import describe_bundle
    from .detect import FoundObject, ImageResult, detect_files, detect_image
    from .drawing import draw
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
        ReportError,
        VerificationError,
    )
    from .exporter import ExportResult, export_detector
    from .gate import judge
    from .latency_records import (
        Attribution,
        EndToEnd,
        LatencyReport,
        ModuleGap,
        Position,
        StageTimes,
    )
    from .manifest import GateLimits, Manifest
    from .network import load_detector, origin_of, spec_of
    from .onnx_model import check_graph, detector_to_onnx, export_onnx
    from .outcome import Check, GateVerdict, Outcome
    from .parity import ParityReport, compare_detections
    from .platforms import Platform
    from .postprocess import Detections, Postprocess
    from .precision.choices import PrecisionChoices
    from .precision.errors import PrecisionError
    from .precision.records import (
        CalibrationImage,
        CalibrationRecord,
        KeptNode,
        PrecisionRecord,
        PrecisionRow,
        SearchRecord,
    )
    from .predicted import predicted_latency
    from .records import (
        Accuracy,
        AccuracyRow,
        Artifact,
        EngineRecord,
        MeasuredLatency,
        ModuleShare,
        Origin,
        PredictedLatency,
    )
    from .report import report_html, write_report
    from .report_bundle import bundle_report
    from .report_data import AgreementMark, Front, FrontMark, Picture, ReportData, Sample
    from .report_sources import run_report, search_front, table_report
    from .report_tensorrt import check_releases
    from .request import ExportRequest
    from .runnable import Runnable, read_runnable
    from .runtime import BundleDetector, Found
    from .session import Session
    from .sources import report_of
    from .verify import VerifyReport, verify_bundle

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
    "bootstrap": "Drop images_to_decide paired_drops",
    "bundle": "Bundle load_bundle",
    "bundle_writer": "write_bundle",
    "certificate": "Certificate",
    "certify": "Verification verify_here",
    "check": "CheckError CheckReport Finding FixReport check_onnx fix_onnx",
    "delivery": "Delivery deliver",
    "demo": "DemoResult run_demo",
    "demo_settings": "DemoSettings",
    "describe": "describe_bundle",
    "detect": "FoundObject ImageResult detect_files detect_image",
    "drawing": "draw",
    "errors": (
        "BundleError BundleFilesError BundleMachineError BundleRuntimeError BundleTamperedError "
        "DemoError DetectError ExportError GraphError ParityError ReportError VerificationError"
    ),
    "exporter": "ExportResult export_detector",
    "gate": "judge",
    "latency_records": "Attribution EndToEnd LatencyReport ModuleGap Position StageTimes",
    "manifest": "GateLimits Manifest",
    "network": "load_detector origin_of spec_of",
    "onnx_model": "check_graph detector_to_onnx export_onnx",
    "outcome": "Check GateVerdict Outcome",
    "parity": "ParityReport compare_detections",
    "platforms": "Platform",
    "postprocess": "Detections Postprocess",
    "precision.choices": "PrecisionChoices",
    "precision.errors": "PrecisionError",
    "precision.records": (
        "CalibrationImage CalibrationRecord KeptNode PrecisionRecord PrecisionRow SearchRecord"
    ),
    "predicted": "predicted_latency",
    "records": (
        "Accuracy AccuracyRow Artifact EngineRecord MeasuredLatency ModuleShare Origin "
        "PredictedLatency"
    ),
    "report": "report_html write_report",
    "report_bundle": "bundle_report",
    "report_data": "AgreementMark Front FrontMark Picture ReportData Sample",
    "report_sources": "run_report search_front table_report",
    "report_tensorrt": "check_releases",
    "request": "ExportRequest",
    "runnable": "Runnable read_runnable",
    "runtime": "BundleDetector Found",
    "session": "Session",
    "sources": "report_of",
    "verify": "VerifyReport verify_bundle",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'export' has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
