"""Errors of the export room.

ExportError
├── GraphError                 an ONNX graph with control flow, dynamic shapes or other outputs
├── BundleError                a folder that is no bundle of this version, or cannot be written
│   ├── BundleTamperedError    a file whose content is not what the manifest says
│   ├── BundleFilesError       a file that is missing, extra, a link, or named outside the folder
│   ├── BundleRuntimeError     another runtime version than the engine was checked with
│   └── BundleMachineError     another processor architecture than the engine was checked on
├── ParityError                detections that cannot be compared
├── VerificationError          data, weights or options with which nothing can be verified
├── PrecisionError             a precision that cannot be had like this, or too large a loss
├── DemoError                  a folder that this demo cannot go on with
├── DetectError                images that cannot be detected on, or an output that is in the way
└── ReportError                a report that cannot be written
"""

from __future__ import annotations


class ExportError(ValueError):
    """Base of every error that the room raises on bad input."""


class GraphError(ExportError):
    """An ONNX graph is not what every engine takes; the message names the node."""


class BundleError(ExportError):
    """A folder is not a bundle that this version reads, or a bundle cannot be written."""


class BundleTamperedError(BundleError):
    """The content of a bundle's file differs from what its manifest says."""


class BundleFilesError(BundleError):
    """A bundle's files are not the ones that its manifest lists."""


class BundleRuntimeError(BundleError):
    """The installed runtime is another version than the bundle's engine was checked with."""


class BundleMachineError(BundleError):
    """This machine's architecture is another than the bundle's engine was checked on."""


class ParityError(ExportError):
    """Two lists of detections cannot be compared."""


class VerificationError(ExportError):
    """Nothing can be verified with this data, these weights or these options."""


class PrecisionError(ExportError):
    """A precision cannot be had with this engine, these images or these options."""


class DemoError(ExportError):
    """A folder holds something else than the demo that is asked for."""


class DetectError(ExportError):
    """An image cannot be detected on, or the results cannot be written."""


class ReportError(ExportError):
    """A report cannot be written."""
