"""Which releases run on which GPUs, for readers who have none at hand."""

from __future__ import annotations

from .limits import TURING, VOLTA, Capability, Release, device_limits, install_line
from .releases import APIS, OLDEST

OLDEST_NAME = "8.6.1"
"""The one release of :data:`OLDEST` that is driven."""


def support_rows() -> list[dict[str, str]]:
    """Return one row for the V100 and one for newer GPUs: what runs there, and what installs it.

    Releases of TensorRT and CUDA are those of :data:`LIMITS` that this version drives.
    """
    return [
        {
            "device": "V100 (compute capability 7.0)",
            **_releases(VOLTA),
            "torch": "2.4 to 2.10 from PyPI; later ones lack sm_70 kernels",
            "precisions": "fp32, fp16; int8 without tensor cores; no bf16",
            "install": install_line(VOLTA),
        },
        {
            "device": "T4, A100, H100 and newer",
            **_releases(TURING),
            "torch": "2.4 or newer",
            "precisions": "fp32, fp16, int8",
            "install": install_line(TURING),
        },
    ]


def _releases(capability: Capability) -> dict[str, str]:
    last = {limit.subject: limit.last for limit in device_limits(capability)}
    cuda = last.get("cuda")
    return {
        "tensorrt": _driven(last.get("tensorrt")),
        "cuda": "12 or 13" if cuda is None else f"up to {cuda[0]}.{cuda[1]}",
    }


def _driven(last: Release | None) -> str:
    """Return the releases of TensorRT that are driven, up to the last that runs on a GPU."""
    names = {major: str(major) for major in sorted(APIS)} | {OLDEST[0]: OLDEST_NAME}
    whole = [name for major, name in names.items() if last is None or major < last[0]]
    if last is not None:
        whole.append(f"{last[0]}.0 to {last[0]}.{last[1]}")
    return f"{', '.join(whole[:-1])} or {whole[-1]}"
