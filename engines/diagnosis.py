"""What this machine offers: engines present or why not, its device, what disturbs timing."""

from __future__ import annotations

from typing import Any

from .device import cpu_device
from .registry import BACKENDS
from .stability import stability_report

# NVIDIA's release notes: TensorRT 10.5 and CUDA 13 removed Volta (compute capability 7.0).
SUPPORT = (
    {
        "device": "V100 (compute capability 7.0)",
        "tensorrt": "8.6.1 or 10.0 to 10.4",
        "cuda": "up to 12",
        "torch": "2.4 to 2.10 from PyPI; later ones lack sm_70 kernels",
        "precisions": "fp32, fp16; int8 without tensor cores; no bf16",
    },
    {
        "device": "T4, A100, H100 and newer",
        "tensorrt": "10.5 to 11",
        "cuda": "12 or 13",
        "torch": "2.4 or newer",
        "precisions": "fp32, fp16, int8",
    },
)


def diagnose() -> dict[str, Any]:
    """Return engines, device, stability and version support as JSON-able fields."""
    return {
        "device": cpu_device("none", "none").to_dict(),
        "engines": [
            {"engine": name, "status": backend.unavailable_reason() or "ready"}
            for name, backend in BACKENDS.items()
        ],
        "unstable": list(stability_report()),
        "support": [dict(row) for row in SUPPORT],
    }
