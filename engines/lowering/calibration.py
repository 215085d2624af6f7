"""How far tensors reach on real inputs, by onnxruntime's calibration. Imports onnxruntime."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime import quantization
from onnxruntime.quantization.calibrate import CalibraterBase, TensorsData

from ..base import Arrays
from ..errors import EngineBuildError, foreign_errors
from .methods import CALIBRATION_METHODS
from .quantized import QUANTIZED, Range, quantizable

_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "minmax": {"symmetric": False},
    "percentile": {"symmetric": False, "num_bins": 2048, "percentile": 99.99},
    # onnxruntime's default of 128 bins for 128 steps leaves the search nothing to choose from.
    "entropy": {"symmetric": False, "num_bins": 512, "num_quantized_bins": 128},
}


def calibrate(
    content: bytes,
    batches: Iterable[Arrays],
    method: str = CALIBRATION_METHODS[0],
    operators: Sequence[str] = QUANTIZED,
) -> dict[str, Range]:
    """Return between which ends each tensor lies that operators take or give.

    The model runs on one batch after the other; histograms are merged, tensors are not kept.

    Args:
        content: The serialised model, prepared.
        batches: Arrays by input name.
        method: ``minmax`` takes the extremes, ``percentile`` leaves out one of ten thousand,
            ``entropy`` loses the least information (Kullback-Leibler; Migacz, 8-bit inference with
            TensorRT, GTC 2017).
        operators: Whose tensors.

    Returns:
        Lower and upper end by tensor; empty for a model without products to quantise.

    Raises:
        EngineBuildError: There are no batches, they do not fit the model, or the method is
            unknown.
    """
    if method not in CALIBRATION_METHODS:
        raise EngineBuildError(
            f"unknown calibration method {method!r}; known are {', '.join(CALIBRATION_METHODS)}"
        )
    model = onnx.load_from_string(content)
    if not quantizable(model.graph):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        with _quietly():
            calibrator = _open(model, Path(folder), method, operators)
        found = _collect(calibrator, batches)
    return {name: _ends(data.range_value) for name, data in found.items()}


@contextmanager
def _quietly() -> Iterator[None]:
    """Translate what onnxruntime raises, and drop what it prints about its progress."""
    with (
        foreign_errors(EngineBuildError, "the model cannot be quantised"),
        redirect_stdout(io.StringIO()),
    ):
        yield


def _open(
    model: onnx.ModelProto, folder: Path, method: str, operators: Sequence[str]
) -> CalibraterBase:
    path = folder / "model.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(model), path)
    kinds = quantization.CalibrationMethod
    return quantization.calibrate.create_calibrator(
        path,
        list(operators),
        str(folder / "augmented.onnx"),
        {"minmax": kinds.MinMax, "percentile": kinds.Percentile, "entropy": kinds.Entropy}[method],
        extra_options=dict(_OPTIONS[method]),
    )


def _collect(calibrator: CalibraterBase, batches: Iterable[Arrays]) -> TensorsData:
    seen = 0
    for batch in batches:
        with _quietly():
            calibrator.collect_data(_Reader([batch]))
        seen += 1
    if not seen:
        raise EngineBuildError("int8 needs at least one batch of arrays to calibrate on")
    with _quietly():
        return calibrator.compute_data()


def _ends(found: Sequence[Any]) -> Range:
    low, high = (np.asarray(end, np.float64) for end in found)
    return float(low.min()), float(high.max())


class _Reader:
    """Hand batches to onnxruntime's calibration, one at a time."""

    def __init__(self, batches: Sequence[Arrays]) -> None:
        self._batches = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next batch, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else dict(batch)
