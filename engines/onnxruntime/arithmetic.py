"""What onnxruntime's CPU provider makes of an fp16 model; loads nothing."""

from __future__ import annotations

import platform

WITHOUT_HALF = ("x86_64", "amd64")
"""Processors on which an fp16 model was found to be computed in float32 (onnxruntime 1.31)."""


def half_warnings(precision: str) -> tuple[str, ...]:
    """Return what an engine of this precision does not do here, in sentences.

    Where there is no kernel in half, onnxruntime puts casts around the operator and takes them out
    again between two such operators: tensors are stored in float32 and nothing overflows. Of other
    processors nothing is said, because nothing was measured.
    """
    if precision != "fp16" or platform.machine().lower() not in WITHOUT_HALF:
        return ()
    return (
        "onnxruntime has no half-precision kernels for this CPU: weights are rounded to half, "
        "arithmetic is float32, so expect no gain in speed from fp16",
    )
