"""Simulated predictions as JSON-able fields, always labelled as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from searchspaces import parse_arch

from ..prediction import CONFIDENCE, Latency
from ..simulated.device import WIDER
from ..simulated.device_file import PREFIX, get_simulated_device, simulated_devices
from ..simulated.predictor import SimulatedPredictor, make_simulated
from .prediction import describe_latency

LABEL = "simulated from data sheets; nothing was measured"


def describe_simulated(
    arch: str, latency: Latency, predictor: SimulatedPredictor
) -> dict[str, Any]:
    """Return a prediction and what it was simulated with; ``simulated`` is always true."""
    return {
        **describe_latency(arch, latency),
        "simulated": True,
        **describe_simulation(predictor),
    }


def describe_simulation(predictor: SimulatedPredictor) -> dict[str, Any]:
    """Return what is simulated, and that nothing was measured."""
    return {
        "note": LABEL,
        "device": predictor.device.name,
        "engine": predictor.engine,
        "precision": predictor.precision,
        "batch": predictor.batch,
        "calibrated": predictor.device.calibrated,
        "estimated_figures": list(predictor.device.estimated),
    }


def describe_devices() -> list[dict[str, Any]]:
    """Return the simulated devices, what runs on them and how well each is known."""
    devices = [get_simulated_device(name) for name in simulated_devices()]
    return [
        {
            "name": f"{PREFIX}{device.name}",
            "about": device.about,
            "engines": list(device.launch_us),
            "precisions": [name for name in WIDER if name in device.peak_tflops],
            "calibrated": device.calibrated,
            "estimated_figures": list(device.estimated),
        }
        for device in devices
    ]


def predict_simulated(
    name: str,
    archs: Sequence[str],
    *,
    precision: str = "fp32",
    input_hw: tuple[int, int] | None = None,
    confidence: float = CONFIDENCE,
    batch: int = 1,
) -> list[dict[str, Any]]:
    """Predict architectures of any space, or of the zoo, on a simulated device.

    Args:
        name: ``simulated:V100`` or ``simulated:V100:tensorrt``.
        archs: Each as ``space:code`` or ``zoo:NAME``.
        precision: ``fp32``, ``fp16`` or ``int8``.
        input_hw: Height and width of the network's input; ``None`` takes each one's own.
        confidence: Of the interval.
        batch: Images per run.

    Raises:
        PredictorError: Device, engine or precision are unknown, or the batch is below 1.
        SearchSpaceError: An architecture is malformed or its space takes no such input.
    """
    predictor = make_simulated(name, precision, batch=batch)
    options = {} if input_hw is None else {"input_hw": input_hw}
    rows = []
    for text in archs:
        space, arch = parse_arch(text, **options)
        detector = space.detector(arch)
        latency = predictor.predict(detector, confidence)
        row = describe_simulated(text, latency, predictor)
        rows.append({**row, "input_hw": list(detector.input_hw)})
    return rows
