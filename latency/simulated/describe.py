"""Simulated predictions as JSON-able fields, always labelled as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from searchspaces import parse_arch

from ..describe import describe_latency
from ..predictor import CONFIDENCE, Latency
from .predictor import PREFIX, SimulatedPredictor, make_simulated

LABEL = "simulated from data sheets; nothing was measured"


def is_simulated(name: str) -> bool:
    """Return whether a predictor's name asks for a simulated device: ``simulated:V100``."""
    return name.startswith(PREFIX)


def describe_simulated(
    arch: str, latency: Latency, predictor: SimulatedPredictor
) -> dict[str, Any]:
    """Return a prediction and what it was simulated with; ``simulated`` is always true."""
    device = predictor.device
    return {
        **describe_latency(arch, latency),
        "simulated": True,
        "note": LABEL,
        "device": device.name,
        "engine": predictor.engine,
        "precision": predictor.precision,
        "batch": predictor.batch,
        "calibrated": device.calibrated,
        "estimated_figures": list(device.estimated),
    }


def predict_simulated(
    name: str,
    archs: Sequence[str],
    *,
    precision: str = "fp32",
    input_hw: tuple[int, int] | None = None,
    confidence: float = CONFIDENCE,
) -> list[dict[str, Any]]:
    """Predict architectures of any space, or of the zoo, on a simulated device.

    Args:
        name: ``simulated:V100`` or ``simulated:V100:tensorrt``.
        archs: Each as ``space:code`` or ``zoo:NAME``.
        precision: ``fp32``, ``fp16`` or ``int8``.
        input_hw: Height and width of the network's input; ``None`` takes each one's own.
        confidence: Of the interval.

    Raises:
        PredictorError: Device, engine or precision are unknown.
        SearchSpaceError: An architecture is malformed or its space takes no such input.
    """
    predictor = make_simulated(name, precision)
    options = {} if input_hw is None else {"input_hw": input_hw}
    rows = []
    for text in archs:
        space, arch = parse_arch(text, **options)
        detector = space.detector(arch)
        latency = predictor.predict(detector, confidence)
        row = describe_simulated(text, latency, predictor)
        rows.append({**row, "input_hw": list(detector.input_hw)})
    return rows
