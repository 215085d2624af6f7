"""Which precisions are written into the graph of which engine, and on what they are calibrated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import PrecisionError
from .calibration import CalibrationSet, draw_calibration

if TYPE_CHECKING:
    from ..request.request import ExportRequest

WRITTEN = {"onnxruntime": ("fp16", "int8"), "openvino": ("fp16", "int8"), "tensorrt": ("int8",)}
"""Engine -> precisions that are written into the graph; for others the backend has its own way."""

NATIVE = ("onnxruntime",)
"""Engines whose int8 kernels take another graph than TensorRT's."""

COMPARED = ("onnxruntime", "openvino")
"""Engines that are built in seconds, so that rungs are compared and sets of nodes tried out."""


def open_calibration(request: ExportRequest) -> CalibrationSet | None:
    """Return the images that an export is calibrated on; ``None`` where none are needed.

    Raises:
        PrecisionError: int8 without images to calibrate on.
        DatasetError: Images are not there.
    """
    if request.precision != "int8" or "int8" not in WRITTEN.get(request.engine, ()):
        return None
    folder = request.lowering.calibration_dir or request.data_dir
    if folder is None:
        raise PrecisionError(
            "int8 is calibrated on images and there are none; name a data folder "
            "by --verify or --calibrate"
        )
    return draw_calibration(
        request.lowering,
        request.preprocess,
        data_dir=request.data_dir or folder,
        split=request.split,
        batch=request.batch,
    )
