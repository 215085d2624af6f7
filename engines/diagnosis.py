"""What this machine offers: engines present or why not, its device, what disturbs timing."""

from __future__ import annotations

from typing import Any

from .base import Backend
from .device import cpu_device
from .errors import EngineError
from .options import Configurable
from .registry import BACKENDS
from .stability import stability_report
from .tensorrt import limits_row, support_rows, visible_gpus


def diagnose() -> dict[str, Any]:
    """Return engines, devices, stability and version support as JSON-able fields.

    Every runtime that is installed is loaded, so that ``ready`` means it. A fingerprint is that of
    the CPU, or the GPU, as driven by the engine: the one that its measurements carry.

    Returns:
        ``device`` (the CPU), ``engines`` (``engine``, ``status``, ``version``, ``fingerprint``),
        ``options`` (``engine``, ``option``, ``takes``, ``default``, ``help`` of each there is),
        ``cuda`` (``device``, ``name``, ``driver``, ``fingerprint`` of each that torch sees),
        ``gpus`` (``gpu``, ``name``, ``capability``, ``tensorrt``, ``cuda``, ``lacks``, ``install``
        of each that the driver sees: which TensorRT and CUDA run on it, which arithmetic it lacks,
        what to install), ``unstable`` and ``support``. What an engine that is not ready would tell
        is empty.
    """
    return {
        "device": cpu_device("none", "none").to_dict(),
        "engines": [_engine_row(name, backend) for name, backend in BACKENDS.items()],
        "options": [row for each in BACKENDS.items() for row in _option_rows(*each)],
        "cuda": _cuda_rows(),
        "gpus": [limits_row(*gpu) for gpu in visible_gpus()],
        "unstable": list(stability_report()),
        "support": support_rows(),
    }


def _engine_row(name: str, backend: Backend) -> dict[str, str]:
    status, version, fingerprint = "ready", "", ""
    try:
        device = backend.probe()
        version, fingerprint = device.engine_version, device.fingerprint
    except Exception as error:  # a broken installation raises anything; a diagnosis tells it
        status = _told(error)
    return {
        "engine": name,
        "status": status,
        "version": version,
        "fingerprint": fingerprint,
    }


def _option_rows(engine: str, backend: Backend) -> list[dict[str, str]]:
    known = backend.known_options if isinstance(backend, Configurable) else {}
    return [
        {
            "engine": engine,
            "option": name,
            "takes": option.takes,
            "default": option.default_text,
            "help": option.help,
        }
        for name, option in known.items()
    ]


def _cuda_rows() -> list[dict[str, str]]:
    """Return one row per CUDA device that torch sees; none where torch does not load."""
    backend = BACKENDS.get("torch")
    try:
        if backend is None:
            return []
        backend.probe()
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    except Exception:  # the row of engine 'torch' says what is wrong with it
        return []
    return [_cuda_row(backend, f"cuda:{index}") for index in range(count)]


def _cuda_row(backend: Backend, name: str) -> dict[str, str]:
    try:
        device = backend.probe(name)
    except Exception as error:  # a GPU that fell off the bus is part of the diagnosis
        return {"device": name, "name": _told(error), "driver": "", "fingerprint": ""}
    return {
        "device": name,
        "name": device.name,
        "driver": device.driver,
        "fingerprint": device.fingerprint,
    }


def _told(error: Exception) -> str:
    if isinstance(error, EngineError):
        return str(error)  # says it in words of its own
    return f"does not work ({type(error).__name__}: {error})"
