"""What OpenVINO's CPU plugin computes an fp16 model in; asks the plugin about the processor."""

from __future__ import annotations

from ..errors import EngineBuildError
from .engine import capabilities
from .options import HALVES

FULL = "f32"


def check_half(precision: str, half: str) -> None:
    """Refuse an option that says nothing, or that this CPU cannot do.

    Raises:
        EngineBuildError: ``half`` is chosen beside another precision than fp16, or is bfloat16 on
            a CPU without.
    """
    if half == HALVES[0]:
        return
    if precision != "fp16":
        raise EngineBuildError(
            f"the option half={half} says what precision fp16 computes in; leave it out at "
            f"precision {precision}, or build precision fp16"
        )
    if half.upper() not in capabilities():
        raise EngineBuildError(
            f"this CPU does not compute in {half}, but in {', '.join(capabilities())}; leave out "
            f"the option half={half}"
        )


def hint_of(precision: str, half: str) -> str:
    """Return what OpenVINO is to compute layers in floating point in.

    Asked for half where the CPU has none, OpenVINO takes bfloat16 instead, without a word:
    measured with 2026.4. So it is not asked.
    """
    if precision != "fp16":
        return FULL
    if half == "bf16":
        return "bf16"
    return "f16" if "FP16" in capabilities() else FULL


def half_warnings(precision: str, hint: str) -> tuple[str, ...]:
    """Return what an engine of this precision does not do here, in sentences."""
    if precision != "fp16" or hint != FULL:
        return ()
    return (
        "this CPU has no half-precision arithmetic: OpenVINO rounds weights to half and computes "
        "in float32, so expect no gain in speed from fp16",
    )
